//! Texts with any records in any pieces: what is good arrives in order, what is not is told with its place.

use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::object_store::memory::InMemory;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectStore as _, ObjectStoreExt as _};
use futures::TryStreamExt as _;
use proptest::prelude::*;

use super::lines;
use crate::engine::{Engine, Files};
use crate::error::Result;
use crate::limits::Limits;
use crate::spec::{
    BadRows, CsvOptions, Input, InputFormat, JsonOptions, OnError, SchemaSource, Uri,
};

/// A record, and whether it can be read as an integer and a text.
#[derive(Clone, Debug)]
struct Record {
    text: String,
    id: Option<i64>,
}

fn record(text: String, id: Option<i64>) -> Record {
    Record { text, id }
}

fn csv() -> impl Strategy<Value = Record> {
    let good = (
        0..1_000_i64,
        prop_oneof!["[a-z ]{0,9}", "\"[a-z,\n ]{0,9}\""],
    );
    let good = good.prop_map(|(id, text)| record(format!("{id},{text}"), Some(id)));
    let bad = prop_oneof![
        "[a-z]{1,5},[a-z]{0,5}",
        "[0-9]{1,3}",
        "[0-9]{1,3},[a-z]{0,5},[a-z]{0,5}",
        "9[0-9]{19},[a-z]{0,5}",
    ];
    prop_oneof![4 => good, 1 => bad.prop_map(|text| record(text, None))]
}

fn ndjson() -> impl Strategy<Value = Record> {
    let good = (0..1_000_i64, "[a-z ]{0,9}");
    let good =
        good.prop_map(|(id, text)| record(format!("{{\"id\":{id},\"t\":\"{text}\"}}"), Some(id)));
    let bad = prop_oneof![
        "[a-z]{1,5}",
        "\\{\"id\":[0-9]{1,3}",
        "\\{\"id\":\"[a-z]{1,3}\"\\}",
        "\\{\"id\":[0-9]{1,3}\\}[a-z]{1,3}",
        "\\{\"id\":1,\"t\":\"[a-z]{0,4}",
    ];
    prop_oneof![4 => good, 1 => bad.prop_map(|text| record(text, None))]
}

/// The ids that are read of `text`, and the rows that are left out.
async fn read(name: &str, text: String, rule: BadRows) -> Result<(Vec<i64>, u64)> {
    let store = InMemory::new();
    store.put(&Path::from(name), text.into()).await.unwrap();
    let objects = store.list(None).try_collect().await.unwrap();
    let files = Files {
        store: Arc::new(store),
        objects,
        origin: "s3://raw/".to_owned(),
        local: false,
        discreet: false,
    };
    let fields = [
        Field::new("id", DataType::Int64, true),
        Field::new("t", DataType::Utf8, true),
    ];
    let schema = SchemaSource::Explicit(Arc::new(Schema::new(fields.to_vec())));
    let mut input = Input::guess("rows", Uri::parse(&format!("s3://raw/{name}"), None)?, name)?;
    input.format = match input.format {
        InputFormat::Csv(options) => InputFormat::Csv(CsvOptions {
            header: false,
            schema,
            ..options
        }),
        InputFormat::Json(options) => InputFormat::Json(JsonOptions { schema, ..options }),
        other => other,
    };
    input.bad_rows = rule;
    let engine = Engine::new(&Limits::default(), 1)?;
    let scan = engine
        .open(0, &input, &files)
        .await?
        .scan(&std::collections::BTreeMap::new())?;
    let plan = engine.plan(&scan).await?;
    let mut ids = Vec::new();
    for partition in 0..plan.partitions() {
        let mut batches = plan.execute(partition)?;
        while let Some(batch) = batches.try_next().await? {
            ids.extend(batch.column(0).as_primitive::<Int64Type>().values());
        }
    }
    Ok((ids, engine.quarantine().figures()[0].rows))
}

fn skipping(rows_max: u64) -> BadRows {
    BadRows {
        on_error: Some(OnError::Skip),
        rows_max,
        share_max: None,
    }
}

fn check(name: &str, records: &[Record], end: &str) {
    let texts: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
    let text = texts.join(end);
    let good: Vec<_> = records.iter().filter_map(|record| record.id).collect();
    let bad = (records.len() - good.len()) as u64;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let found = runtime
        .block_on(read(name, text.clone(), skipping(bad)))
        .unwrap();
    assert_eq!(found, (good, bad), "{text:?}");
    if let Some(fewer) = bad.checked_sub(1) {
        let error = runtime
            .block_on(read(name, text, skipping(fewer)))
            .unwrap_err();
        assert!(error.to_string().contains("max_bad_rows"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn good_records_of_csv_arrive_and_bad_ones_are_counted(
        records in prop::collection::vec(csv(), 1..60),
        end in prop_oneof!["\n", "\r\n"],
    ) {
        check("rows.csv", &records, &end);
    }

    #[test]
    fn good_records_of_ndjson_arrive_and_bad_ones_are_counted(
        records in prop::collection::vec(ndjson(), 1..60),
        end in prop_oneof!["\n", "\r\n"],
    ) {
        check("rows.ndjson", &records, &end);
    }
}

#[test]
fn lines_are_those_that_end_and_hold_something() {
    assert_eq!(lines(b"a\n\n b\r\n \nc", 9), [0..2, 3..7]);
    assert_eq!(lines(b"a\nb\nc\n", 2), [0..2, 2..4]);
    assert_eq!(lines(b"", 2), Vec::<std::ops::Range<usize>>::new());
}
