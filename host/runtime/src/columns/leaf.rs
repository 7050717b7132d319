//! Arrays without children: fixed-width values, text, bytes and views.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, FixedSizeBinaryArray, GenericByteArray,
    GenericByteViewArray, OffsetSizeTrait, PrimitiveArray, downcast_primitive,
};
use arrow::buffer::{BooleanBuffer, Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowNativeType, BinaryType, BinaryViewType, ByteArrayType, ByteViewType, DataType,
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, LargeBinaryType,
    LargeUtf8Type, StringViewType, Utf8Type,
};

use super::assemble::{GuestArray, buffers, copy, refused, validity};
use super::broken;
use super::size::view_length;
use crate::error::{Error, Result};

const VALIDITY: &str = "validity";
const VALUES: &str = "values";
const OFFSETS: &str = "offsets";
const VIEWS: &str = "views";
const DATA: &str = "data";

/// Builds an array of a type without children, of `array.length` values.
pub(super) fn assemble(
    data_type: &DataType,
    array: &GuestArray<'_>,
    unpacked_max: u64,
) -> Result<ArrayRef> {
    macro_rules! primitive {
        ($type:ty, $array:expr) => {
            Ok(Arc::new(primitive::<$type>(data_type, $array)?) as ArrayRef)
        };
    }
    match data_type {
        DataType::Decimal32(precision, _) => decimal::<Decimal32Type>(data_type, *precision, array),
        DataType::Decimal64(precision, _) => decimal::<Decimal64Type>(data_type, *precision, array),
        DataType::Decimal128(precision, _) => {
            decimal::<Decimal128Type>(data_type, *precision, array)
        }
        DataType::Decimal256(precision, _) => {
            decimal::<Decimal256Type>(data_type, *precision, array)
        }
        _ => downcast_primitive! {
            data_type => (primitive, array),
            DataType::Boolean => boolean(array),
            DataType::Utf8 => bytes::<Utf8Type>(array),
            DataType::LargeUtf8 => bytes::<LargeUtf8Type>(array),
            DataType::Binary => bytes::<BinaryType>(array),
            DataType::LargeBinary => bytes::<LargeBinaryType>(array),
            DataType::Utf8View => views::<StringViewType>(array, unpacked_max),
            DataType::BinaryView => views::<BinaryViewType>(array, unpacked_max),
            DataType::FixedSizeBinary(width) => fixed_size_binary(*width, array),
            other => Err(Error::internal(format!("columns of type `{other}` cannot be assembled")))
        },
    }
}

/// Builds an array of fixed-width values; also that of a dictionary's keys.
pub(super) fn primitive<T: ArrowPrimitiveType>(
    data_type: &DataType,
    array: &GuestArray<'_>,
) -> Result<PrimitiveArray<T>> {
    let [nulls, values] = buffers(array, [VALIDITY, VALUES])?;
    let nulls = validity(array, nulls)?;
    let values = scalars::<T::Native>(values, array.length as usize, VALUES)?;
    let typed = PrimitiveArray::<T>::try_new(values, nulls).map_err(refused)?;
    Ok(typed.with_data_type(data_type.clone()))
}

fn scalars<T: ArrowNativeType>(
    buffer: &[u8],
    length: usize,
    name: &str,
) -> Result<ScalarBuffer<T>> {
    let kept = copy(buffer, length.checked_mul(size_of::<T>()), name)?;
    Ok(ScalarBuffer::new(kept, 0, length))
}

fn decimal<T: DecimalType>(
    data_type: &DataType,
    precision: u8,
    array: &GuestArray<'_>,
) -> Result<ArrayRef> {
    let typed = primitive::<T>(data_type, array)?;
    let fits = |value: &T::Native| T::is_valid_decimal_precision(*value, precision);
    let all_fit = typed
        .values()
        .iter()
        .fold(true, |all, value| all & fits(value));
    // Bytes under a null may be anything.
    if !all_fit
        && let Some(row) = (0..typed.len()).find(|row| {
            typed.is_valid(*row) && typed.values().get(*row).is_some_and(|value| !fits(value))
        })
    {
        return Err(broken(format!(
            "value {row} has more than its {precision} digits"
        )));
    }
    Ok(Arc::new(typed))
}

fn boolean(array: &GuestArray<'_>) -> Result<ArrayRef> {
    let [nulls, values] = buffers(array, [VALIDITY, VALUES])?;
    let length = array.length as usize;
    let nulls = validity(array, nulls)?;
    let values = copy(values, Some(length.div_ceil(8)), VALUES)?;
    Ok(Arc::new(BooleanArray::new(
        BooleanBuffer::new(values, 0, length),
        nulls,
    )))
}

fn fixed_size_binary(width: i32, array: &GuestArray<'_>) -> Result<ArrayRef> {
    let [nulls, values] = buffers(array, [VALIDITY, VALUES])?;
    let length = array.length as usize;
    let nulls = validity(array, nulls)?;
    let values = copy(
        values,
        length.checked_mul(width.unsigned_abs() as usize),
        VALUES,
    )?;
    let typed = FixedSizeBinaryArray::try_new_with_len(width, values, nulls, length);
    Ok(Arc::new(typed.map_err(refused)?))
}

fn bytes<T: ByteArrayType>(array: &GuestArray<'_>) -> Result<ArrayRef> {
    let [nulls, offset_bytes, values] = buffers(array, [VALIDITY, OFFSETS, VALUES])?;
    let nulls = validity(array, nulls)?;
    let offsets = offsets::<T::Offset>(offset_bytes, array.length as usize)?;
    let end = offsets.last().map_or(0, |last| last.as_usize());
    let values = copy(values, Some(end), VALUES)?;
    // Arrow checks UTF-8 and the boundaries between values here, so it is not done before.
    match GenericByteArray::<T>::try_new(offsets.clone(), values.clone(), nulls) {
        Ok(typed) => Ok(Arc::new(typed)),
        Err(error) => Err(broken(why_not_text(&offsets, &values)).source(error)),
    }
}

fn why_not_text<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>, values: &Buffer) -> String {
    let text = match std::str::from_utf8(values) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            let value = offsets
                .partition_point(|offset| offset.as_usize() <= at)
                .saturating_sub(1);
            return format!("value {value} is not UTF-8 at byte {at} of its values buffer");
        }
    };
    let value = offsets
        .iter()
        .position(|offset| !text.is_char_boundary(offset.as_usize()));
    format!(
        "value {} starts within a character",
        value.unwrap_or_default()
    )
}

/// The offsets of `length` values: never negative, never decreasing.
pub(super) fn offsets<O: OffsetSizeTrait>(buffer: &[u8], length: usize) -> Result<OffsetBuffer<O>> {
    // Arrow allows an array without values to have no offsets at all.
    if length == 0 && buffer.is_empty() {
        return Ok(OffsetBuffer::new_empty());
    }
    let count = length.checked_add(1).unwrap_or(length);
    let offsets = scalars::<O>(buffer, count, OFFSETS)?;
    let first = offsets.first().copied().unwrap_or_default();
    // Counted rather than searched for: without a branch for each value, on the path of every text column.
    let pairs = || offsets.iter().zip(offsets.iter().skip(1));
    let decreasing = pairs().filter(|(start, end)| start > end).count();
    if first < O::zero() {
        return Err(broken(format!("its first offset is {first:?}, below zero")));
    }
    if decreasing > 0 {
        let value = pairs()
            .position(|(start, end)| start > end)
            .unwrap_or_default();
        return Err(broken(format!(
            "value {value} ends before it starts: its offsets decrease"
        )));
    }
    Ok(OffsetBuffer::new(offsets))
}

fn views<T: ByteViewType + ?Sized>(array: &GuestArray<'_>, unpacked_max: u64) -> Result<ArrayRef> {
    let [nulls, view_bytes, data @ ..] = array.buffers.as_slice() else {
        return Err(broken(format!(
            "its array has {} buffers, but must have at least 2: {VALIDITY}, {VIEWS}",
            array.buffers.len()
        )));
    };
    let nulls = validity(array, nulls)?;
    let views = scalars::<u128>(view_bytes, array.length as usize, VIEWS)?;
    let lengths = views.iter().map(|view| view_length(*view));
    let unpacked = lengths.fold(0_u64, u64::saturating_add);
    // Before the text is read: views may name the same bytes over and over.
    if unpacked > unpacked_max {
        return Err(broken(format!(
            "its views stand for {unpacked} bytes, more than the {unpacked_max} that its buffers allow"
        )));
    }
    let data: Vec<Buffer> = data
        .iter()
        .map(|buffer| copy(buffer, Some(buffer.len()), DATA))
        .collect::<Result<_>>()?;
    let typed = GenericByteViewArray::<T>::try_new(views, data, nulls).map_err(|error| {
        broken(format!("its views are wrong: {}", lowercase(&error))).source(error)
    })?;
    Ok(Arc::new(typed))
}

/// Arrow's own words, as a part of a sentence.
fn lowercase(error: &arrow::error::ArrowError) -> String {
    let text = match error {
        arrow::error::ArrowError::InvalidArgumentError(text) => text.clone(),
        other => other.to_string(),
    };
    let mut rest = text.chars();
    rest.next()
        .map(|first| first.to_lowercase().chain(rest).collect())
        .unwrap_or_default()
}
