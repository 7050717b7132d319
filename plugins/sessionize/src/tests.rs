use std::sync::Arc;

use sluicegate_guest::array::cast::AsArray;
use sluicegate_guest::array::types::{Int64Type, TimestampMillisecondType};
use sluicegate_guest::array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use sluicegate_guest::harness::Harness;

use super::*;

const MINUTE: i64 = 60_000;

fn events(rows: &[(Option<&str>, Option<i64>)]) -> RecordBatch {
    let users: StringArray = rows.iter().map(|(user, _)| *user).collect();
    let times: TimestampMillisecondArray = rows
        .iter()
        .map(|(_, time)| time.map(|time| time * MINUTE))
        .collect();
    let columns: [(&str, ArrayRef); 2] = [
        ("user", Arc::new(users)),
        ("time", Arc::new(times.with_timezone("UTC"))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
        .unwrap()
}

fn harness(params: &str) -> Harness<Sessionize> {
    Harness::new(&events(&[]).schema(), params).unwrap()
}

fn ids(batch: &RecordBatch) -> Vec<&str> {
    batch["session_id"]
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect()
}

#[test]
fn a_gap_ends_a_session_and_a_shorter_pause_does_not() {
    let batch = events(&[
        (Some("u1"), Some(0)),
        (Some("u1"), Some(30)),
        (Some("u1"), Some(61)),
        (Some("u2"), Some(5)),
    ]);
    let output = harness("{}").process(&batch).unwrap().batch;
    assert_eq!(ids(&output), ["u1-1", "u1-1", "u1-2", "u2-1"]);
    let starts = output["session_start"].as_primitive::<TimestampMillisecondType>();
    assert_eq!(starts.values(), &[0, 0, 61 * MINUTE, 5 * MINUTE]);
    assert_eq!(starts.timezone(), Some("UTC"));
}

#[test]
fn sessions_go_on_over_batches_and_users_may_alternate() {
    let mut harness = harness(r#"{"gap_minutes": 10}"#);
    assert!(!harness.is_stateless());
    let first = harness
        .process(&events(&[(Some("a"), Some(0)), (Some("b"), Some(1))]))
        .unwrap()
        .batch;
    let second = harness
        .process(&events(&[(Some("a"), Some(10)), (Some("b"), Some(12))]))
        .unwrap()
        .batch;
    assert_eq!(
        [ids(&first), ids(&second)],
        [["a-1", "b-1"], ["a-1", "b-2"]]
    );
}

#[test]
fn a_row_without_user_or_time_is_rejected() {
    let outcome = harness("{}")
        .process(&events(&[
            (None, Some(0)),
            (Some("u"), None),
            (Some("u"), Some(3)),
        ]))
        .unwrap();
    let reasons: Vec<_> = outcome
        .rejections
        .iter()
        .map(|rejection| (rejection.row, &*rejection.reason))
        .collect();
    assert_eq!(reasons, [(0, "the user is null"), (1, "the time is null")]);
    assert_eq!(ids(&outcome.batch), ["u-1"]);
}

#[test]
fn time_that_goes_back_is_a_fault() {
    let fault = harness("{}")
        .process(&events(&[(Some("u"), Some(2)), (Some("u"), Some(1))]))
        .unwrap_err();
    assert!(matches!(fault, Fault::Data(_)));
    assert!(
        fault
            .message()
            .starts_with("row 1 of the batch: the time of user `u` goes back from 120000 to 60000")
    );
}

#[test]
fn users_and_times_may_be_integers() {
    let columns: [(&str, ArrayRef); 2] = [
        ("id", Arc::new(Int64Array::from(vec![7, 7]))),
        ("at", Arc::new(Int64Array::from(vec![0, 61_000]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let params = r#"{"user": "id", "time": "at", "time_unit": "ms", "gap_minutes": 1}"#;
    let output = Harness::<Sessionize>::new(&batch.schema(), params)
        .unwrap()
        .process(&batch)
        .unwrap()
        .batch;
    assert_eq!(ids(&output), ["7-1", "7-2"]);
    assert_eq!(
        output["session_start"].as_primitive::<Int64Type>().values(),
        &[0, 61_000]
    );
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    let refusal = |params| {
        Harness::<Sessionize>::new(&events(&[]).schema(), params)
            .unwrap_err()
            .message()
            .to_owned()
    };
    assert_eq!(
        refusal(r#"{"gap_minutes": 0}"#),
        "parameter `gap_minutes` of 0 is out of range"
    );
    assert!(
        refusal(r#"{"time_unit": "h"}"#).starts_with("parameter `time_unit`: unknown variant `h`")
    );
    assert!(
        refusal(r#"{"time": "user"}"#).ends_with("is of type Utf8, expected a timestamp or Int64")
    );
}
