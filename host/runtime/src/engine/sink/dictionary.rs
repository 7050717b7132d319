//! Tells columns for which a Parquet dictionary only costs time.
//!
//! The writer interns every value of a column until its dictionary overflows. For columns of mostly
//! different values, such as keys and measures, that was an eighth of a whole job for nothing.

use std::collections::HashSet;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use datafusion::parquet::schema::types::ColumnPath;

/// Rows that are needed to judge a column.
const SAMPLE_ROWS_MIN: usize = 1_024;

/// Above this share of different values in the sample, in percent, a dictionary is not worth it.
const DISTINCT_PERCENT_MAX: usize = 40;

/// The top-level columns of `sample` that should be written without a dictionary.
pub(super) fn useless(sample: &RecordBatch) -> Vec<ColumnPath> {
    if sample.num_rows() < SAMPLE_ROWS_MIN {
        return Vec::new();
    }
    let schema = sample.schema();
    let columns = schema.fields().iter().zip(sample.columns());
    columns
        .filter(|(field, column)| mostly_distinct(field, column))
        .map(|(field, _)| ColumnPath::new(vec![field.name().clone()]))
        .collect()
}

fn mostly_distinct(field: &FieldRef, column: &ArrayRef) -> bool {
    if field.data_type().is_nested() || matches!(field.data_type(), DataType::Dictionary(..)) {
        return false;
    }
    let converter = RowConverter::new(vec![SortField::new(field.data_type().clone())]);
    let Ok(rows) = converter.and_then(|c| c.convert_columns(std::slice::from_ref(column))) else {
        return false;
    };
    let distinct: HashSet<&[u8]> = rows.iter().map(|row| row.data()).collect();
    distinct.len() * 100 > column.len() * DISTINCT_PERCENT_MAX
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn keys_go_without_a_dictionary_and_categories_keep_theirs() {
        let keys = Int64Array::from_iter_values(0..2_000);
        let regions = StringArray::from_iter_values((0..2_000).map(|i| ["APAC", "EMEA"][i % 2]));
        let batch = RecordBatch::try_from_iter([
            ("order_id", Arc::new(keys) as ArrayRef),
            ("region", Arc::new(regions) as ArrayRef),
        ])
        .unwrap();
        assert_eq!(useless(&batch), [ColumnPath::from("order_id")]);
        assert!(useless(&batch.slice(0, SAMPLE_ROWS_MIN - 1)).is_empty());
    }
}
