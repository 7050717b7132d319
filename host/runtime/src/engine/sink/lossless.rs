//! Types that Parquet knows, for those that its writer would store as plain numbers.
//!
//! Parquet has no seconds and no dates in milliseconds. Readers that do not look at the Arrow schema in the
//! footer would see integers, so such columns are written as the next finer type, or as days.

use std::sync::Arc;

use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

/// The schema to write rows of `schema` with; none where it is the same.
pub(super) fn schema(schema: &SchemaRef) -> Option<SchemaRef> {
    let fields = fields(schema.fields());
    (fields != *schema.fields())
        .then(|| Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

/// The rows with the types of `schema`, which `schema` made from theirs.
pub(super) fn convert(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    // A value out of range is an error, not a null.
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let columns = rows
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| cast_with_options(column, field.data_type(), &options))
        .collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}

fn fields(fields: &Fields) -> Fields {
    fields.iter().map(field).collect()
}

fn field(field: &FieldRef) -> FieldRef {
    let known = known(field.data_type());
    if known == *field.data_type() {
        return Arc::clone(field);
    }
    Arc::new(field.as_ref().clone().with_data_type(known))
}

fn known(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => {
            DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
        }
        DataType::Time32(TimeUnit::Second) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Date64 => DataType::Date32,
        DataType::Struct(inner) => DataType::Struct(fields(inner)),
        DataType::List(item) => DataType::List(field(item)),
        DataType::LargeList(item) => DataType::LargeList(field(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(field(item), *length),
        other => other.clone(),
    }
}
