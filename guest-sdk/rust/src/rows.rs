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

use arrow_array::{
    Array, ArrowPrimitiveType, BooleanArray, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, LargeStringArray, PrimitiveArray, StringArray, StringViewArray,
    UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};

use crate::{Filter, Integers, Numbers, Text};

/// A column whose values can be had one by one.
pub trait Cells {
    /// One value.
    type Cell<'a>
    where
        Self: 'a;

    /// How many values there are.
    fn n_rows(&self) -> usize;

    /// The value of a row; `None` where it is null or there is no such row.
    fn cell(&self, row: usize) -> Option<Self::Cell<'_>>;
}

/// What a function of a row may return: a value, or an option of one.
pub trait IntoCell {
    /// The value.
    type Value;
    /// The array that holds such values.
    type Array: Array + FromIterator<Option<Self::Value>>;

    /// The value; `None` for null.
    fn into_cell(self) -> Option<Self::Value>;
}

/// The column of `f` of each value.
pub fn map<'a, A: Cells, R: IntoCell>(a: &'a A, f: impl Fn(A::Cell<'a>) -> R) -> R::Array {
    Filter::all(a.n_rows()).map(a, f)
}

/// The column of `f` of each pair of values, as long as the shorter column.
pub fn map2<'a, A: Cells, B: Cells, R: IntoCell>(
    a: &'a A,
    b: &'a B,
    f: impl Fn(A::Cell<'a>, B::Cell<'a>) -> R,
) -> R::Array {
    Filter::all(a.n_rows().min(b.n_rows())).map2(a, b, f)
}

/// The column of `f` of each triple of values, as long as the shortest column.
pub fn map3<'a, A: Cells, B: Cells, C: Cells, R: IntoCell>(
    a: &'a A,
    b: &'a B,
    c: &'a C,
    f: impl Fn(A::Cell<'a>, B::Cell<'a>, C::Cell<'a>) -> R,
) -> R::Array {
    Filter::all(a.n_rows().min(b.n_rows()).min(c.n_rows())).map3(a, b, c, f)
}

impl<T: ArrowPrimitiveType> Cells for PrimitiveArray<T> {
    type Cell<'a> = T::Native;

    fn n_rows(&self) -> usize {
        self.len()
    }

    fn cell(&self, row: usize) -> Option<T::Native> {
        let value = self.values().get(row)?;
        self.is_valid(row).then_some(*value)
    }
}

impl Cells for Numbers {
    type Cell<'a> = f64;

    fn n_rows(&self) -> usize {
        self.len()
    }

    fn cell(&self, row: usize) -> Option<f64> {
        Cells::cell(&**self, row)
    }
}

impl Cells for Integers {
    type Cell<'a> = i64;

    fn n_rows(&self) -> usize {
        self.len()
    }

    fn cell(&self, row: usize) -> Option<i64> {
        Cells::cell(&**self, row)
    }
}

impl Cells for Text {
    type Cell<'a> = &'a str;

    fn n_rows(&self) -> usize {
        self.len()
    }

    fn cell(&self, row: usize) -> Option<&str> {
        self.get(row)
    }
}

macro_rules! cells {
    ($($a:lifetime $array:ty => $cell:ty),+) => {
        $(impl Cells for $array {
            type Cell<$a> = $cell;

            fn n_rows(&self) -> usize {
                self.len()
            }

            fn cell(&self, row: usize) -> Option<Self::Cell<'_>> {
                (row < self.len() && self.is_valid(row)).then(|| self.value(row))
            }
        })+
    };
}

cells!('a BooleanArray => bool, 'a StringArray => &'a str, 'a LargeStringArray => &'a str, 'a StringViewArray => &'a str);

macro_rules! into_cell {
    ($($value:ty => $array:ty),+) => {
        $(impl IntoCell for $value {
            type Value = Self;
            type Array = $array;

            fn into_cell(self) -> Option<Self> {
                Some(self)
            }
        })+
    };
}

into_cell!(
    bool => BooleanArray, i8 => Int8Array, i16 => Int16Array, i32 => Int32Array, i64 => Int64Array,
    u8 => UInt8Array, u16 => UInt16Array, u32 => UInt32Array, u64 => UInt64Array,
    f32 => Float32Array, f64 => Float64Array, String => StringArray, &str => StringArray
);

impl<C: IntoCell> IntoCell for Option<C> {
    type Value = C::Value;
    type Array = C::Array;

    fn into_cell(self) -> Option<C::Value> {
        self.and_then(C::into_cell)
    }
}
