//! Numbers that JSON does not have: its writer would make nulls of them.

use arrow::array::types::{Float16Type, Float32Type, Float64Type};
use arrow::array::{Array, ArrayRef, AsArray as _};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;

use crate::error::{Error, Result};

/// Checks that all numbers of `rows` are finite; `before` rows of the file came before them.
///
/// # Errors
///
/// Names the column and the row of the first one that is not.
pub(super) fn check(rows: &RecordBatch, before: u64) -> Result<()> {
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        if !may_be_infinite(column) {
            continue;
        }
        let found = (0..column.len())
            .find(|&row| column.is_valid(row) && may_be_infinite(&column.slice(row, 1)));
        if let Some(row) = found {
            let row = before + row as u64 + 1;
            return Err(Error::input(format!(
                "column `{}` is NaN or infinite in row {row} of the file, which JSON cannot hold",
                field.name()
            ))
            .fact("column", field.name())
            .hint(
                "choose `parquet`, `arrow` or `csv` as `format`, or replace the value in a step",
            ));
        }
    }
    Ok(())
}

/// Whether a value of `column`, be it below a null, is not finite.
fn may_be_infinite(column: &ArrayRef) -> bool {
    match column.data_type() {
        DataType::Float64 => {
            let floats = column.as_primitive::<Float64Type>();
            let is_strange = |value: f64| !value.is_finite();
            floats.values().iter().any(|&value| is_strange(value))
                && floats.iter().flatten().any(is_strange)
        }
        DataType::Float32 => {
            let floats = column.as_primitive::<Float32Type>();
            let is_strange = |value: f32| !value.is_finite();
            floats.values().iter().any(|&value| is_strange(value))
                && floats.iter().flatten().any(is_strange)
        }
        DataType::Float16 => {
            let floats = column.as_primitive::<Float16Type>();
            floats.iter().flatten().any(|value| !value.is_finite())
        }
        DataType::Struct(_) => column.as_struct().columns().iter().any(may_be_infinite),
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            list.iter().flatten().any(|values| may_be_infinite(&values))
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            list.iter().flatten().any(|values| may_be_infinite(&values))
        }
        DataType::FixedSizeList(_, _) => {
            let list = column.as_fixed_size_list();
            list.iter().flatten().any(|values| may_be_infinite(&values))
        }
        DataType::Map(_, _) => {
            let entries = column.as_map().iter().flatten();
            entries
                .map(|entries| entries.columns().to_vec())
                .any(|columns| columns.iter().any(may_be_infinite))
        }
        DataType::Dictionary(_, _) => may_be_infinite(column.as_any_dictionary().values()),
        _ => false,
    }
}
