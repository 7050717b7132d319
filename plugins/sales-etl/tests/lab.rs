//! The lab, natively.

use std::sync::Arc;

use sales_etl::SalesEtl;
use sluicegate_guest::array::cast::AsArray;
use sluicegate_guest::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use sluicegate_guest::harness::Harness;

fn sales() -> RecordBatch {
    let columns: [(&str, ArrayRef); 4] = [
        (
            "order_id",
            Arc::new(Int64Array::from(vec![1001, 1002, 1003, 1004, 1005])),
        ),
        (
            "customer_id",
            Arc::new(StringArray::from(vec![
                "C001", "C002", "C001", "C003", "C004",
            ])),
        ),
        (
            "amount",
            Arc::new(Float64Array::from(vec![120.5, 19.99, 220.0, 5.0, 89.0])),
        ),
        (
            "region",
            Arc::new(StringArray::from(vec![
                "APAC", "EMEA", "APAC", "NA", "EMEA",
            ])),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn buckets(batch: &RecordBatch) -> Vec<&str> {
    batch["amount_bucket"]
        .as_string::<i32>()
        .iter()
        .flatten()
        .collect()
}

#[test]
fn the_lab_drops_the_small_order_and_buckets_the_rest() {
    let mut harness = Harness::<SalesEtl>::new(&sales().schema(), r#"{"min_amount": 10}"#).unwrap();
    assert_eq!(harness.reads(), ["amount"]);
    assert!(harness.is_stateless());
    let output = harness.process(&sales()).unwrap().batch;
    let kept = [0, 1, 2, 4].map(|row| sales().slice(row, 1));
    assert_eq!(output.num_rows(), 4);
    for (row, order) in kept.iter().enumerate() {
        assert_eq!(output.slice(row, 1).project(&[0, 1, 2, 3]).unwrap(), *order);
    }
    assert_eq!(buckets(&output), ["high", "low", "high", "medium"]);
}

#[test]
fn the_bounds_belong_to_the_higher_bucket_and_nulls_are_dropped() {
    let amounts = Float64Array::from(vec![
        Some(100.0),
        Some(20.0),
        Some(0.0),
        None,
        Some(f64::NAN),
        Some(-1.0),
    ]);
    let batch = RecordBatch::try_from_iter([("amount", Arc::new(amounts) as ArrayRef)]).unwrap();
    let output = Harness::<SalesEtl>::new(&batch.schema(), "")
        .unwrap()
        .process(&batch)
        .unwrap()
        .batch;
    assert_eq!(buckets(&output), ["high", "medium", "low"]);
}

#[test]
fn amounts_may_be_integers() {
    let batch = RecordBatch::try_from_iter([(
        "amount",
        Arc::new(Int64Array::from(vec![100, 9])) as ArrayRef,
    )])
    .unwrap();
    let mut harness = Harness::<SalesEtl>::new(&batch.schema(), r#"{"min_amount": 10}"#).unwrap();
    assert_eq!(buckets(&harness.process(&batch).unwrap().batch), ["high"]);
}

#[test]
fn an_unknown_parameter_is_refused() {
    let fault = Harness::<SalesEtl>::new(&sales().schema(), r#"{"min_amuont": 10}"#).unwrap_err();
    assert_eq!(
        fault.message(),
        "parameter `min_amuont` is not known; did you mean `min_amount`? there are `min_amount`"
    );
}
