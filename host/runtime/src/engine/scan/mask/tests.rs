//! Masked inputs: their schemas, their rows, and what is read for them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, StructArray};
use arrow::datatypes::Field;
use arrow::util::pretty::pretty_format_batches;
use datafusion::object_store::memory::InMemory;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore as _, ObjectStoreExt as _};
use futures::TryStreamExt as _;
use parquet::arrow::ArrowWriter;

use super::*;
use crate::engine::{Engine, Files};
use crate::limits::Limits;
use crate::spec::{Input, Uri};

const CSV: &str = "id,email,day,note\n1,ann@canary.example,2026-01-01,a\n2,,2026-01-02,b\n3,ann@canary.example,2026-01-03,c\n";

async fn files(named: &[(&str, Vec<u8>)]) -> Files {
    let store = InMemory::new();
    for (name, bytes) in named {
        let bytes = bytes.clone();
        store.put(&Path::from(*name), bytes.into()).await.unwrap();
    }
    let mut objects: Vec<_> = store.list(None).try_collect().await.unwrap();
    objects.sort_by(|one, other| one.location.cmp(&other.location));
    Files {
        store: Arc::new(store),
        objects,
        origin: "s3://raw/".to_owned(),
        local: false,
        discreet: true,
    }
}

fn input(name: &str) -> Input {
    let uri = Uri::parse(&format!("s3://raw/{name}"), None).unwrap();
    Input::guess("sales", uri, name).unwrap()
}

fn masks(of: &[(&str, ColumnMask)]) -> BTreeMap<String, ColumnMask> {
    let of = of.iter().cloned();
    of.map(|(name, mask)| (name.to_owned(), mask)).collect()
}

fn hash() -> ColumnMask {
    ColumnMask::Hash(HashKey::new("pepper", b"k").unwrap())
}

/// The rows of an input under masks.
async fn rows(
    input: &Input,
    files: &Files,
    masks: &BTreeMap<String, ColumnMask>,
) -> Result<Vec<RecordBatch>> {
    let engine = Engine::new(&Limits::default(), 1)?;
    let scan = engine.open(0, input, files).await?.scan(masks)?;
    let schema = Arc::new(scan.schema().as_arrow().clone());
    let plan = engine.plan(&scan).await?;
    let mut batches = Vec::new();
    for partition in 0..plan.partitions() {
        let rows: Vec<_> = plan.execute(partition)?.try_collect().await?;
        for batch in &rows {
            assert_eq!(batch.schema().fields(), schema.fields());
        }
        batches.extend(rows);
    }
    Ok(batches)
}

fn table(batches: &[RecordBatch]) -> String {
    pretty_format_batches(batches).unwrap().to_string()
}

#[tokio::test]
async fn columns_are_hidden_null_or_hashed() {
    let files = files(&[("x.csv", CSV.into())]).await;
    let input = input("x.csv");
    let hashed = rows(&input, &files, &masks(&[("email", hash())]))
        .await
        .unwrap();
    let text = table(&hashed);
    assert!(
        !text.contains("canary") && text.contains("2026-01-03"),
        "{text}"
    );
    let column = hashed[0].column_by_name("email").unwrap();
    let column = column.as_any().downcast_ref::<StringArray>().unwrap();
    assert_eq!(column.value(0), column.value(2));
    assert_eq!(column.value(0).len(), 64);

    let all = masks(&[
        ("email", ColumnMask::Hide),
        ("day", ColumnMask::Null),
        ("note", hash()),
    ]);
    let batches = rows(&input, &files, &all).await.unwrap();
    let schema = batches[0].schema();
    let names: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    assert_eq!(names, ["id", "day", "note"]);
    assert_eq!(schema.field(1).data_type(), &DataType::Date32);
    assert_eq!(batches[0].column(1).null_count(), 3);
    assert_eq!(schema.field(2).data_type(), &DataType::Utf8);
    // The same again masks nothing more.
    assert_eq!(rows(&input, &files, &all).await.unwrap(), batches);
}

#[tokio::test]
async fn rows_are_counted_where_every_column_is_null() {
    let files = files(&[("x.csv", CSV.into())]).await;
    let all = ["id", "email", "day", "note"].map(|name| (name, ColumnMask::Null));
    let batches = rows(&input("x.csv"), &files, &masks(&all)).await.unwrap();
    let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(count, 3);
    let hidden = ["id", "email", "day", "note"].map(|name| (name, ColumnMask::Hide));
    let error = rows(&input("x.csv"), &files, &masks(&hidden))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Policy);
    assert!(error.to_string().contains("every column"), "{error}");
}

#[tokio::test]
async fn a_column_of_columns_is_masked_as_a_whole_and_not_hashed() {
    let street: ArrayRef = Arc::new(StringArray::from(vec!["canary"]));
    let field = Arc::new(Field::new("street", DataType::Utf8, true));
    let address: ArrayRef = Arc::new(StructArray::from(vec![(field, street)]));
    let id: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("id", id), ("address", address)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let files = files(&[("x.parquet", bytes)]).await;
    let input = input("x.parquet");
    for mask in [ColumnMask::Null, ColumnMask::Hide] {
        let batches = rows(&input, &files, &masks(&[("address", mask)]))
            .await
            .unwrap();
        let text = table(&batches);
        assert!(!text.contains("canary") && text.contains('1'), "{text}");
    }
    let error = rows(&input, &files, &masks(&[("address", hash())]))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("`address`"), "{error}");
}

#[tokio::test]
async fn words_for_null_do_not_tell_where_a_value_stands() {
    use crate::spec::InputFormat;
    let files = files(&[("x.csv", CSV.into())]).await;
    let mut input = input("x.csv");
    if let InputFormat::Csv(options) = &mut input.format {
        options.nulls = vec!["ann@canary.example".to_owned()];
    }
    let error = rows(&input, &files, &masks(&[("email", hash())]))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("`nulls`"), "{error}");
    assert!(
        rows(&input, &files, &masks(&[("email", ColumnMask::Null)]))
            .await
            .is_ok()
    );
}
