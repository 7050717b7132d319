//! Values within bounds.

use arrow::array::types::Float64Type;
use arrow::array::{ArrayRef, AsArray as _, Scalar};
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
    /// The rows of a column that are out of bounds; those with a null may be among them.
    pub(super) fn outside(&self, column: &ArrayRef) -> Result<Vec<usize>> {
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

    fn floats_outside(&self, column: &ArrayRef) -> Vec<usize> {
        let bound = |bound: Option<&ArrayRef>, none: f64| {
            let wide = bound.and_then(|bound| cast(bound, &DataType::Float64).ok());
            wide.map_or(none, |wide| {
                let values = wide.as_primitive::<Float64Type>().values();
                values.first().copied().unwrap_or(none)
            })
        };
        let min = bound(self.min.as_ref(), f64::NEG_INFINITY);
        let max = bound(self.max.as_ref(), f64::INFINITY);
        let values = column.as_primitive::<Float64Type>().values();
        // Without an end before the last value, so that several are compared at once.
        let is_outside = |value: &f64| u8::from(!(min..=max).contains(value));
        if values.iter().map(is_outside).fold(0, |any, one| any | one) == 0 {
            return Vec::new();
        }
        let rows = values.iter().enumerate();
        rows.filter(|(_, value)| !(min..=max).contains(value))
            .map(|(row, _)| row)
            .collect()
    }

    fn others_outside(&self, column: &ArrayRef) -> std::result::Result<Vec<usize>, ArrowError> {
        let mut rows = Vec::new();
        if let Some(min) = &self.min {
            let below = lt(column, &Scalar::new(min))?;
            rows.extend(below.values().set_indices());
        }
        if let Some(max) = &self.max {
            let above = gt(column, &Scalar::new(max))?;
            rows.extend(above.values().set_indices());
        }
        rows.sort_unstable();
        rows.dedup();
        Ok(rows)
    }
}
