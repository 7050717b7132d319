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

/// A number for each text of a column, the same for the same texts and, as good as surely, for them alone; longer ones
/// are put through `hash`. None where the column has no texts. That of a null means nothing.
pub(super) fn numbers(column: &ArrayRef, hash: impl Fn(&str) -> u128) -> Option<Vec<u128>> {
    Some(match column.data_type() {
        DataType::Utf8 => plain(column.as_string::<i32>(), hash),
        DataType::LargeUtf8 => plain(column.as_string::<i64>(), hash),
        DataType::Utf8View => {
            let number = |text: Option<&str>| {
                let text = text.unwrap_or_default();
                short(text.as_bytes(), 0, text.len()).unwrap_or_else(|| hash(text) | LONG)
            };
            column.as_string_view().iter().map(number).collect()
        }
        _ => return None,
    })
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
) -> Vec<u128> {
    let bytes = texts.value_data();
    let mut ends = texts.value_offsets().iter().map(|offset| offset.as_usize());
    let mut from = ends.next().unwrap_or_default();
    let number = |(row, to)| {
        let number = short(bytes, from, to);
        from = to;
        number.unwrap_or_else(|| hash(texts.value(row)) | LONG)
    };
    ends.enumerate().map(number).collect()
}

/// A short text and its length.
fn short(bytes: &[u8], from: usize, to: usize) -> Option<u128> {
    let length = to
        .checked_sub(from)
        .filter(|length| *length <= SHORT_BYTES)?;
    let number = match bytes.get(from..from + 16) {
        // What stands behind the text is cut off.
        Some(wide) => u128::from_le_bytes(wide.try_into().ok()?) & ((1 << (8 * length)) - 1),
        None => {
            let mut wide = [0; 16];
            wide.get_mut(..length)?
                .copy_from_slice(bytes.get(from..to)?);
            u128::from_le_bytes(wide)
        }
    };
    Some(number | (length as u128) << 120)
}
