//! Arrays of the host in flat form: slices of Arrow's buffers wherever those already have it.

use std::slice;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, GenericByteArray, GenericByteViewArray,
    GenericListArray, MapArray, OffsetSizeTrait, downcast_primitive,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, BinaryType, ByteArrayType, ByteViewType, DataType, LargeBinaryType,
    LargeUtf8Type, Utf8Type,
};

use super::size::view_length;
use crate::error::{Error, Result};

/// Views are compacted where less than one part in this many of their data is referenced: the copy into
/// the guest then saves more than compacting costs.
const SPARSE_PARTS: u64 = 2;

/// The longest text that a view holds itself.
const INLINE_BYTES: u64 = 12;

/// One array in flat form, the record `array` of the contract.
#[derive(Clone, Debug)]
pub struct FlatArray {
    /// Values in the array.
    pub length: u32,
    /// Nulls among them.
    pub null_count: u32,
    /// The buffers in the order of the contract, without offsets and no longer than needed.
    pub buffers: Vec<Buffer>,
}

/// The arrays of one column, in pre-order.
///
/// Copies only where a slice starts within a byte of a bitmap or beyond the first offset, and where views
/// leave most of their data unused.
///
/// # Errors
///
/// Of kind `Internal`, if an array is too long for the contract or of a type that is not offered, which
/// [`flatten_schema`](super::flatten_schema) refuses.
pub fn flatten(array: &dyn Array) -> Result<Vec<FlatArray>> {
    let mut flat = Vec::with_capacity(1);
    push(array, &mut flat)?;
    Ok(flat)
}

fn push(array: &dyn Array, flat: &mut Vec<FlatArray>) -> Result<()> {
    macro_rules! primitive {
        ($type:ty, $flat:expr) => {
            push_leaf(array, primitive::<$type>(array), $flat)
        };
    }
    downcast_primitive! {
        array.data_type() => (primitive, flat),
        DataType::Null => push_array(array.len(), array.len(), Vec::new(), flat),
        DataType::Boolean => push_leaf(array, bitmap(array.as_boolean().values()), flat),
        DataType::Utf8 => push_bytes::<Utf8Type>(array.as_bytes(), flat),
        DataType::LargeUtf8 => push_bytes::<LargeUtf8Type>(array.as_bytes(), flat),
        DataType::Binary => push_bytes::<BinaryType>(array.as_bytes(), flat),
        DataType::LargeBinary => push_bytes::<LargeBinaryType>(array.as_bytes(), flat),
        DataType::Utf8View => push_views(array.as_string_view(), flat),
        DataType::BinaryView => push_views(array.as_binary_view(), flat),
        DataType::FixedSizeBinary(_) => {
            push_leaf(array, fixed_size_binary(array.as_fixed_size_binary()), flat)
        }
        DataType::List(_) => push_list(array.as_list::<i32>(), flat),
        DataType::LargeList(_) => push_list(array.as_list::<i64>(), flat),
        DataType::Map(_, _) => push_map(array.as_map(), flat),
        DataType::FixedSizeList(_, _) => {
            push_parent(array, slice::from_ref(array.as_fixed_size_list().values()), flat)
        }
        DataType::Struct(_) => push_parent(array, array.as_struct().columns(), flat),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            push(dictionary.keys(), flat)?;
            push(dictionary.values(), flat)
        }
        other => Err(Error::internal(format!("columns of type `{other}` cannot be flattened")))
    }
}

/// An array of which the values are one buffer.
fn push_leaf(array: &dyn Array, values: Buffer, flat: &mut Vec<FlatArray>) -> Result<()> {
    let buffers = vec![validity(array.nulls()), values];
    push_array(array.len(), array.null_count(), buffers, flat)
}

/// An array whose values are those of its children, row by row.
fn push_parent(array: &dyn Array, children: &[ArrayRef], flat: &mut Vec<FlatArray>) -> Result<()> {
    push_array(
        array.len(),
        array.null_count(),
        vec![validity(array.nulls())],
        flat,
    )?;
    children.iter().try_for_each(|child| push(child, flat))
}

fn push_array(
    length: usize,
    nulls: usize,
    buffers: Vec<Buffer>,
    flat: &mut Vec<FlatArray>,
) -> Result<()> {
    let too_long = |_| Error::internal(format!("an array of {length} values cannot be flattened"));
    flat.push(FlatArray {
        length: u32::try_from(length).map_err(too_long)?,
        null_count: u32::try_from(nulls).map_err(too_long)?,
        buffers,
    });
    Ok(())
}

fn push_bytes<T: ByteArrayType>(
    array: &GenericByteArray<T>,
    flat: &mut Vec<FlatArray>,
) -> Result<()> {
    let (offsets, start, length) = rebased(array.offsets());
    let values = array.values().slice_with_length(start, length);
    let buffers = vec![validity(array.nulls()), offsets, values];
    push_array(array.len(), array.null_count(), buffers, flat)
}

fn push_views<T: ByteViewType + ?Sized>(
    array: &GenericByteViewArray<T>,
    flat: &mut Vec<FlatArray>,
) -> Result<()> {
    let data: u64 = array
        .data_buffers()
        .iter()
        .map(|buffer| buffer.len() as u64)
        .sum();
    let referenced: u64 = if data == 0 {
        0
    } else {
        let lengths = array.views().iter().map(|view| view_length(*view));
        lengths.filter(|length| *length > INLINE_BYTES).sum()
    };
    let compacted;
    let array = if referenced.saturating_mul(SPARSE_PARTS) < data {
        compacted = array.gc();
        &compacted
    } else {
        array
    };
    let mut buffers = Vec::with_capacity(2 + array.data_buffers().len());
    buffers.push(validity(array.nulls()));
    buffers.push(array.views().inner().clone());
    buffers.extend(array.data_buffers().iter().cloned());
    push_array(array.len(), array.null_count(), buffers, flat)
}

fn push_list<O: OffsetSizeTrait>(
    array: &GenericListArray<O>,
    flat: &mut Vec<FlatArray>,
) -> Result<()> {
    let (offsets, start, length) = rebased(array.offsets());
    push_leaf(array, offsets, flat)?;
    push(&array.values().slice(start, length), flat)
}

fn push_map(array: &MapArray, flat: &mut Vec<FlatArray>) -> Result<()> {
    let (offsets, start, length) = rebased(array.offsets());
    push_leaf(array, offsets, flat)?;
    push(&array.entries().slice(start, length), flat)
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array) -> Buffer {
    array.as_primitive::<T>().values().inner().clone()
}

fn fixed_size_binary(array: &FixedSizeBinaryArray) -> Buffer {
    let needed = array.value_size() * array.len();
    array.values().slice_with_length(0, needed)
}

/// The validity bitmap, empty where nothing is null.
fn validity(nulls: Option<&NullBuffer>) -> Buffer {
    match nulls {
        Some(nulls) if nulls.null_count() > 0 => bitmap(nulls.inner()),
        _ => Buffer::default(),
    }
}

fn bitmap(bits: &BooleanBuffer) -> Buffer {
    bits.sliced()
}

/// Offsets that start at zero, and the values that they refer to: start and length.
fn rebased<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>) -> (Buffer, usize, usize) {
    let (first, last) = match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => (*first, *last),
        _ => (O::zero(), O::zero()),
    };
    let buffer = if first == O::zero() {
        offsets.inner().inner().clone()
    } else {
        let moved: Vec<O> = offsets.iter().map(|offset| *offset - first).collect();
        Buffer::from_vec(moved)
    };
    (buffer, first.as_usize(), last.as_usize() - first.as_usize())
}
