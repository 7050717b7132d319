//! Columns built value by value.
//!
//! A guest pays the host's check of its deadline at every turn of a loop, so values are taken eight at a
//! time, in a loop that the compiler unrolls, and validity is a byte for each row until the end.

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrowPrimitiveType, BooleanArray, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};

/// A column that grows.
pub trait Sink {
    /// What it takes.
    type Value;
    /// What it becomes.
    type Array: Array;

    /// Adds a value; `None` is null.
    fn push(&mut self, value: Option<Self::Value>);

    /// Adds eight values.
    fn push_eight(&mut self, values: [Option<Self::Value>; 8]) {
        for value in values {
            self.push(value);
        }
    }

    /// The column.
    fn finish(self) -> Self::Array;
}

/// Grows a column of numbers.
#[derive(Debug)]
pub struct PrimitiveSink<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    valid: Flags,
}

impl<T: ArrowPrimitiveType> PrimitiveSink<T> {
    pub(crate) fn with_capacity(n_rows: usize) -> Self {
        Self {
            values: Vec::with_capacity(n_rows),
            valid: Flags::with_capacity(n_rows),
        }
    }
}

impl<T: ArrowPrimitiveType> Sink for PrimitiveSink<T> {
    type Value = T::Native;
    type Array = PrimitiveArray<T>;

    fn push(&mut self, value: Option<T::Native>) {
        self.valid.push(value.is_some());
        self.values.push(value.unwrap_or_default());
    }

    #[inline]
    fn push_eight(&mut self, values: [Option<T::Native>; 8]) {
        self.valid.push_eight(values.map(|value| value.is_some()));
        let values = values.map(Option::unwrap_or_default);
        self.values.extend_from_slice(&values);
    }

    fn finish(self) -> PrimitiveArray<T> {
        PrimitiveArray::new(self.values.into(), self.valid.into_nulls())
    }
}

/// Grows a column of truth values.
#[derive(Debug)]
pub struct BooleanSink {
    values: Flags,
    valid: Flags,
}

impl BooleanSink {
    pub(crate) fn with_capacity(n_rows: usize) -> Self {
        Self {
            values: Flags::with_capacity(n_rows),
            valid: Flags::with_capacity(n_rows),
        }
    }
}

impl Sink for BooleanSink {
    type Value = bool;
    type Array = BooleanArray;

    fn push(&mut self, value: Option<bool>) {
        self.valid.push(value.is_some());
        self.values.push(value.unwrap_or_default());
    }

    #[inline]
    fn push_eight(&mut self, values: [Option<bool>; 8]) {
        self.valid.push_eight(values.map(|value| value.is_some()));
        self.values
            .push_eight(values.map(Option::unwrap_or_default));
    }

    fn finish(self) -> BooleanArray {
        BooleanArray::new(self.values.into_bits(), self.valid.into_nulls())
    }
}

/// Grows a column of text.
#[derive(Debug)]
pub struct TextSink<S> {
    builder: StringBuilder,
    takes: std::marker::PhantomData<fn(S)>,
}

impl<S> TextSink<S> {
    pub(crate) fn with_capacity(n_rows: usize) -> Self {
        Self {
            builder: StringBuilder::with_capacity(n_rows, 0),
            takes: std::marker::PhantomData,
        }
    }
}

impl<S: AsRef<str>> Sink for TextSink<S> {
    type Value = S;
    type Array = StringArray;

    fn push(&mut self, value: Option<S>) {
        self.builder.append_option(value);
    }

    fn finish(mut self) -> StringArray {
        self.builder.finish()
    }
}

/// A bit for each row, kept as a byte while they are collected.
#[derive(Debug)]
pub(crate) struct Flags(Vec<u8>);

impl Flags {
    pub(crate) fn with_capacity(n_rows: usize) -> Self {
        Self(Vec::with_capacity(n_rows))
    }

    pub(crate) fn push(&mut self, flag: bool) {
        self.0.push(u8::from(flag));
    }

    #[inline]
    pub(crate) fn push_eight(&mut self, flags: [bool; 8]) {
        self.0.extend_from_slice(&flags.map(u8::from));
    }

    pub(crate) fn into_bits(self) -> BooleanBuffer {
        let (eights, rest) = self.0.as_chunks::<8>();
        let mut bytes = Vec::with_capacity(eights.len() + 1);
        bytes.extend(eights.iter().copied().map(packed));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            bytes.push(packed(last));
        }
        BooleanBuffer::new(Buffer::from_vec(bytes), 0, self.0.len())
    }

    /// The validity; `None` where all are valid.
    pub(crate) fn into_nulls(self) -> Option<NullBuffer> {
        Some(NullBuffer::new(self.into_bits())).filter(|nulls| nulls.null_count() > 0)
    }
}

/// Eight bytes of 0 or 1 as the bits of one, the first as the lowest: the product moves the bit of byte `i`
/// to place 56 + `i`, and no two of its terms meet.
const fn packed(flags: [u8; 8]) -> u8 {
    const PLACES: u64 = 0x0102_0408_1020_4080;
    (u64::from_le_bytes(flags).wrapping_mul(PLACES) >> 56) as u8
}
