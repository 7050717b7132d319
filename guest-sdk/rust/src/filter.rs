//! Which rows of a batch survive.

use arrow_array::{Array, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, Buffer, NullBuffer};

use crate::cells::Sink;
use crate::rows::{ArrayOf, Cells, IntoCell};

/// Rows of a batch that survive, one bit for each row.
#[derive(Clone, Debug)]
pub struct Filter {
    bits: BooleanBuffer,
    n_selected: usize,
}

impl Filter {
    /// Keeps the rows whose value is not null and for which `keep` is true.
    ///
    /// `keep` is called for null rows too, with any value, so that the loop has no branch.
    #[must_use]
    pub fn by<T: ArrowPrimitiveType>(
        values: &PrimitiveArray<T>,
        keep: impl Fn(T::Native) -> bool,
    ) -> Self {
        let mut bytes = Vec::with_capacity(values.len().div_ceil(8));
        let (eights, rest) = values.values().as_chunks::<8>();
        // A loop of eight known rounds is unrolled, which also divides the cost of the host's epoch checks.
        bytes.extend(eights.iter().map(|eight| {
            let mut byte = 0;
            for (bit, value) in eight.iter().enumerate() {
                byte |= u8::from(keep(*value)) << bit;
            }
            byte
        }));
        if !rest.is_empty() {
            let bits = rest
                .iter()
                .enumerate()
                .map(|(bit, value)| u8::from(keep(*value)) << bit);
            bytes.push(bits.fold(0, |byte, bit| byte | bit));
        }
        let bits = BooleanBuffer::new(Buffer::from_vec(bytes), 0, values.len());
        Self::from(match values.nulls() {
            Some(nulls) => &bits & nulls.inner(),
            None => bits,
        })
    }

    /// Keeps all of `n_rows` rows.
    #[must_use]
    pub fn all(n_rows: usize) -> Self {
        Self {
            bits: BooleanBuffer::new_set(n_rows),
            n_selected: n_rows,
        }
    }

    /// The column of `f` of each value that survives.
    ///
    /// A null value gives null, and so does a function that returns `None`.
    pub fn map<'a, A: Cells, R: IntoCell>(
        &self,
        a: &'a A,
        f: impl Fn(A::Cell<'a>) -> R,
    ) -> ArrayOf<R> {
        self.fill(
            R::sink(self.n_selected),
            self.known(a),
            |row| f(a.cell(row)).into_cell(),
            |row| a.eight(row).map(|a| f(a).into_cell()),
        )
    }

    /// The column of `f` of each pair of values that survives.
    pub fn map2<'a, A: Cells, B: Cells, R: IntoCell>(
        &self,
        a: &'a A,
        b: &'a B,
        f: impl Fn(A::Cell<'a>, B::Cell<'a>) -> R,
    ) -> ArrayOf<R> {
        self.fill(
            R::sink(self.n_selected),
            NullBuffer::union(self.known(a).as_ref(), self.known(b).as_ref()),
            |row| f(a.cell(row), b.cell(row)).into_cell(),
            |row| {
                let (a, b) = (a.eight(row), b.eight(row));
                eight(|index| f(at(&a, index), at(&b, index)).into_cell())
            },
        )
    }

    /// The column of `f` of each triple of values that survives.
    pub fn map3<'a, A: Cells, B: Cells, C: Cells, R: IntoCell>(
        &self,
        a: &'a A,
        b: &'a B,
        c: &'a C,
        f: impl Fn(A::Cell<'a>, B::Cell<'a>, C::Cell<'a>) -> R,
    ) -> ArrayOf<R> {
        let known = NullBuffer::union(self.known(a).as_ref(), self.known(b).as_ref());
        self.fill(
            R::sink(self.n_selected),
            NullBuffer::union(known.as_ref(), self.known(c).as_ref()),
            |row| f(a.cell(row), b.cell(row), c.cell(row)).into_cell(),
            |row| {
                let (a, b, c) = (a.eight(row), b.eight(row), c.eight(row));
                eight(|index| f(at(&a, index), at(&b, index), at(&c, index)).into_cell())
            },
        )
    }

    /// Which rows of the batch have a value in the column; `None` where all have.
    fn known(&self, column: &impl Cells) -> Option<NullBuffer> {
        let (n_rows, valid) = (column.n_rows(), column.validity());
        let missing = match self.n_rows().checked_sub(n_rows) {
            None => return valid.map(|valid| valid.slice(0, self.n_rows())),
            Some(0) => return valid,
            Some(missing) => missing,
        };
        let mut bits = BooleanBufferBuilder::new(self.n_rows());
        match valid {
            Some(valid) => bits.append_buffer(valid.inner()),
            None => bits.append_n(n_rows, true),
        }
        bits.append_n(missing, false);
        Some(NullBuffer::new(bits.finish()))
    }

    /// The column of the cells of all rows that survive; null where `known` says so. Where eight rows
    /// survive and are known, they are computed in one turn of the loop.
    pub(crate) fn fill<S: Sink>(
        &self,
        mut sink: S,
        known: Option<NullBuffer>,
        cell: impl Fn(usize) -> Option<S::Value>,
        eight: impl Fn(usize) -> [Option<S::Value>; 8],
    ) -> S::Array {
        let kept = self.to_bytes();
        let known = known.map(|known| known.inner().sliced());
        for (byte, kept) in kept.iter().enumerate() {
            let known = known.as_ref().and_then(|known| known.get(byte));
            let known = known.copied().unwrap_or(u8::MAX);
            let first = 8 * byte;
            if kept & known == u8::MAX && first + 8 <= self.n_rows() {
                sink.push_eight(eight(first));
                continue;
            }
            for bit in (0..8.min(self.n_rows() - first)).filter(|bit| kept >> bit & 1 == 1) {
                sink.push((known >> bit & 1 == 1).then(|| cell(first + bit)).flatten());
            }
        }
        sink.finish()
    }

    /// How many rows the batch has.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.bits.len()
    }

    /// How many of them survive.
    #[must_use]
    pub const fn n_selected(&self) -> usize {
        self.n_selected
    }

    /// Whether a row survives; false for a row that does not exist.
    #[must_use]
    pub fn contains(&self, row: usize) -> bool {
        row < self.bits.len() && self.bits.value(row)
    }

    /// The rows that survive, in order.
    pub fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.bits.set_indices()
    }

    /// The bits, one for each row.
    #[must_use]
    pub const fn bits(&self) -> &BooleanBuffer {
        &self.bits
    }

    /// The bits from a byte boundary on, least significant bit first.
    pub(crate) fn to_bytes(&self) -> Buffer {
        self.bits.sliced()
    }
}

#[inline]
fn eight<T>(cell: impl Fn(usize) -> T) -> [T; 8] {
    std::array::from_fn(cell)
}

#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "the index is below eight, as the compiler sees"
)]
const fn at<T: Copy>(cells: &[T; 8], index: usize) -> T {
    cells[index]
}

impl From<BooleanBuffer> for Filter {
    fn from(bits: BooleanBuffer) -> Self {
        Self {
            n_selected: bits.count_set_bits(),
            bits,
        }
    }
}

impl From<&BooleanArray> for Filter {
    /// Keeps the rows that are true; null counts as false.
    fn from(rows: &BooleanArray) -> Self {
        Self::from(match rows.nulls() {
            Some(nulls) => rows.values() & nulls.inner(),
            None => rows.values().clone(),
        })
    }
}

impl FromIterator<bool> for Filter {
    fn from_iter<I: IntoIterator<Item = bool>>(rows: I) -> Self {
        Self::from(BooleanBuffer::from_iter(rows))
    }
}
