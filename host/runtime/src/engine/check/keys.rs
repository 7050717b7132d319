//! Values as keys of fixed size that are equal exactly where the values are.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use arrow::array::types::{Float16Type, Float32Type, Float64Type};
use arrow::array::{Array, ArrayRef, AsArray as _, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};

use super::texts;
use crate::engine::error::from_datafusion;
use crate::error::{Error, Result};

/// One key for each row. Those of rows with a null mean nothing.
pub(super) enum Keys {
    /// Values of at most 64 bits, as they are.
    Words(Vec<u64>),
    /// Short texts, and hashes of 128 bits of all else: of ten million, two are the same once in 10^24 runs.
    Hashes(Vec<u128>),
}

/// What a run hashes with. Whoever does not know it cannot choose values whose hashes lie close together.
#[derive(Clone, Debug)]
pub(super) struct Seeds(u64, u64);

impl Seeds {
    pub(super) fn random() -> Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)
            .map_err(|cause| Error::internal("draw a random number").source(cause))?;
        let both = u128::from_le_bytes(bytes);
        Ok(Self(both as u64, (both >> 64) as u64))
    }

    /// The keys of the rows of `columns`.
    ///
    /// # Errors
    ///
    /// Fails for a type that [`is_hashable`] refuses.
    pub(super) fn keys(&self, columns: &[ArrayRef]) -> Result<Keys> {
        if let [column] = columns
            && let Some(words) = words(column)
        {
            return Ok(Keys::Words(words));
        }
        if let [column] = columns {
            let mut numbers = Vec::with_capacity(column.len());
            if texts::each(
                column,
                |text| self.text(text),
                |_, number| numbers.push(number),
            ) {
                return Ok(Keys::Hashes(numbers));
            }
        }
        let columns: Vec<_> = columns.iter().map(canonical).collect();
        let (low, high) = (hashes(&columns, self.0)?, hashes(&columns, self.1)?);
        let both = low.into_iter().zip(high);
        let both = both.map(|(low, high)| (u128::from(high) << 64) | u128::from(low));
        Ok(Keys::Hashes(both.collect()))
    }

    /// A hash of a text.
    pub(super) fn text(&self, text: &str) -> u128 {
        let half = |seed| u128::from(QualityRandomState::with_seed(seed).hash_one(text));
        (half(self.1) << 64) | half(self.0)
    }

    /// Spreads keys over the buckets of a table.
    pub(super) fn spreading(&self) -> Spreading {
        Spreading(self.0)
    }
}

/// A hash of each row that is the same in every run, to order what is shown.
pub(super) fn order(columns: &[ArrayRef]) -> Result<Vec<u64>> {
    let columns: Vec<_> = columns.iter().map(canonical).collect();
    hashes(&columns, 0)
}

/// Whether there are keys of values of a type.
pub(super) fn is_hashable(ty: &DataType) -> bool {
    let empty = arrow::array::new_empty_array(ty);
    hashes(&[canonical(&empty)], 0).is_ok()
}

/// The rows in which any of `columns` is null; none where none is.
pub(super) fn nulls(columns: &[ArrayRef]) -> Option<NullBuffer> {
    let all = columns.iter().map(Array::logical_nulls);
    let all = all.fold(None, |all, nulls| {
        NullBuffer::union(all.as_ref(), nulls.as_ref())
    });
    all.filter(|nulls| nulls.null_count() > 0)
}

/// The values of a column of integers, dates or times, sign-extended, if it is one.
pub(super) fn words(column: &ArrayRef) -> Option<Vec<u64>> {
    let ty = column.data_type();
    let (width, is_word) = (ty.primitive_width(), ty.is_integer() || ty.is_temporal());
    let data = column.to_data();
    if data.buffers().is_empty() {
        return None;
    }
    let wide = i64::cast_unsigned;
    Some(match (ty, width) {
        (DataType::Interval(_), _) => return None,
        (DataType::UInt8, _) => widened(data.buffer::<u8>(0), column.len(), u64::from),
        (DataType::UInt16, _) => widened(data.buffer::<u16>(0), column.len(), u64::from),
        (DataType::UInt32, _) => widened(data.buffer::<u32>(0), column.len(), u64::from),
        (_, Some(1)) if is_word => widened(data.buffer::<i8>(0), column.len(), |v| wide(v.into())),
        (_, Some(2)) if is_word => widened(data.buffer::<i16>(0), column.len(), |v| wide(v.into())),
        (_, Some(4)) if is_word => widened(data.buffer::<i32>(0), column.len(), |v| wide(v.into())),
        (_, Some(8)) if is_word => widened(data.buffer::<i64>(0), column.len(), wide),
        _ => return None,
    })
}

fn widened<T: Copy>(values: &[T], rows: usize, wide: impl Fn(T) -> u64) -> Vec<u64> {
    values.iter().take(rows).map(|value| wide(*value)).collect()
}

fn hashes(columns: &[ArrayRef], seed: u64) -> Result<Vec<u64>> {
    let rows = columns.first().map_or(0, Array::len);
    let mut hashes = vec![0; rows];
    create_hashes(columns, &QualityRandomState::with_seed(seed), &mut hashes)
        .map_err(from_datafusion)?;
    Ok(hashes)
}

/// The column with one form for each value: dictionaries spelt out, and of NaN and zero one kind each.
pub(super) fn canonical(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Dictionary(_, values) => {
            let plain = cast(column, values);
            plain.map_or_else(|_| Arc::clone(column), |plain| canonical(&plain))
        }
        DataType::Float64 => {
            let one = |value: f64| {
                if value.is_nan() {
                    f64::NAN
                } else {
                    value + 0.0
                }
            };
            let floats: PrimitiveArray<Float64Type> =
                column.as_primitive::<Float64Type>().unary(one);
            Arc::new(floats)
        }
        DataType::Float32 => {
            let one = |value: f32| {
                if value.is_nan() {
                    f32::NAN
                } else {
                    value + 0.0
                }
            };
            let floats: PrimitiveArray<Float32Type> =
                column.as_primitive::<Float32Type>().unary(one);
            Arc::new(floats)
        }
        DataType::Float16 => {
            let wide = cast(column, &DataType::Float32);
            debug_assert_eq!(column.as_primitive::<Float16Type>().len(), column.len());
            wide.map_or_else(|_| Arc::clone(column), |wide| canonical(&wide))
        }
        _ => Arc::clone(column),
    }
}

/// Spreads keys, which are numbers in order or hashes already, over the buckets of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spreading(u64);

/// An odd number with as many ones as zeros: 2^64 by the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Spreading {
    pub(super) fn hash(self, key: u128) -> u64 {
        self.word((key as u64) ^ ((key >> 64) as u64))
    }

    /// A number in which each bit of `key` has changed about half of the bits.
    pub(super) fn word(self, key: u64) -> u64 {
        let wide = u128::from(key ^ self.0) * u128::from(SPREAD);
        (wide as u64) ^ ((wide >> 64) as u64)
    }
}

impl BuildHasher for Spreading {
    type Hasher = Spread;

    fn build_hasher(&self) -> Spread {
        Spread(*self, 0)
    }
}

/// A hasher of one number.
pub(super) struct Spread(Spreading, u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.1
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.1 = self.0.word(self.1 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.1 = self.0.word(key);
    }

    fn write_u128(&mut self, key: u128) {
        self.1 = self.0.hash(key);
    }
}
