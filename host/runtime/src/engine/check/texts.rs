//! Texts as numbers, without looking at their bytes one by one.

use arrow::array::{Array, ArrayRef, AsArray as _, GenericStringArray, OffsetSizeTrait};
use arrow::datatypes::DataType;

/// The longest text that is a number as it is: with its length, it has sixteen bytes.
const SHORT_BYTES: usize = 15;

/// Set in the numbers of longer texts, which are hashes, and in none of the others.
const LONG: u128 = 1 << 127;

/// Whether values of a type are texts.
pub(super) const fn is_text(ty: &DataType) -> bool {
    matches!(
        ty,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

/// Visits each text of a column as a number that is the same for the same texts and, as good as surely, for them alone;
/// longer ones are put through `hash`. That of a null means nothing. False, without a visit, where there are no texts.
pub(super) fn each(
    column: &ArrayRef,
    hash: impl Fn(&str) -> u128,
    mut visit: impl FnMut(usize, u128),
) -> bool {
    match column.data_type() {
        DataType::Utf8 => plain(column.as_string::<i32>(), hash, visit),
        DataType::LargeUtf8 => plain(column.as_string::<i64>(), hash, visit),
        DataType::Utf8View => {
            for (row, text) in column.as_string_view().iter().enumerate() {
                let text = text.unwrap_or_default();
                let number = short(text.as_bytes(), 0, text.len());
                visit(row, number.unwrap_or_else(|| hash(text) | LONG));
            }
        }
        _ => return false,
    }
    true
}

/// The text of a row; empty where there is none.
pub(super) fn text(column: &ArrayRef, row: usize) -> &str {
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row),
        DataType::Utf8View if column.is_valid(row) => column.as_string_view().value(row),
        _ => "",
    }
}

fn plain<O: OffsetSizeTrait>(
    texts: &GenericStringArray<O>,
    hash: impl Fn(&str) -> u128,
    mut visit: impl FnMut(usize, u128),
) {
    let bytes = texts.value_data();
    let mut ends = texts.value_offsets().iter().map(|offset| offset.as_usize());
    let mut from = ends.next().unwrap_or_default();
    for (row, to) in ends.enumerate() {
        let number = short(bytes, from, to);
        visit(row, number.unwrap_or_else(|| hash(texts.value(row)) | LONG));
        from = to;
    }
}

/// A short text and its length.
fn short(bytes: &[u8], from: usize, to: usize) -> Option<u128> {
    let length = to
        .checked_sub(from)
        .filter(|length| *length <= SHORT_BYTES)?;
    let number = if let Some(wide) = bytes.get(from..from + 16) {
        // What stands behind the text is cut off.
        u128::from_le_bytes(wide.try_into().ok()?) & ((1 << (8 * length)) - 1)
    } else {
        let mut wide = [0; 16];
        let text = bytes.get(from..to)?;
        wide.get_mut(..length)?.copy_from_slice(text);
        u128::from_le_bytes(wide)
    };
    Some(number | (length as u128) << 120)
}
