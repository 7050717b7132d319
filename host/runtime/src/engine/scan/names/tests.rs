//! Readings of CSV by which columns would get other names.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::object_store::memory::InMemory;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore as _, ObjectStoreExt as _};
use futures::TryStreamExt as _;

use super::*;
use crate::engine::Engine;
use crate::limits::Limits;
use crate::spec::{SchemaSource, Uri};

async fn opened(texts: &[&[u8]], change: impl Fn(&mut CsvOptions)) -> Result<Vec<String>> {
    let store = InMemory::new();
    for (at, text) in texts.iter().enumerate() {
        let name = Path::from(format!("{at}.csv"));
        store.put(&name, text.to_vec().into()).await.unwrap();
    }
    let mut objects: Vec<_> = store.list(None).try_collect().await.unwrap();
    objects.sort_by(|one, other| one.location.cmp(&other.location));
    let files = Files {
        store: Arc::new(store),
        objects,
        origin: "s3://raw/".to_owned(),
        local: false,
        discreet: true,
    };
    let uri = Uri::parse("s3://raw/*.csv", None).unwrap();
    let mut input = Input::guess("sales", uri, "0.csv").unwrap();
    if let InputFormat::Csv(options) = &mut input.format {
        change(options);
    }
    let engine = Engine::new(&Limits::default(), 1)?;
    Ok(engine.open(0, &input, &files).await?.columns())
}

const TEXT: &[u8] = b"id,email\n1,ann@canary.example\n";

fn declared(names: &[&str]) -> SchemaSource {
    let fields = names
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, true));
    SchemaSource::Explicit(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

#[tokio::test]
async fn the_plain_reading_is_accepted() {
    let names = opened(&[TEXT, b""], |_| {}).await.unwrap();
    assert_eq!(names, ["id", "email"]);
    let names = opened(&[TEXT], |options| {
        options.schema = declared(&["id", "email"]);
    })
    .await;
    assert_eq!(names.unwrap(), ["id", "email"]);
    let tabs = opened(&[b"id\temail\n1\tx\n"], |options| options.delimiter = b'\t').await;
    assert_eq!(tabs.unwrap(), ["id", "email"]);
}

#[tokio::test]
async fn every_other_reading_is_refused_without_a_value() {
    type Change = fn(&mut CsvOptions);
    let changes: [(&str, Change); 11] = [
        ("header", |options| options.header = false),
        ("header", |options| {
            options.header = false;
            options.schema = declared(&["id", "x"]);
        }),
        ("quote", |options| options.quote = b'i'),
        ("escape", |options| options.escape = Some(b'e')),
        ("comment", |options| options.comment = Some(b'i')),
        ("multiline", |options| options.multiline = Some(false)),
        ("delimiter", |options| options.delimiter = b'm'),
        ("first line", |options| options.delimiter = b';'),
        ("first line", |options| options.delimiter = b'|'),
        ("first line", |options| {
            options.schema = declared(&["id", "x"]);
        }),
        ("first line", |options| {
            options.schema = declared(&["email", "id"]);
        }),
    ];
    for (part, change) in changes {
        let error = opened(&[TEXT], change).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Policy, "{error}");
        assert!(error.to_string().contains(part), "{part}: {error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn other_formats_in_the_clothes_of_csv_are_refused() {
    for text in [
        b"{\"email\":\"ann@canary.example\"}\n{\"email\":\"x\"}\n".as_slice(),
        b"[\n{\"email\":\"ann@canary.example\"}\n]\n",
        b"PAR1\x15\x04\x15canary\n",
        b"\xFF\xFEi\0d\0,\0e\0",
    ] {
        let error = opened(&[text], |_| {}).await.unwrap_err();
        let told = format!("{error} {:?}", error.hints());
        assert!(!told.contains("canary"), "{told}");
    }
}

#[tokio::test]
async fn every_file_names_its_columns_alike() {
    // Inference looks at no more than eight files.
    let mut texts = vec![TEXT; 9];
    texts.push(b"email,id\nann@canary.example,1\n");
    let error = opened(&texts, |options| {
        options.schema = declared(&["id", "email"]);
    })
    .await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("9.csv"), "{error}");
}
