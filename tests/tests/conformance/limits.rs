//! Guests that do not end, in every language.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use serde_json::json;
use sluicegate::ErrorKind;
use sluicegate::limits::GuestLimits;

use crate::guest::for_each;

/// How a mode ends.
fn ends(mode: &str, limits: &GuestLimits, limit: &str) {
    let x: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("x", x)]).unwrap();
    for_each(|guest| {
        let params = json!({ "mode": mode });
        let run = guest
            .bind_within(&params, &batch.schema(), limits.clone())
            .unwrap();
        let Err(error) = run.process(&batch) else {
            panic!("`{mode}` ended by itself")
        };
        assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
        let facts = format!("{error} {:?} {:?}", error.facts(), error.hints());
        assert!(facts.contains(limit), "{facts}");
    });
}

#[test]
fn a_loop_without_end_is_cut() {
    let limits = GuestLimits {
        call_time: Duration::from_millis(500),
        ..GuestLimits::default()
    };
    ends("spin", &limits, "call_time");
}

#[test]
fn memory_without_end_is_refused() {
    let limits = GuestLimits {
        call_time: Duration::from_secs(20),
        memory: 128 << 20,
        ..GuestLimits::default()
    };
    ends("grow", &limits, "guest_memory");
}
