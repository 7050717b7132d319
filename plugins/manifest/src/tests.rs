use std::sync::Arc;

use sluicegate_guest::array::cast::AsArray;
use sluicegate_guest::array::{ArrayRef, Int64Array, RecordBatch};
use sluicegate_guest::harness::{Fakes, Harness, Outcome};

use super::*;

const CSV: &str = "code,name,rate\nEUR,Euro,1.5\nUSD,\"Dollar, US\",\n";
const JSON: &str = r#"[{"code": 1, "name": "one"}, {"code": 2, "name": null, "rate": 2.5}]"#;

fn fakes() -> Fakes {
    let fakes = Fakes::new()
        .folder(
            "lookup",
            [("rates.csv", CSV), ("rates.json", JSON), ("rates.txt", "")],
        )
        .folder("manifest", [("old.json", "{}")]);
    fakes.install();
    fakes
}

fn sales(codes: &[Option<&str>]) -> RecordBatch {
    let codes: ArrayRef = Arc::new(StringArray::from(codes.to_vec()));
    RecordBatch::try_from_iter_with_nullable([("code", codes, true)]).unwrap()
}

fn bound(batch: &RecordBatch, params: &str) -> Harness<Manifest> {
    let params = format!(r#"{{"key": "code", "fields": ["name", "rate"], {params}}}"#);
    Harness::new(&batch.schema(), &params).unwrap()
}

fn texts(outcome: &Outcome, column: &str) -> Vec<Option<String>> {
    let texts = outcome.batch[column].as_string::<i32>().iter();
    texts.map(|text| text.map(str::to_owned)).collect()
}

#[test]
fn rows_are_enriched_and_counted_by_key() {
    let fakes = fakes();
    let batch = sales(&[Some("USD"), None, Some("EUR"), Some("XXX"), Some("EUR")]);
    let mut harness = bound(&batch, r#""lookup": "rates.csv""#);
    assert!(!harness.is_stateless());
    let outcome = harness.process(&batch).unwrap();
    let some = |text: &str| Some(text.to_owned());
    let names = [some("Dollar, US"), None, some("Euro"), None, some("Euro")];
    assert_eq!(texts(&outcome, "name"), names);
    assert_eq!(
        texts(&outcome, "rate"),
        [None, None, some("1.5"), None, some("1.5")]
    );
    harness.process(&batch).unwrap();
    assert_eq!(fakes.written("manifest", "manifest.json"), None);
    harness.finish().unwrap();
    let written = fakes.written("manifest", "manifest.json").unwrap();
    let expected = r#"{
  "rows": 10,
  "unmatched": 4,
  "keys": {
    "EUR": 4,
    "USD": 2,
    "XXX": 2
  }
}
"#;
    assert_eq!(String::from_utf8(written).unwrap(), expected);
}

#[test]
fn keys_may_be_integers_and_the_lookup_json() {
    fakes();
    let codes: ArrayRef = Arc::new(Int64Array::from(vec![2, 1]));
    let batch = RecordBatch::try_from_iter([("code", codes)]).unwrap();
    let outcome = bound(&batch, r#""lookup": "rates.json""#)
        .process(&batch)
        .unwrap();
    assert_eq!(texts(&outcome, "name"), [None, Some("one".to_owned())]);
    assert_eq!(texts(&outcome, "rate"), [Some("2.5".to_owned()), None]);
}

#[test]
fn rows_that_the_lookup_does_not_have_may_be_rejected() {
    fakes();
    let batch = sales(&[Some("XXX"), Some("EUR"), None]);
    let params = r#""lookup": "rates.csv", "unmatched": "reject""#;
    let outcome = bound(&batch, params).process(&batch).unwrap();
    assert_eq!(texts(&outcome, "name"), [Some("Euro".to_owned())]);
    let reasons: Vec<_> = outcome.rejections.iter().map(|row| &*row.reason).collect();
    assert_eq!(reasons, ["`XXX` is not in `rates.csv`", "`code` is null"]);
}

#[test]
fn a_lookup_that_cannot_be_used_is_told() {
    fakes();
    let batch = sales(&[Some("EUR")]);
    for (params, expected) in [
        (
            r#""lookup": "none.csv""#,
            "`none.csv` in folder `lookup`: there is no such object",
        ),
        (
            r#""lookup": "rates.txt""#,
            "the lookup `rates.txt`: its name ends in neither .csv nor .json",
        ),
        (
            r#""lookup": "rates.csv", "lookup_key": "iso""#,
            "the lookup `rates.csv`: it has no field `iso`; there are `code`, `name`, `rate`",
        ),
        (
            r#""lookup": "rates.csv", "lookup_folder": "x""#,
            "folder `x`: the step does not declare it",
        ),
    ] {
        let fault = bound(&batch, params).process(&batch).unwrap_err();
        assert_eq!(fault, Fault::data(expected));
    }
}

#[test]
fn an_older_manifest_stays_unless_it_may_be_overwritten() {
    let fakes = fakes();
    let batch = sales(&[]);
    let old = r#""lookup": "rates.csv", "manifest": "old.json""#;
    let fault = bound(&batch, old).finish().unwrap_err();
    assert_eq!(
        fault.message(),
        "`old.json` in folder `manifest`: there is one already"
    );
    let overwrite = format!(r#"{old}, "overwrite": true"#);
    bound(&batch, &overwrite).finish().unwrap();
    let written = fakes.written("manifest", "old.json").unwrap();
    assert!(String::from_utf8(written).unwrap().contains("\"rows\": 0"));
}
