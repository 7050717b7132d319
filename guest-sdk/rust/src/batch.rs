//! The batch that a transform processes.

use std::marker::PhantomData;

use arrow_data::ArrayData;

use crate::Readable;

/// A column that the transform reads: the handle that [`Plan::read`](crate::Plan::read) gives out.
///
/// `T` is the array that the transform wants to see: an array of `arrow_array`, [`Numbers`](crate::Numbers)
/// or [`Text`](crate::Text).
#[derive(Debug)]
pub struct Column<T> {
    pub(crate) read: usize,
    array: PhantomData<fn() -> T>,
}

impl<T> Column<T> {
    pub(crate) const fn new(read: usize) -> Self {
        Self {
            read,
            array: PhantomData,
        }
    }
}

impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Column<T> {}

/// One batch: the columns that the plan reads, all of the same length.
///
/// It holds the layout that all arrays share, so that a component contains the code of those array types
/// alone that its transform asks for.
#[derive(Clone, Debug)]
pub struct Batch {
    n_rows: usize,
    columns: Vec<ArrayData>,
}

impl Batch {
    pub(crate) const fn new(n_rows: usize, columns: Vec<ArrayData>) -> Self {
        Self { n_rows, columns }
    }

    /// How many rows the batch has.
    #[must_use]
    pub const fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The values of a column; cheap, unless the handle's type converts.
    ///
    /// # Panics
    ///
    /// Panics where the handle is of another transform's plan.
    #[must_use]
    pub fn column<T: Readable>(&self, column: Column<T>) -> T {
        let array = self
            .columns
            .get(column.read)
            .and_then(|data| T::from_data(data.clone()));
        #[expect(
            clippy::expect_used,
            reason = "the plan checked the type when it gave the handle out"
        )]
        array.expect("a column handle is used with the plan that gave it out")
    }
}
