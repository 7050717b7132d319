//! Values within bounds.

use arrow::array::types::Float64Type;
use arrow::array::{Array, ArrayRef, AsArray as _, Scalar};
use arrow::buffer::BooleanBuffer;
use arrow::compute::cast;
use arrow::compute::kernels::cmp::{gt, lt};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use crate::error::{Error, Result};

/// The least and the largest value, each of the column's type and alone in its array.
#[derive(Debug)]
pub(super) struct Bounds {
    pub(super) min: Option<ArrayRef>,
    pub(super) max: Option<ArrayRef>,
}

/// Whether values of a type have an order that people mean.
pub(super) fn is_ordered(ty: &DataType) -> bool {
    super::texts::is_text(ty)
        || ((ty.is_numeric() || ty.is_temporal()) && !matches!(ty, DataType::Interval(_)))
}

impl Bounds {
    /// The rows of a column that are out of bounds; what stands for rows with a null means nothing.
    pub(super) fn outside(&self, column: &ArrayRef) -> Result<BooleanBuffer> {
        let outside = match column.data_type() {
            // In the order of the kernels, NaN is a large number and zero two different ones.
            DataType::Float64 => Ok(self.floats_outside(column)),
            DataType::Float32 | DataType::Float16 => {
                cast(column, &DataType::Float64).map(|wide| self.floats_outside(&wide))
            }
            _ => self.others_outside(column),
        };
        outside.map_err(|cause| Error::internal("compare with a bound").source(cause))
    }

    fn floats_outside(&self, column: &ArrayRef) -> BooleanBuffer {
        let bound = |bound: Option<&ArrayRef>, none: f64| {
            let wide = bound.and_then(|bound| cast(bound, &DataType::Float64).ok());
            wide.map_or(none, |wide| {
                let values = wide.as_primitive::<Float64Type>().values();
                values.first().copied().unwrap_or(none)
            })
        };
        let min = bound(self.min.as_ref(), f64::NEG_INFINITY);
        let max = bound(self.max.as_ref(), f64::INFINITY);
        let mut values = column.as_primitive::<Float64Type>().values().iter();
        BooleanBuffer::collect_bool(column.len(), |_| {
            values
                .next()
                .is_some_and(|value| !(*value >= min && *value <= max))
        })
    }

    fn others_outside(&self, column: &ArrayRef) -> std::result::Result<BooleanBuffer, ArrowError> {
        let none = || BooleanBuffer::new_unset(column.len());
        let below = match &self.min {
            Some(min) => lt(column, &Scalar::new(min))?.values().clone(),
            None => none(),
        };
        let above = match &self.max {
            Some(max) => gt(column, &Scalar::new(max))?.values().clone(),
            None => none(),
        };
        Ok(&below | &above)
    }
}
