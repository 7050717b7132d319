//! Rows as people are shown them.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value};

/// Rows that are shown of a rule: enough to see what is wrong, and few enough for a message.
pub(super) const ROWS_MAX: usize = 5;

/// Columns of a row that are shown; those of the rule come first.
const COLUMNS_MAX: usize = 32;

/// Characters of a value that are shown.
const CHARS_MAX: usize = 200;

/// A row of a batch, with the columns `first` before the others.
pub(super) fn row(batch: &RecordBatch, row: usize, first: &[usize]) -> Value {
    let others = (0..batch.num_columns()).filter(|at| !first.contains(at));
    let columns = first.iter().copied().chain(others).take(COLUMNS_MAX);
    only(batch, row, columns)
}

/// Some columns of a row.
pub(super) fn only(
    batch: &RecordBatch,
    row: usize,
    columns: impl IntoIterator<Item = usize>,
) -> Value {
    let schema = batch.schema_ref();
    let values = columns.into_iter().filter_map(|at| {
        let field = schema.fields().get(at)?;
        Some((field.name().clone(), value(batch.columns().get(at)?, row)))
    });
    Value::Object(values.collect::<Map<_, _>>())
}

/// A number or a boolean as JSON has it, and everything else as text.
pub(super) fn value(column: &ArrayRef, row: usize) -> Value {
    if column
        .logical_nulls()
        .is_some_and(|nulls| nulls.is_null(row))
    {
        return Value::Null;
    }
    let options = FormatOptions::default().with_null("null");
    let text = ArrayFormatter::try_new(column, &options)
        .and_then(|formatter| formatter.value(row).try_to_string())
        .unwrap_or_default();
    let ty = column.data_type();
    if ty.is_integer() || ty.is_floating() || *ty == DataType::Boolean {
        // NaN and infinities are no numbers of JSON.
        return serde_json::from_str(&text).unwrap_or(Value::String(text));
    }
    if text.chars().nth(CHARS_MAX).is_none() {
        return Value::String(text);
    }
    let cut: String = text.chars().take(CHARS_MAX).collect();
    Value::String(cut + "…")
}
