//! Which rows of a batch a guest selects, applied to the columns that it never sees.

use arrow::array::{Array, ArrayRef, BooleanArray, MutableArrayData, UInt32Array, make_array};
use arrow::buffer::{BooleanBuffer, Buffer};
use arrow::compute::{FilterBuilder, FilterPredicate, take};
use arrow::datatypes::DataType;

use super::size::{taken_bytes, unpacked_bytes};
use super::{blame, broken};
use crate::error::{Error, Result};

/// Unpacked bytes that a column may have after rows were taken: the offsets of text and lists end there.
const TAKEN_BYTES_MAX: u64 = i32::MAX as u64;

/// Bytes of an index.
const INDEX_BYTES: usize = size_of::<u32>();

/// Rows of one batch, as the variant `selection` of the contract says.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Every row, in order.
    All,
    /// The rows whose bit is set, and how many they are.
    Filter(BooleanBuffer, usize),
    /// Rows by index, each within the batch.
    Take(UInt32Array),
}

impl Selection {
    /// Rows whose bit in `bitmap` is set, least significant first, of a batch of `rows` rows.
    ///
    /// Bits and bytes above `rows` are ignored.
    ///
    /// # Errors
    ///
    /// Of kind `Trap`, if there are fewer bits than rows.
    pub fn filter(bitmap: &[u8], rows: usize) -> Result<Self> {
        let needed = rows.div_ceil(8);
        let Some(kept) = bitmap.get(..needed) else {
            return Err(blame(broken(format!(
                "the filter has {} bytes, but {rows} rows need {needed}",
                bitmap.len()
            ))));
        };
        let bits = BooleanBuffer::new(Buffer::from(kept), 0, rows);
        let count = bits.count_set_bits();
        Ok(if count == rows {
            Self::All
        } else {
            Self::Filter(bits, count)
        })
    }

    /// The rows that `indices_le`, little-endian `u32`s, name in a batch of `rows` rows.
    ///
    /// # Errors
    ///
    /// Of kind `Trap`, if an index is out of range or the last one incomplete.
    pub fn take(indices_le: &[u8], rows: usize) -> Result<Self> {
        let (indices, rest) = indices_le.as_chunks::<INDEX_BYTES>();
        if !rest.is_empty() {
            return Err(blame(broken(format!(
                "the indices to take are {} bytes, not a multiple of {INDEX_BYTES}",
                indices_le.len()
            ))));
        }
        let indices: Vec<u32> = indices
            .iter()
            .map(|index| u32::from_le_bytes(*index))
            .collect();
        // One pass without branches; where the row stands only matters for the message.
        let largest = indices
            .iter()
            .fold(0, |largest, index| *index.max(&largest));
        if !indices.is_empty() && largest as usize >= rows {
            return Err(blame(broken(format!(
                "row {largest} is to be taken from a batch of {rows} rows"
            ))));
        }
        Ok(Self::Take(indices.into()))
    }

    /// Rows selected from a batch of `rows` rows, the one that this was made for.
    #[must_use]
    pub fn len(&self, rows: usize) -> usize {
        match self {
            Self::All => rows,
            Self::Filter(_, count) => *count,
            Self::Take(indices) => indices.len(),
        }
    }

    /// Unpacked bytes of `columns` after selection, an upper bound for a filter.
    ///
    /// Taking rows can make far more of a batch than a guest gave bytes for, so this is to be charged
    /// before [`apply_all`](Self::apply_all) is called.
    #[must_use]
    pub fn selected_bytes(&self, columns: &[ArrayRef]) -> u64 {
        let bytes = columns.iter().map(|column| match self {
            Self::Take(indices) => taken_bytes(column, indices.values()),
            Self::All | Self::Filter(_, _) => unpacked_bytes(column),
        });
        bytes.fold(0, u64::saturating_add)
    }

    /// The selected rows of one column.
    ///
    /// # Errors
    ///
    /// As [`apply_all`](Self::apply_all).
    pub fn apply(&self, column: &ArrayRef) -> Result<ArrayRef> {
        let mut selected = self.apply_all(std::slice::from_ref(column))?;
        selected
            .pop()
            .ok_or_else(|| Error::internal("selecting rows lost a column"))
    }

    /// The selected rows of several columns, all of the batch that this was made for; what can be prepared
    /// for all of them is prepared once.
    ///
    /// # Errors
    ///
    /// Of kind `Trap`, if taking rows makes more of a column than an array can hold. Of kind
    /// `Internal`, if the columns are not of that batch.
    pub fn apply_all(&self, columns: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        match self {
            Self::All => Ok(columns.to_vec()),
            Self::Filter(bits, _) => {
                let predicate = prepared(bits, columns.len());
                let filtered = columns.iter().map(|column| {
                    expect_rows(column, bits.len())?;
                    if has_zero_width(column.data_type()) {
                        return row_by_row(column, bits.set_indices());
                    }
                    predicate.filter(column).map_err(kernel)
                });
                filtered.collect()
            }
            Self::Take(indices) => {
                let largest = indices
                    .values()
                    .iter()
                    .max()
                    .map_or(0, |index| *index as usize + 1);
                let taken = columns.iter().map(|column| {
                    expect_rows(column, largest)?;
                    check_taken(column, indices)?;
                    if has_zero_width(column.data_type()) {
                        let rows = indices.values().iter().map(|index| *index as usize);
                        return row_by_row(column, rows);
                    }
                    take(column, indices, None).map_err(kernel)
                });
                taken.collect()
            }
        }
    }
}

fn prepared(bits: &BooleanBuffer, columns: usize) -> FilterPredicate {
    let builder = FilterBuilder::new(&BooleanArray::new(bits.clone(), None));
    // For a single column the list of rows costs more than it saves.
    let builder = if columns > 1 {
        builder.optimize()
    } else {
        builder
    };
    builder.build()
}

fn expect_rows(column: &dyn Array, rows: usize) -> Result<()> {
    if column.len() < rows {
        return Err(Error::internal(format!(
            "a selection of {rows} rows was applied to a column of {}",
            column.len()
        )));
    }
    Ok(())
}

/// Kernels may panic where offsets overflow, so what could overflow is refused first.
fn check_taken(column: &dyn Array, indices: &UInt32Array) -> Result<()> {
    // No row weighs more than all of them.
    let bound = unpacked_bytes(column).saturating_mul(indices.len() as u64);
    if bound > TAKEN_BYTES_MAX && taken_bytes(column, indices.values()) > TAKEN_BYTES_MAX {
        return Err(blame(broken(format!(
            "taking {} rows makes more than {TAKEN_BYTES_MAX} bytes of one column",
            indices.len()
        ))));
    }
    Ok(())
}

/// Whether values of a type are of fixed width zero: Arrow's kernels lose count of those.
fn has_zero_width(data_type: &DataType) -> bool {
    match data_type {
        DataType::FixedSizeBinary(0) | DataType::FixedSizeList(_, 0) => true,
        DataType::List(child)
        | DataType::LargeList(child)
        | DataType::FixedSizeList(child, _)
        | DataType::Map(child, _) => has_zero_width(child.data_type()),
        DataType::Struct(children) => children
            .iter()
            .any(|child| has_zero_width(child.data_type())),
        _ => false,
    }
}

fn row_by_row(column: &dyn Array, rows: impl Iterator<Item = usize>) -> Result<ArrayRef> {
    let data = column.to_data();
    let mut selected = MutableArrayData::new(vec![&data], false, 0);
    for row in rows {
        selected.try_extend(0, row, row + 1).map_err(kernel)?;
    }
    Ok(make_array(selected.freeze()))
}

fn kernel(error: arrow::error::ArrowError) -> Error {
    Error::internal(format!(
        "rows of a passed column cannot be selected: {error}"
    ))
    .source(error)
}
