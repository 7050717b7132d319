//! Views that accept several types, as a file decides which of them a column has.

use std::ops::Deref;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, Float64Array, LargeStringArray, StringArray, StringViewArray, new_null_array};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;

use crate::Readable;

/// A column of numbers as `f64`: integers, floats and decimals of up to 128 bits.
///
/// Floats of 64 bits are not copied. Integers beyond 2^53 and decimals lose precision.
#[derive(Clone, Debug)]
pub struct Numbers(Float64Array);

impl Deref for Numbers {
    type Target = Float64Array;

    fn deref(&self) -> &Float64Array {
        &self.0
    }
}

impl Readable for Numbers {
    fn accepts(data_type: &DataType) -> bool {
        data_type.is_integer()
            || matches!(
                data_type,
                DataType::Float16
                    | DataType::Float32
                    | DataType::Float64
                    | DataType::Decimal128(_, _)
                    | DataType::Null
            )
    }

    fn expected() -> String {
        "a number".to_owned()
    }

    #[expect(clippy::cast_precision_loss, reason = "documented on the type")]
    fn from_array(array: &ArrayRef) -> Option<Self> {
        let numbers = match array.data_type() {
            DataType::Float64 => array.as_primitive_opt::<Float64Type>()?.clone(),
            DataType::Float32 => array.as_primitive_opt::<Float32Type>()?.unary(f64::from),
            DataType::Float16 => array.as_primitive_opt::<Float16Type>()?.unary(f64::from),
            DataType::Int8 => array.as_primitive_opt::<Int8Type>()?.unary(f64::from),
            DataType::Int16 => array.as_primitive_opt::<Int16Type>()?.unary(f64::from),
            DataType::Int32 => array.as_primitive_opt::<Int32Type>()?.unary(f64::from),
            DataType::Int64 => array.as_primitive_opt::<Int64Type>()?.unary(|value| value as f64),
            DataType::UInt8 => array.as_primitive_opt::<UInt8Type>()?.unary(f64::from),
            DataType::UInt16 => array.as_primitive_opt::<UInt16Type>()?.unary(f64::from),
            DataType::UInt32 => array.as_primitive_opt::<UInt32Type>()?.unary(f64::from),
            DataType::UInt64 => array.as_primitive_opt::<UInt64Type>()?.unary(|value| value as f64),
            DataType::Decimal128(_, scale) => {
                let divisor = 10f64.powi(i32::from(*scale));
                array.as_primitive_opt::<Decimal128Type>()?.unary(|value| value as f64 / divisor)
            }
            DataType::Null => Float64Array::new_null(array.len()),
            _ => return None,
        };
        Some(Self(numbers))
    }
}

/// A column of text, in whichever of Arrow's layouts it is.
#[derive(Clone, Debug)]
pub struct Text(Layout);

#[derive(Clone, Debug)]
enum Layout {
    Normal(StringArray),
    Large(LargeStringArray),
    View(StringViewArray),
    Dictionary { keys: Arc<[Option<u32>]>, values: Box<Text> },
}

impl Text {
    /// How many values the column has.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Layout::Normal(array) => array.len(),
            Layout::Large(array) => array.len(),
            Layout::View(array) => array.len(),
            Layout::Dictionary { keys, .. } => keys.len(),
        }
    }

    /// Whether the column has no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row; `None` where it is null or there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        fn present(n_rows: usize, nulls: Option<&NullBuffer>, row: usize) -> bool {
            row < n_rows && nulls.is_none_or(|nulls| nulls.is_valid(row))
        }
        match &self.0 {
            Layout::Normal(array) => present(array.len(), array.nulls(), row).then(|| array.value(row)),
            Layout::Large(array) => present(array.len(), array.nulls(), row).then(|| array.value(row)),
            Layout::View(array) => present(array.len(), array.nulls(), row).then(|| array.value(row)),
            Layout::Dictionary { keys, values } => {
                let key = (*keys.get(row)?)?;
                values.get(key as usize)
            }
        }
    }

    /// The values in order, `None` for null.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// The bytes of all values together, counting a shared one each time where that is cheap to know.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        match &self.0 {
            Layout::Normal(array) => array.values().len(),
            Layout::Large(array) => array.values().len(),
            Layout::View(array) => array.total_buffer_bytes_used() + array.len() * 12,
            Layout::Dictionary { keys, values } => {
                keys.len().saturating_mul(1 + values.n_bytes() / values.len().max(1))
            }
        }
    }
}

impl Readable for Text {
    fn accepts(data_type: &DataType) -> bool {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
            DataType::Dictionary(_, values) => !matches!(**values, DataType::Dictionary(_, _)) && Self::accepts(values),
            _ => false,
        }
    }

    fn expected() -> String {
        "text".to_owned()
    }

    fn from_array(array: &ArrayRef) -> Option<Self> {
        Some(Self(match array.data_type() {
            DataType::Utf8 => Layout::Normal(array.as_string_opt::<i32>()?.clone()),
            DataType::LargeUtf8 => Layout::Large(array.as_string_opt::<i64>()?.clone()),
            DataType::Utf8View => Layout::View(array.as_string_view_opt()?.clone()),
            DataType::Null => Layout::Normal(new_null_array(&DataType::Utf8, array.len()).as_string_opt::<i32>()?.clone()),
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_any_dictionary_opt()?;
                let values = Box::new(Self::from_array(dictionary.values())?);
                // With no values there is no key to normalise: every row is null.
                let keys = if values.is_empty() { vec![0; array.len()] } else { dictionary.normalized_keys() };
                let keys = keys.into_iter().enumerate();
                let keys = keys.map(|(row, key)| u32::try_from(key).ok().filter(|_| dictionary.keys().is_valid(row)));
                Layout::Dictionary { keys: keys.collect(), values }
            }
            _ => return None,
        }))
    }
}
