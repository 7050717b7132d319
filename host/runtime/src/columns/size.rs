//! What arrays weigh once views, dictionaries and repeated rows are unpacked.

use arrow::array::{Array, AsArray, OffsetSizeTrait};
use arrow::datatypes::DataType;

/// Bytes of a validity flag, and of a value that has no others: nothing that is repeated is free.
const FLAG_BYTES: u64 = 1;

/// Keys of a dictionary that are looked at together.
const KEYS_AT_ONCE: usize = 8_192;

/// Bytes of a view, without the text that it may point to.
const VIEW_BYTES: u64 = 16;

/// Bytes that the values of `array` take when each stands for itself, whatever they share.
///
/// Views and dictionary keys count as the values that they point to, and a value without bytes, such as a
/// null, as one. Takes time linear in the array, constant for plain types and text.
#[must_use]
pub fn unpacked_bytes(array: &dyn Array) -> u64 {
    let length = array.len() as u64;
    match array.data_type() {
        DataType::Utf8 => text_bytes(array.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => text_bytes(array.as_string::<i64>().value_offsets()),
        DataType::Binary => text_bytes(array.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => text_bytes(array.as_binary::<i64>().value_offsets()),
        DataType::Dictionary(_, values) if is_plain(values) => plain_dictionary_bytes(array),
        data_type => fixed_bytes(data_type).map_or_else(
            || running_bytes(array).last().copied().unwrap_or_default(),
            |each| each.saturating_mul(length),
        ),
    }
}

/// Whether values of a type stand for themselves: no children, and no keys of others.
pub(super) fn is_plain(data_type: &DataType) -> bool {
    !data_type.is_nested() && !matches!(data_type, DataType::Dictionary(_, _))
}

/// As [`unpacked_bytes`], in constant memory: a guest's dictionary can have far more keys and values than
/// it has bytes.
fn plain_dictionary_bytes(array: &dyn Array) -> u64 {
    let values = array.as_any_dictionary().values();
    if values.is_empty() {
        return FLAG_BYTES.saturating_mul(array.len() as u64);
    }
    let starts = (0..array.len()).step_by(KEYS_AT_ONCE);
    starts.fold(0, |sum: u64, start| {
        let part = array.slice(start, KEYS_AT_ONCE.min(array.len() - start));
        let keys = part.as_any_dictionary().normalized_keys();
        keys.into_iter().fold(sum, |sum, key| {
            sum.saturating_add(FLAG_BYTES + plain_bytes(values, key))
        })
    })
}

/// Unpacked bytes of one value of a plain type.
fn plain_bytes(values: &dyn Array, at: usize) -> u64 {
    match values.data_type() {
        DataType::Utf8 => text_at(values.as_string::<i32>().value_offsets(), at),
        DataType::LargeUtf8 => text_at(values.as_string::<i64>().value_offsets(), at),
        DataType::Binary => text_at(values.as_binary::<i32>().value_offsets(), at),
        DataType::LargeBinary => text_at(values.as_binary::<i64>().value_offsets(), at),
        DataType::Utf8View => view_at(values.as_string_view().views(), at),
        DataType::BinaryView => view_at(values.as_binary_view().views(), at),
        data_type => fixed_bytes(data_type).unwrap_or(FLAG_BYTES),
    }
}

fn text_at<O: OffsetSizeTrait>(offsets: &[O], at: usize) -> u64 {
    match offsets.get(at..) {
        Some([start, end, ..]) => {
            let length = end.as_usize().saturating_sub(start.as_usize());
            length.saturating_add(size_of::<O>()) as u64
        }
        _ => 0,
    }
}

fn view_at(views: &[u128], at: usize) -> u64 {
    views
        .get(at)
        .map_or(0, |view| VIEW_BYTES + view_length(*view))
}

/// What taking the rows `indices` of `array` gives, in unpacked bytes; all are in range.
pub(super) fn taken_bytes(array: &dyn Array, indices: &[u32]) -> u64 {
    if let Some(each) = fixed_bytes(array.data_type()) {
        return each.saturating_mul(indices.len() as u64);
    }
    let running = running_bytes(array);
    indices.iter().fold(0, |sum: u64, index| {
        let start = *index as usize;
        sum.saturating_add(span(&running, start, start.saturating_add(1)))
    })
}

/// Bytes of each value, where all are alike.
fn fixed_bytes(data_type: &DataType) -> Option<u64> {
    match data_type {
        DataType::Null | DataType::Boolean => Some(FLAG_BYTES),
        DataType::FixedSizeBinary(width) => Some(width.unsigned_abs().max(1).into()),
        _ => data_type.primitive_width().map(|width| width as u64),
    }
}

fn text_bytes<O: OffsetSizeTrait>(offsets: &[O]) -> u64 {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return 0;
    };
    let values = last.as_usize().saturating_sub(first.as_usize());
    values.saturating_add(size_of_val(offsets)) as u64
}

/// Unpacked bytes before each value, and after the last: one more than there are values.
fn running_bytes(array: &dyn Array) -> Vec<u64> {
    match array.data_type() {
        DataType::Utf8 => offsets(array.as_string::<i32>().value_offsets(), None),
        DataType::LargeUtf8 => offsets(array.as_string::<i64>().value_offsets(), None),
        DataType::Binary => offsets(array.as_binary::<i32>().value_offsets(), None),
        DataType::LargeBinary => offsets(array.as_binary::<i64>().value_offsets(), None),
        DataType::Utf8View => views(array.as_string_view().views()),
        DataType::BinaryView => views(array.as_binary_view().views()),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            offsets(list.value_offsets(), Some(&running_bytes(list.values())))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            offsets(list.value_offsets(), Some(&running_bytes(list.values())))
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            offsets(map.value_offsets(), Some(&running_bytes(map.entries())))
        }
        DataType::FixedSizeList(_, size) => {
            let size = size.unsigned_abs() as usize;
            let child = running_bytes(array.as_fixed_size_list().values());
            let starts = (0..array.len()).map(|row| row.saturating_mul(size));
            running(
                starts.map(|start| FLAG_BYTES + span(&child, start, start.saturating_add(size))),
            )
        }
        DataType::Struct(_) => {
            let children: Vec<_> = array
                .as_struct()
                .columns()
                .iter()
                .map(|child| running_bytes(child))
                .collect();
            running((0..array.len()).map(|row| {
                children.iter().fold(FLAG_BYTES, |sum, child| {
                    sum.saturating_add(span(child, row, row.saturating_add(1)))
                })
            }))
        }
        DataType::Dictionary(_, _) => dictionary(array),
        data_type => {
            let each = fixed_bytes(data_type).unwrap_or(FLAG_BYTES);
            running((0..array.len()).map(|_| each))
        }
    }
}

fn running(values: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut sum = 0_u64;
    std::iter::once(0)
        .chain(values.map(|bytes| {
            sum = sum.saturating_add(bytes);
            sum
        }))
        .collect()
}

/// The bytes between two positions; zero where they are out of range.
fn span(running: &[u64], start: usize, end: usize) -> u64 {
    match (running.get(start), running.get(end)) {
        (Some(start), Some(end)) => end.saturating_sub(*start),
        _ => 0,
    }
}

fn offsets<O: OffsetSizeTrait>(offsets: &[O], child: Option<&[u64]>) -> Vec<u64> {
    let own = size_of::<O>() as u64;
    running(
        offsets
            .iter()
            .zip(offsets.iter().skip(1))
            .map(|(start, end)| {
                let (start, end) = (start.as_usize(), end.as_usize());
                own.saturating_add(match child {
                    Some(child) => span(child, start, end),
                    None => end.saturating_sub(start) as u64,
                })
            }),
    )
}

fn views(views: &[u128]) -> Vec<u64> {
    running(views.iter().map(|view| VIEW_BYTES + view_length(*view)))
}

/// The length of the text of a view, which is in its first four bytes.
pub(super) fn view_length(view: u128) -> u64 {
    let [a, b, c, d, ..] = view.to_le_bytes();
    u32::from_le_bytes([a, b, c, d]).into()
}

fn dictionary(array: &dyn Array) -> Vec<u64> {
    let dictionary = array.as_any_dictionary();
    // The keys of nulls are normalised into range, which an empty dictionary has none of.
    if dictionary.values().is_empty() {
        return running((0..array.len()).map(|_| FLAG_BYTES));
    }
    let values = running_bytes(dictionary.values());
    let keys = dictionary.normalized_keys();
    running(
        keys.into_iter()
            .map(|key| FLAG_BYTES + span(&values, key, key.saturating_add(1))),
    )
}
