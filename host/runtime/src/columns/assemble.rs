//! Arrays of a guest as arrays of the host: the recursion over a type, and what all arrays have in common.

use std::slice;

use arrow::array::{Array, ArrayRef, NullArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::datatypes::{DataType, Field};
use std::sync::Arc;

use super::{blame, broken, leaf, nested, quoted};
use crate::error::{Result, ResultExt};

/// How many times the bytes that a guest gave its views and dictionary keys may make of them: text that
/// repeats is welcome, a few bytes that stand for the memory of the machine are not.
const UNPACKED_FACTOR: u64 = 64;

/// Unpacked bytes that a column may always have, however few it was given in.
const UNPACKED_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// Values that a byte can hold: each value of a type without bytes must be paid for like a bit.
const VALUES_PER_BYTE: usize = 8;

/// One array that a guest handed over, borrowed from its memory: nothing in it can be trusted.
#[derive(Clone, Debug, Default)]
pub struct GuestArray<'a> {
    /// Values in the array.
    pub length: u32,
    /// Nulls among them.
    pub null_count: u32,
    /// The buffers, of any length and alignment.
    pub buffers: Vec<&'a [u8]>,
}

/// Builds the column that `field` describes of the arrays of a guest: valid, and of exactly `rows` values.
///
/// Copies each byte that it keeps once and checks the copy. Buffers may be longer than needed; what is
/// above is neither read nor copied. Allocates in proportion to the bytes given and to `rows`.
///
/// # Errors
///
/// Of kind `Trap`, naming the column, the child and the rule that is broken.
pub fn assemble(field: &Field, arrays: &[GuestArray<'_>], rows: usize) -> Result<ArrayRef> {
    column(field, arrays, rows)
        .with_context(|| format!("column {}", quoted(field.name())))
        .map_err(blame)
}

fn column(field: &Field, arrays: &[GuestArray<'_>], rows: usize) -> Result<ArrayRef> {
    let mut source = Source::new(arrays, rows);
    let array = source.array(field.data_type(), Some(rows))?;
    if source.arrays.len() > 0 {
        return Err(broken(format!(
            "{} arrays were given, {} more than its fields",
            arrays.len(),
            source.arrays.len()
        )));
    }
    if !field.is_nullable() && array.is_nullable() {
        return Err(broken("it holds nulls, but is declared as not nullable"));
    }
    Ok(array)
}

/// The arrays of a column that have not been read yet, and the bounds of all.
pub(super) struct Source<'a> {
    arrays: slice::Iter<'a, GuestArray<'a>>,
    /// Values that any array of the column may have.
    values_max: usize,
    /// Bytes that views and dictionaries of the column may have, unpacked.
    pub(super) unpacked_max: u64,
}

impl<'a> Source<'a> {
    fn new(arrays: &'a [GuestArray<'a>], rows: usize) -> Self {
        let buffers = arrays.iter().flat_map(|array| &array.buffers);
        let given = buffers.fold(0_usize, |sum, buffer| sum.saturating_add(buffer.len()));
        Self {
            arrays: arrays.iter(),
            values_max: given.saturating_mul(VALUES_PER_BYTE).max(rows),
            unpacked_max: UNPACKED_FACTOR
                .saturating_mul(given as u64)
                .max(UNPACKED_BYTES_MIN),
        }
    }

    /// Builds the next array, with its children, of exactly `length` values where that is known.
    pub(super) fn array(
        &mut self,
        data_type: &DataType,
        length: Option<usize>,
    ) -> Result<ArrayRef> {
        let Some(array) = self.arrays.next() else {
            return Err(broken("its array is missing: one is needed for each field"));
        };
        let given = array.length as usize;
        if let Some(length) = length
            && given != length
        {
            return Err(broken(format!(
                "its array has {given} values, but must have {length}"
            )));
        }
        if given > self.values_max {
            return Err(broken(format!(
                "its array has {given} values, more than the {} that its bytes can stand for",
                self.values_max
            )));
        }
        match data_type {
            DataType::Null => null(array),
            data_type if data_type.is_nested() || is_dictionary(data_type) => {
                nested::assemble(self, data_type, array)
            }
            data_type => leaf::assemble(data_type, array, self.unpacked_max),
        }
    }
}

fn is_dictionary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Dictionary(_, _))
}

fn null(array: &GuestArray<'_>) -> Result<ArrayRef> {
    let [] = buffers(array, [])?;
    if array.null_count != array.length {
        return Err(null_count_wrong(array, array.length as usize));
    }
    Ok(Arc::new(NullArray::new(array.length as usize)))
}

fn null_count_wrong(array: &GuestArray<'_>, counted: usize) -> crate::Error {
    broken(format!(
        "its null count is {}, but {counted} values are null",
        array.null_count
    ))
}

/// The buffers of an array, of which the layout has exactly those `names`.
pub(super) fn buffers<'a, const N: usize>(
    array: &GuestArray<'a>,
    names: [&str; N],
) -> Result<[&'a [u8]; N]> {
    <[&[u8]; N]>::try_from(array.buffers.as_slice()).map_err(|_| {
        broken(format!(
            "its array has {} buffers, but must have {N}: {}",
            array.buffers.len(),
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        ))
    })
}

/// Copies the first `length` bytes of a buffer into aligned memory.
pub(super) fn copy(buffer: &[u8], length: Option<usize>, name: &str) -> Result<Buffer> {
    match length.and_then(|length| buffer.get(..length)) {
        Some(kept) => Ok(Buffer::from(kept)),
        None => Err(broken(format!(
            "its {name} buffer has {} bytes, but {} are needed",
            buffer.len(),
            length.map_or_else(
                || "more than there are addresses".to_owned(),
                |n| n.to_string()
            )
        ))),
    }
}

/// The validity bitmap of an array, if any value of it is null.
pub(super) fn validity(array: &GuestArray<'_>, buffer: &[u8]) -> Result<Option<NullBuffer>> {
    if array.null_count == 0 && buffer.is_empty() {
        return Ok(None);
    }
    let length = array.length as usize;
    let bits = copy(buffer, Some(length.div_ceil(8)), "validity")?;
    let nulls = NullBuffer::new(BooleanBuffer::new(bits, 0, length));
    if nulls.null_count() != array.null_count as usize {
        return Err(null_count_wrong(array, nulls.null_count()));
    }
    Ok((nulls.null_count() > 0).then_some(nulls))
}

/// For what has been checked already: Arrow found what the checks did not.
pub(super) fn refused(error: arrow::error::ArrowError) -> crate::Error {
    broken(format!("Arrow refused it: {error}")).source(error)
}
