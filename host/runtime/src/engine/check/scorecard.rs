//! What the rules found, as a table.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, ListBuilder, RecordBatch, StringArray, StringBuilder, UInt64Array,
};

use super::Checked;
use crate::error::{Error, Result};

/// A row for each rule, in their order.
pub(crate) fn scorecard(run_id: &str, checks: &[Checked]) -> Result<RecordBatch> {
    let text = |of: fn(&Checked) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(checks.iter().map(of)))
    };
    let count = |of: fn(&Checked) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(checks.iter().map(of)))
    };
    let mut columns = ListBuilder::new(StringBuilder::new());
    for check in checks {
        columns.append_value(check.columns.iter().map(Some));
    }
    let samples = checks
        .iter()
        .map(|check| serde_json::to_string(&check.sample));
    let samples: Vec<_> = samples
        .collect::<std::result::Result<_, _>>()
        .map_err(|cause| Error::internal("write a sample as JSON").source(cause))?;
    let passed: Vec<_> = checks.iter().map(|check| check.passed).collect();
    let runs = std::iter::repeat_n(run_id, checks.len());
    RecordBatch::try_from_iter([
        (
            "run",
            Arc::new(StringArray::from_iter_values(runs)) as ArrayRef,
        ),
        ("rule", text(|check| &check.rule)),
        ("kind", text(|check| check.kind)),
        ("columns", Arc::new(columns.finish())),
        ("severity", text(|check| check.severity)),
        ("checked", count(|check| check.checked)),
        ("violations", count(|check| check.violations)),
        ("sample", Arc::new(StringArray::from(samples))),
        ("passed", Arc::new(BooleanArray::from(passed))),
    ])
    .map_err(|cause| Error::internal("put the scorecard together").source(cause))
}
