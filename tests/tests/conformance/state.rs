//! Transforms that remember.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, UInt64Array};
use arrow::datatypes::{Int64Type, UInt64Type};
use serde_json::json;
use sluicegate::limits::GuestLimits;

use crate::guest::for_each;

fn numbers(values: impl IntoIterator<Item = Option<i64>>) -> RecordBatch {
    let x: ArrayRef = Arc::new(values.into_iter().collect::<Int64Array>());
    RecordBatch::try_from_iter_with_nullable([("x", x, true)]).unwrap()
}

#[test]
fn a_stateful_transform_sees_all_batches_and_emits_at_the_end() {
    for_each(|guest| {
        let run = guest.mode("count", &numbers([]).schema()).unwrap();
        assert!(!run.is_stateless());
        let (run, first) = run.process(&numbers([Some(1), None, Some(3)])).unwrap();
        let (run, second) = run.process(&numbers([Some(-10)])).unwrap();
        assert!(first.batches.is_empty() && second.batches.is_empty());
        let batches = run.finish().unwrap().batches;
        let [totals] = batches.as_slice() else {
            panic!("{} batches", batches.len())
        };
        assert_eq!(
            *totals.column(0).as_primitive::<UInt64Type>(),
            UInt64Array::from(vec![4])
        );
        assert_eq!(
            *totals.column(1).as_primitive::<Int64Type>(),
            Int64Array::from(vec![-6])
        );
    });
}

#[test]
fn the_sum_of_nothing_is_null() {
    for_each(|guest| {
        let run = guest.mode("count", &numbers([]).schema()).unwrap();
        let (run, _) = run.process(&numbers([None])).unwrap();
        let totals = &run.finish().unwrap().batches[0];
        assert_eq!(
            *totals.column(1).as_primitive::<Int64Type>(),
            Int64Array::from(vec![None])
        );
    });
}

#[test]
fn a_total_runs_over_batches() {
    for_each(|guest| {
        let run = guest.mode("running", &numbers([]).schema()).unwrap();
        assert!(!run.is_stateless());
        let (run, first) = run.process(&numbers([Some(1), None, Some(3)])).unwrap();
        let (_, second) = run
            .process(&numbers([Some(i64::from(u32::MAX)), Some(-5)]))
            .unwrap();
        let totals =
            |made: &RecordBatch| made.column(1).as_primitive::<Int64Type>().values().to_vec();
        assert_eq!(totals(&first.batches[0]), [1, 1, 4]);
        assert_eq!(totals(&second.batches[0]), [4_294_967_299, 4_294_967_294]);
    });
}

#[test]
fn an_instance_emits_many_times_its_memory() {
    const ROWS: usize = 1 << 16;
    const ROW_BYTES: usize = 16;
    const EMITTED: usize = 256 << 20;
    let a: ArrayRef = Arc::new(Int64Array::from(vec![1; ROWS]));
    let b: ArrayRef = Arc::new(Float64Array::from(vec![0.5; ROWS]));
    let batch = RecordBatch::try_from_iter_with_nullable([("a", a, true), ("b", b, true)]).unwrap();
    let params = json!({ "mode": "add-one" });
    for_each(|guest| {
        let limits = GuestLimits {
            memory: 64 << 20,
            ..GuestLimits::default()
        };
        let mut run = guest.bind_within(&params, &batch.schema(), limits).unwrap();
        for _ in 0..EMITTED / (ROWS * ROW_BYTES) {
            let (next, made) = run.process(&batch).unwrap();
            assert_eq!(made.batches[0].num_rows(), ROWS);
            run = next;
        }
    });
}
