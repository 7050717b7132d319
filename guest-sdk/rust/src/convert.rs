//! Views that accept several types, as a file decides which of them a column has.

use std::ops::Deref;
use std::sync::Arc;

use arrow_array::{
    Array, Decimal128Array, Float16Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, LargeStringArray, StringArray, StringViewArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow_buffer::{ArrowNativeType, NullBuffer, ScalarBuffer};
use arrow_data::ArrayData;
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
    fn from_data(data: ArrayData) -> Option<Self> {
        Some(Self(match data.data_type() {
            DataType::Float64 => data.into(),
            DataType::Float32 => Float32Array::from(data).unary(f64::from),
            DataType::Float16 => Float16Array::from(data).unary(f64::from),
            DataType::Int8 => Int8Array::from(data).unary(f64::from),
            DataType::Int16 => Int16Array::from(data).unary(f64::from),
            DataType::Int32 => Int32Array::from(data).unary(f64::from),
            DataType::Int64 => Int64Array::from(data).unary(|value| value as f64),
            DataType::UInt8 => UInt8Array::from(data).unary(f64::from),
            DataType::UInt16 => UInt16Array::from(data).unary(f64::from),
            DataType::UInt32 => UInt32Array::from(data).unary(f64::from),
            DataType::UInt64 => UInt64Array::from(data).unary(|value| value as f64),
            DataType::Decimal128(_, scale) => {
                let divisor = 10f64.powi(i32::from(*scale));
                Decimal128Array::from(data).unary(|value| value as f64 / divisor)
            }
            DataType::Null => Float64Array::new_null(data.len()),
            _ => return None,
        }))
    }
}

/// A column of integers as `i64`; those of 64 bits are not copied.
///
/// Unsigned integers of 64 bits are not accepted, as they do not all fit.
#[derive(Clone, Debug)]
pub struct Integers(Int64Array);

impl Deref for Integers {
    type Target = Int64Array;

    fn deref(&self) -> &Int64Array {
        &self.0
    }
}

impl Readable for Integers {
    fn accepts(data_type: &DataType) -> bool {
        (data_type.is_integer() && *data_type != DataType::UInt64) || *data_type == DataType::Null
    }

    fn expected() -> String {
        "an integer".to_owned()
    }

    fn from_data(data: ArrayData) -> Option<Self> {
        Some(Self(match data.data_type() {
            DataType::Int64 => data.into(),
            DataType::Int8 => Int8Array::from(data).unary(i64::from),
            DataType::Int16 => Int16Array::from(data).unary(i64::from),
            DataType::Int32 => Int32Array::from(data).unary(i64::from),
            DataType::UInt8 => UInt8Array::from(data).unary(i64::from),
            DataType::UInt16 => UInt16Array::from(data).unary(i64::from),
            DataType::UInt32 => UInt32Array::from(data).unary(i64::from),
            DataType::Null => Int64Array::new_null(data.len()),
            _ => return None,
        }))
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
    Dictionary {
        keys: Arc<[Option<u32>]>,
        values: Box<Text>,
    },
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
            Layout::Normal(array) => {
                present(array.len(), array.nulls(), row).then(|| array.value(row))
            }
            Layout::Large(array) => {
                present(array.len(), array.nulls(), row).then(|| array.value(row))
            }
            Layout::View(array) => {
                present(array.len(), array.nulls(), row).then(|| array.value(row))
            }
            Layout::Dictionary { keys, values } => {
                let key = (*keys.get(row)?)?;
                values.get(key as usize)
            }
        }
    }

    /// Which values are not null; `None` where all are.
    pub(crate) fn nulls(&self) -> Option<NullBuffer> {
        match &self.0 {
            Layout::Normal(array) => array.nulls().cloned(),
            Layout::Large(array) => array.nulls().cloned(),
            Layout::View(array) => array.nulls().cloned(),
            Layout::Dictionary { .. } => Some(self.iter().map(|text| text.is_some()).collect()),
        }
    }

    /// The values in order, `None` for null.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }
}

impl Readable for Text {
    fn accepts(data_type: &DataType) -> bool {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
            DataType::Dictionary(_, values) => {
                !matches!(**values, DataType::Dictionary(_, _)) && Self::accepts(values)
            }
            _ => false,
        }
    }

    fn expected() -> String {
        "text".to_owned()
    }

    fn from_data(data: ArrayData) -> Option<Self> {
        Some(Self(match data.data_type() {
            DataType::Utf8 => Layout::Normal(data.into()),
            DataType::LargeUtf8 => Layout::Large(data.into()),
            DataType::Utf8View => Layout::View(data.into()),
            DataType::Null => Layout::Normal(StringArray::new_null(data.len())),
            DataType::Dictionary(keys, _) => {
                let keys = match **keys {
                    DataType::Int8 => dictionary_keys::<i8>(&data)?,
                    DataType::Int16 => dictionary_keys::<i16>(&data)?,
                    DataType::Int32 => dictionary_keys::<i32>(&data)?,
                    DataType::Int64 => dictionary_keys::<i64>(&data)?,
                    DataType::UInt8 => dictionary_keys::<u8>(&data)?,
                    DataType::UInt16 => dictionary_keys::<u16>(&data)?,
                    DataType::UInt32 => dictionary_keys::<u32>(&data)?,
                    DataType::UInt64 => dictionary_keys::<u64>(&data)?,
                    _ => return None,
                };
                let values = Box::new(Self::from_data(data.child_data().first()?.clone())?);
                Layout::Dictionary { keys, values }
            }
            _ => return None,
        }))
    }
}

/// The keys of a dictionary array, `None` for null.
fn dictionary_keys<K: ArrowNativeType>(data: &ArrayData) -> Option<Arc<[Option<u32>]>> {
    let keys = ScalarBuffer::<K>::new(data.buffers().first()?.clone(), data.offset(), data.len());
    let keys = keys.iter().enumerate().map(|(row, key)| {
        u32::try_from(key.as_usize())
            .ok()
            .filter(|_| data.is_valid(row))
    });
    Some(keys.collect())
}
