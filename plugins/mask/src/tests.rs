use std::sync::Arc;

use sluicegate_guest::array::cast::AsArray;
use sluicegate_guest::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use sluicegate_guest::harness::Harness;

use super::*;

fn people() -> RecordBatch {
    let text = |values: [Option<&str>; 3]| Arc::new(StringViewArray::from_iter(values)) as ArrayRef;
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(Int64Array::from(vec![7, 8, 7]))),
        (
            "email",
            text([Some("ann@example.com"), None, Some("ann@example.com")]),
        ),
        ("name", text([Some("Änne"), Some("Bo"), Some("")])),
        ("phone", text([Some("123"), Some("456"), None])),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn masked(params: &str) -> RecordBatch {
    Harness::<Mask>::new(&people().schema(), params)
        .unwrap()
        .process(&people())
        .unwrap()
        .batch
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Vec<Option<&'a str>> {
    batch[name].as_string::<i32>().iter().collect()
}

fn refusal(params: &str) -> String {
    Harness::<Mask>::new(&people().schema(), params)
        .unwrap_err()
        .message()
        .to_owned()
}

#[test]
fn a_hash_is_the_hmac_of_the_value() {
    let output = masked(r#"{"hash": ["email"], "key": "0123456789abcdef"}"#);
    // printf ann@example.com | openssl dgst -sha256 -hmac 0123456789abcdef
    let expected = Some("9f70eb4f1d9f0194d58bc08c41ce2b3b2e4e580a424a246ce2484484122343df");
    assert_eq!(texts(&output, "email"), [expected, None, expected]);
}

#[test]
fn a_hash_can_be_short_and_of_integers() {
    let output = masked(r#"{"hash": ["id"], "key": "0123456789abcdef", "digits": 16}"#);
    let hashes = texts(&output, "id");
    assert!(
        hashes
            .iter()
            .all(|hash| hash.is_some_and(|hash| hash.len() == 16))
    );
    assert_eq!((hashes[0], hashes[0] == hashes[1]), (hashes[2], false));
    let other = masked(r#"{"hash": ["id"], "key": "another key of 16", "digits": 16}"#);
    assert_ne!(texts(&other, "id"), hashes);
}

#[test]
fn a_redacted_column_never_enters_and_shows_no_nulls() {
    let mut harness =
        Harness::<Mask>::new(&people().schema(), r#"{"redact": ["phone", "id"]}"#).unwrap();
    assert!(harness.reads().is_empty());
    let output = harness.process(&people()).unwrap().batch;
    assert_eq!(texts(&output, "phone"), [Some("***"); 3]);
    let names: Vec<_> = output
        .schema_ref()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(names, ["id", "email", "name", "phone"]);
}

#[test]
fn truncation_counts_characters() {
    let output = masked(r#"{"truncate": ["name"], "keep": 1}"#);
    assert_eq!(texts(&output, "name"), [Some("Ä"), Some("B"), Some("")]);
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    assert_eq!(
        refusal("{}"),
        "no column to mask; set `hash`, `redact` or `truncate`"
    );
    assert!(
        refusal(r#"{"hash": ["email"], "key": "short"}"#)
            .starts_with("parameter `key` has fewer than 16 bytes")
    );
    assert!(
        refusal(r#"{"hash": ["email"], "key": "0123456789abcdef", "digits": 8}"#)
            .contains("between 16 and 64")
    );
    assert!(refusal(r#"{"redact": ["fone"]}"#).contains("did you mean `phone`?"));
    assert!(refusal(r#"{"truncate": ["id"]}"#).ends_with("expected text"));
    assert!(
        refusal(r#"{"redact": ["phone"], "truncate": ["phone"]}"#).contains("cannot be replaced")
    );
}
