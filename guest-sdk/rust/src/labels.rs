//! Text columns of a few known values, written without a branch per row.

use arrow_array::{Array, ArrowPrimitiveType, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use crate::Filter;
use crate::cells::{Flags, Sink};

/// Labels are stored as words of this many bytes, the width of a SIMD register, so that writing one is
/// a single store that the next label overlaps.
const WORD: usize = 16;

/// The `N` values that a text column can have; each has at most 16 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Labels<const N: usize> {
    words: [[u8; WORD]; N],
    lengths: [u32; N],
    length_max: usize,
}

impl<const N: usize> Labels<N> {
    /// Labels that are counted from zero in this order.
    ///
    /// # Panics
    ///
    /// Panics where there is no label or one is longer than 16 bytes; in a `const`, the compiler says so.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a constant function has no iterators, and the bounds stand above"
    )]
    pub const fn new(labels: [&str; N]) -> Self {
        assert!(N > 0, "there must be a label");
        let mut new = Self {
            words: [[0; WORD]; N],
            lengths: [0; N],
            length_max: 0,
        };
        let mut label = 0;
        while label < N {
            let bytes = labels[label].as_bytes();
            assert!(bytes.len() <= WORD, "a label has at most 16 bytes");
            let mut byte = 0;
            while byte < bytes.len() {
                new.words[label][byte] = bytes[byte];
                byte += 1;
            }
            #[expect(clippy::cast_possible_truncation, reason = "asserted above")]
            {
                new.lengths[label] = bytes.len() as u32;
            }
            if bytes.len() > new.length_max {
                new.length_max = bytes.len();
            }
            label += 1;
        }
        new
    }

    /// The label of each row that survives, by its value; rows that are null or dropped have none.
    ///
    /// `label` is called for dropped rows too, so that the loop has no branch. A number that is no
    /// label counts as the last.
    #[must_use]
    pub fn column_of<T: ArrowPrimitiveType>(
        &self,
        values: &PrimitiveArray<T>,
        rows: &Filter,
        label: impl Fn(T::Native) -> usize,
    ) -> StringArray {
        let mut writer = Writer::new(self, rows.n_selected());
        let (eights, rest) = values.values().as_chunks::<8>();
        let bits = rows.to_bytes();
        for (eight, byte) in eights.iter().zip(bits.iter()) {
            for (bit, value) in eight.iter().enumerate() {
                writer.push_if(label(*value), byte >> bit & 1);
            }
        }
        if let Some(byte) = bits.get(eights.len()) {
            for (bit, value) in rest.iter().enumerate() {
                writer.push_if(label(*value), byte >> bit & 1);
            }
        }
        writer.finish(selected_nulls(values.nulls(), rows))
    }

    /// The label of each row that survives, by its number in the batch; `None` for null.
    ///
    /// A number that is no label counts as the last.
    #[must_use]
    pub fn column(&self, rows: &Filter, label: impl Fn(usize) -> Option<usize>) -> StringArray {
        let sink = LabelSink {
            writer: Writer::new(self, rows.n_selected()),
            valid: Flags::with_capacity(rows.n_selected()),
        };
        let eight = |first: usize| std::array::from_fn(|bit| label(first + bit));
        rows.fill(sink, None, &label, eight)
    }
}

/// Grows a column of labels.
struct LabelSink<'a, const N: usize> {
    writer: Writer<'a, N>,
    valid: Flags,
}

impl<const N: usize> Sink for LabelSink<'_, N> {
    type Value = usize;
    type Array = StringArray;

    fn push(&mut self, label: Option<usize>) {
        self.valid.push(label.is_some());
        self.writer.push(label);
    }

    #[inline]
    fn push_eight(&mut self, labels: [Option<usize>; 8]) {
        self.valid.push_eight(labels.map(|label| label.is_some()));
        for label in labels {
            self.writer.push(label);
        }
    }

    fn finish(self) -> StringArray {
        self.writer.finish(self.valid.into_nulls())
    }
}

/// Writes labels one after the other.
struct Writer<'a, const N: usize> {
    labels: &'a Labels<N>,
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    n_bytes: usize,
    n_rows: usize,
}

impl<'a, const N: usize> Writer<'a, N> {
    fn new(labels: &'a Labels<N>, n_rows: usize) -> Self {
        // One word and one offset more than needed: a dropped row writes there too, and is overwritten.
        let bytes = vec![0; n_rows * labels.length_max + WORD];
        Self {
            labels,
            bytes,
            offsets: vec![0; n_rows + 2],
            n_bytes: 0,
            n_rows: 0,
        }
    }

    /// Writes the label, which the next one overwrites where `keep` is 0 and not 1.
    #[inline]
    fn push_if(&mut self, label: usize, keep: u8) {
        self.put(label, keep, keep);
    }

    #[inline]
    fn push(&mut self, label: Option<usize>) {
        self.put(label.unwrap_or_default(), u8::from(label.is_some()), 1);
    }

    /// Writes the label at the end; what is written next overwrites its bytes where `text` is 0 and not 1,
    /// and its offset where `row` is.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "the label is made one, so the compiler removes the check"
    )]
    fn put(&mut self, label: usize, text: u8, row: u8) {
        let label = label.min(N - 1);
        let end = self.n_bytes + self.labels.lengths[label] as usize * usize::from(text);
        if let Some(bytes) = self.bytes.get_mut(self.n_bytes..self.n_bytes + WORD) {
            bytes.copy_from_slice(&self.labels.words[label]);
        }
        if let Some(offset) = self.offsets.get_mut(self.n_rows + 1) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_possible_wrap,
                reason = "checked in `finish`"
            )]
            {
                *offset = end as i32;
            }
        }
        self.n_bytes = end;
        self.n_rows += usize::from(row);
    }

    fn finish(mut self, nulls: Option<NullBuffer>) -> StringArray {
        assert!(
            i32::try_from(self.n_bytes).is_ok(),
            "the labels of one batch exceed 2 GiB"
        );
        self.bytes.truncate(self.n_bytes);
        self.offsets.truncate(self.n_rows + 1);
        let offsets = ScalarBuffer::from(self.offsets);
        // SAFETY: offsets begin at zero and never fall, as each is the sum of the lengths before it.
        #[expect(unsafe_code, reason = "saves a pass over the offsets")]
        let offsets = unsafe { OffsetBuffer::new_unchecked(offsets) };
        // SAFETY: the offsets end at the length of the bytes, and between two of them lies nothing or one
        // whole label, which was a `str`.
        #[expect(unsafe_code, reason = "saves a pass over the bytes")]
        let labels =
            unsafe { StringArray::new_unchecked(offsets, Buffer::from_vec(self.bytes), nulls) };
        labels
    }
}

/// The validity of the rows that survive; `None` where all are valid.
fn selected_nulls(nulls: Option<&NullBuffer>, rows: &Filter) -> Option<NullBuffer> {
    let nulls = nulls?;
    let n_valid = (nulls.inner() & rows.bits()).count_set_bits();
    if n_valid == rows.n_selected() {
        return None;
    }
    Some(
        rows.rows()
            .map(|row| nulls.is_valid(row))
            .collect::<BooleanBuffer>()
            .into(),
    )
}
