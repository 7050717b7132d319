//! Row by row: columns computed by a function of plain values.
//!
//! A row with a null among its inputs gives null, and so does a function that returns `None`. For the rows
//! of a filter alone, see [`Filter::map`].
//!
//! ```
//! use sluicegate_guest::array::Float64Array;
//! use sluicegate_guest::rows;
//!
//! let miles = Float64Array::from(vec![Some(300.0), None]);
//! let hours = Float64Array::from(vec![1.5, 2.0]);
//! let speed = rows::map2(&miles, &hours, |miles, hours| miles / hours);
//! assert_eq!(speed, Float64Array::from(vec![Some(200.0), None]));
//! ```

use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrowPrimitiveType, BooleanArray, LargeStringArray, PrimitiveArray, StringArray,
    StringViewArray,
};
use arrow_buffer::NullBuffer;

pub use crate::cells::{BooleanSink, PrimitiveSink, Sink, TextSink};
use crate::{Filter, Integers, Numbers, Text};

/// A column whose values can be had one by one.
pub trait Cells {
    /// One value.
    type Cell<'a>: Copy
    where
        Self: 'a;

    /// How many values there are.
    fn n_rows(&self) -> usize;

    /// Which of them are not null; `None` where all are.
    fn validity(&self) -> Option<NullBuffer>;

    /// The value of a row that exists and is not null.
    ///
    /// # Panics
    ///
    /// May panic for other rows.
    fn cell(&self, row: usize) -> Self::Cell<'_>;

    /// The values of eight rows in a row, which all exist and are not null.
    ///
    /// # Panics
    ///
    /// May panic for other rows.
    #[inline]
    fn eight(&self, first: usize) -> [Self::Cell<'_>; 8] {
        std::array::from_fn(|index| self.cell(first + index))
    }
}

/// What a function of a row may return: a value, or an option of one.
pub trait IntoCell {
    /// The value.
    type Value;
    /// What collects such values.
    type Sink: Sink<Value = Self::Value>;

    /// An empty sink with room for `n_rows`.
    fn sink(n_rows: usize) -> Self::Sink;

    /// The value; `None` for null.
    fn into_cell(self) -> Option<Self::Value>;
}

/// The column of cells of type `R`.
pub type ArrayOf<R> = <<R as IntoCell>::Sink as Sink>::Array;

/// The same column for a function that wants to see nulls: its cells are options.
///
/// ```
/// use sluicegate_guest::array::{BooleanArray, Float64Array};
/// use sluicegate_guest::rows::{self, nullable};
///
/// let arrivals = Float64Array::from(vec![Some(12.0), None]);
/// let lost = rows::map(&nullable(&arrivals), |arrival| arrival.is_none());
/// assert_eq!(lost, BooleanArray::from(vec![false, true]));
/// ```
pub fn nullable<C: Cells>(column: &C) -> Nullable<'_, C> {
    Nullable {
        column,
        validity: column.validity(),
    }
}

/// A column with its nulls: see [`nullable`].
#[derive(Debug)]
pub struct Nullable<'c, C> {
    column: &'c C,
    validity: Option<NullBuffer>,
}

impl<C: Cells> Cells for Nullable<'_, C> {
    type Cell<'a>
        = Option<C::Cell<'a>>
    where
        Self: 'a;

    fn n_rows(&self) -> usize {
        self.column.n_rows()
    }

    fn validity(&self) -> Option<NullBuffer> {
        None
    }

    #[inline]
    fn cell(&self, row: usize) -> Self::Cell<'_> {
        let valid = self
            .validity
            .as_ref()
            .is_none_or(|valid| valid.is_valid(row));
        valid.then(|| self.column.cell(row))
    }
}

/// The column of `f` of each value.
pub fn map<'a, A: Cells, R: IntoCell>(a: &'a A, f: impl Fn(A::Cell<'a>) -> R) -> ArrayOf<R> {
    Filter::all(a.n_rows()).map(a, f)
}

/// The column of `f` of each pair of values, as long as the shorter column.
pub fn map2<'a, A: Cells, B: Cells, R: IntoCell>(
    a: &'a A,
    b: &'a B,
    f: impl Fn(A::Cell<'a>, B::Cell<'a>) -> R,
) -> ArrayOf<R> {
    Filter::all(a.n_rows().min(b.n_rows())).map2(a, b, f)
}

/// The column of `f` of each triple of values, as long as the shortest column.
pub fn map3<'a, A: Cells, B: Cells, C: Cells, R: IntoCell>(
    a: &'a A,
    b: &'a B,
    c: &'a C,
    f: impl Fn(A::Cell<'a>, B::Cell<'a>, C::Cell<'a>) -> R,
) -> ArrayOf<R> {
    Filter::all(a.n_rows().min(b.n_rows()).min(c.n_rows())).map3(a, b, c, f)
}

impl<T: ArrowPrimitiveType> Cells for PrimitiveArray<T> {
    type Cell<'a> = T::Native;

    fn n_rows(&self) -> usize {
        self.len()
    }

    fn validity(&self) -> Option<NullBuffer> {
        self.nulls().cloned()
    }

    #[inline]
    fn cell(&self, row: usize) -> T::Native {
        self.value(row)
    }

    /// One check of the bounds, and none for each value.
    #[inline]
    fn eight(&self, first: usize) -> [T::Native; 8] {
        match self.values().get(first..).and_then(<[_]>::first_chunk) {
            Some(eight) => *eight,
            None => std::array::from_fn(|index| self.value(first + index)),
        }
    }
}

macro_rules! wraps {
    ($($wrapper:ty => $array:ty),+) => {
        $(impl Cells for $wrapper {
            type Cell<'a> = <$array as Cells>::Cell<'a>;

            fn n_rows(&self) -> usize {
                (**self).n_rows()
            }

            fn validity(&self) -> Option<NullBuffer> {
                (**self).validity()
            }

            #[inline]
            fn cell(&self, row: usize) -> Self::Cell<'_> {
                (**self).cell(row)
            }

            #[inline]
            fn eight(&self, first: usize) -> [Self::Cell<'_>; 8] {
                (**self).eight(first)
            }
        })+
    };
}

wraps!(Numbers => PrimitiveArray<Float64Type>, Integers => PrimitiveArray<Int64Type>);

impl Cells for Text {
    type Cell<'a> = &'a str;

    fn n_rows(&self) -> usize {
        self.len()
    }

    fn validity(&self) -> Option<NullBuffer> {
        self.nulls()
    }

    #[inline]
    fn cell(&self, row: usize) -> &str {
        self.get(row).unwrap_or_default()
    }
}

macro_rules! cells {
    ($($a:lifetime $array:ty => $cell:ty),+) => {
        $(impl Cells for $array {
            type Cell<$a> = $cell;

            fn n_rows(&self) -> usize {
                self.len()
            }

            fn validity(&self) -> Option<NullBuffer> {
                self.nulls().cloned()
            }

            #[inline]
            fn cell(&self, row: usize) -> Self::Cell<'_> {
                self.value(row)
            }
        })+
    };
}

cells!('a BooleanArray => bool, 'a StringArray => &'a str, 'a LargeStringArray => &'a str, 'a StringViewArray => &'a str);

macro_rules! into_cell {
    ($($value:ty => $sink:ty),+) => {
        $(impl IntoCell for $value {
            type Value = Self;
            type Sink = $sink;

            fn sink(n_rows: usize) -> $sink {
                <$sink>::with_capacity(n_rows)
            }

            #[inline]
            fn into_cell(self) -> Option<Self> {
                Some(self)
            }
        })+
    };
}

into_cell!(
    bool => BooleanSink, String => TextSink<Self>, &str => TextSink<Self>,
    i8 => PrimitiveSink<Int8Type>, i16 => PrimitiveSink<Int16Type>,
    i32 => PrimitiveSink<Int32Type>, i64 => PrimitiveSink<Int64Type>,
    u8 => PrimitiveSink<UInt8Type>, u16 => PrimitiveSink<UInt16Type>,
    u32 => PrimitiveSink<UInt32Type>, u64 => PrimitiveSink<UInt64Type>,
    f32 => PrimitiveSink<Float32Type>, f64 => PrimitiveSink<Float64Type>
);

impl<C: IntoCell> IntoCell for Option<C> {
    type Value = C::Value;
    type Sink = C::Sink;

    fn sink(n_rows: usize) -> C::Sink {
        C::sink(n_rows)
    }

    #[inline]
    fn into_cell(self) -> Option<C::Value> {
        self.and_then(C::into_cell)
    }
}
