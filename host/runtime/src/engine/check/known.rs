//! Whether values are among those that are known, or texts fit a pattern.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray as _, GenericStringArray, OffsetSizeTrait};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use datafusion::execution::memory_pool::MemoryReservation;
use regex::Regex;

use super::keys::{Keys, Seeds, Spreading, canonical, nulls};
use crate::engine::error::from_datafusion;
use crate::error::{Error, Result};

/// Texts whose verdict a partition remembers: of a column with fewer different ones, each is looked at once. They take
/// 128 KiB, which a core's cache holds.
const REMEMBERED: usize = 1 << REMEMBERED_BITS;
const REMEMBERED_BITS: u32 = 12;

/// The longest text that is remembered: with its length, it makes one number.
const SHORT_BYTES: usize = 15;

/// Bytes that a set takes for a text beside those of the text.
const TEXT_OVERHEAD: usize = 40;

/// What a value has to be.
#[derive(Debug)]
pub(super) enum Known {
    /// A text with the pattern in it.
    Pattern(Regex),
    /// One of some texts.
    Texts(HashSet<Box<str>>, Bound),
    /// One of some values that are no texts.
    Keys(KeySet, Bound),
}

/// What the keys of a rule may take.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) rule: String,
    pub(super) keys_max: u64,
    pub(super) memory: MemoryReservation,
}

impl Bound {
    /// Charges more bytes of as many keys as there are now.
    pub(super) fn charge(&self, keys: u64, bytes: usize) -> Result<()> {
        if keys > self.keys_max {
            let raise = "raise `rule_keys` under `[limits]` in the application file, or pass `--limit-rule-keys`";
            return Err(Error::limit("rule_keys", self.keys_max, raise)
                .fact("rule", &self.rule)
                .context(format!("remember the keys of the rule `{}`", self.rule)));
        }
        if bytes == 0 {
            return Ok(());
        }
        self.memory.try_grow(bytes).map_err(from_datafusion)
    }
}

#[derive(Debug)]
pub(super) struct KeySet {
    seeds: Seeds,
    words: HashSet<u64, Spreading>,
    hashes: HashSet<u128, Spreading>,
}

impl Known {
    /// None yet, of values of a type.
    pub(super) fn none(ty: &DataType, bound: Bound) -> Result<Self> {
        if is_text(ty) {
            return Ok(Self::Texts(HashSet::new(), bound));
        }
        let seeds = Seeds::random()?;
        let keys = KeySet {
            words: HashSet::with_hasher(seeds.spreading()),
            hashes: HashSet::with_hasher(seeds.spreading()),
            seeds,
        };
        Ok(Self::Keys(keys, bound))
    }

    /// Adds the values of a column, but for nulls.
    ///
    /// # Errors
    ///
    /// `Limit` where there are too many, or they take too much memory.
    pub(super) fn learn(&mut self, column: &ArrayRef) -> Result<()> {
        let column = canonical(column);
        let (count, bytes, bound) = match self {
            Self::Pattern(_) => return Ok(()),
            Self::Texts(texts, bound) => {
                let bytes = learn_texts(texts, &column);
                (texts.len(), bytes, bound)
            }
            Self::Keys(keys, bound) => {
                let bytes = keys.learn(&column)?;
                (keys.words.len() + keys.hashes.len(), bytes, bound)
            }
        };
        bound.charge(count as u64, bytes)
    }

    /// The rows of a column that are not known; what stands for rows with a null means nothing.
    pub(super) fn unknown(&self, column: &ArrayRef, memo: &mut Memo) -> Result<BooleanBuffer> {
        match self {
            Self::Pattern(pattern) => Ok(memo.violations(column, |text| !pattern.is_match(text))),
            Self::Texts(texts, _) => Ok(memo.violations(column, |text| !texts.contains(text))),
            Self::Keys(set, _) => Ok(match set.seeds.keys(std::slice::from_ref(column))? {
                Keys::Words(words) => {
                    let mut words = words.iter();
                    BooleanBuffer::collect_bool(column.len(), |_| {
                        words.next().is_some_and(|word| !set.words.contains(word))
                    })
                }
                Keys::Hashes(hashes) => {
                    let mut hashes = hashes.iter();
                    BooleanBuffer::collect_bool(column.len(), |_| {
                        hashes.next().is_some_and(|hash| !set.hashes.contains(hash))
                    })
                }
            }),
        }
    }
}

/// Adds texts and tells the bytes that they take.
fn learn_texts(known: &mut HashSet<Box<str>>, column: &ArrayRef) -> usize {
    let mut bytes = 0;
    let mut learn = |text: Option<&str>| {
        if let Some(text) = text
            && !known.contains(text)
        {
            bytes += text.len() + TEXT_OVERHEAD;
            known.insert(text.into());
        }
    };
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().iter().for_each(&mut learn),
        DataType::LargeUtf8 => column.as_string::<i64>().iter().for_each(&mut learn),
        DataType::Utf8View => column.as_string_view().iter().for_each(&mut learn),
        _ => {}
    }
    bytes
}

impl KeySet {
    /// Adds values and tells the bytes that they take.
    fn learn(&mut self, column: &ArrayRef) -> Result<usize> {
        let before = self.bytes();
        let nulls = nulls(std::slice::from_ref(column));
        let is_key = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        match self.seeds.keys(std::slice::from_ref(column))? {
            Keys::Words(words) => {
                let words = words.into_iter().enumerate();
                self.words
                    .extend(words.filter(|(row, _)| is_key(*row)).map(|(_, word)| word));
            }
            Keys::Hashes(hashes) => {
                let hashes = hashes.into_iter().enumerate();
                self.hashes
                    .extend(hashes.filter(|(row, _)| is_key(*row)).map(|(_, hash)| hash));
            }
        }
        Ok(self.bytes() - before)
    }

    fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<(u64, u8)>()
            + self.hashes.capacity() * size_of::<(u128, u8)>()
    }
}

/// Whether values of a type are texts.
pub(super) const fn is_text(ty: &DataType) -> bool {
    matches!(
        ty,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

/// The verdicts on short texts that came lately, each where its own bits say.
#[derive(Debug, Default)]
pub(super) struct Memo(Vec<(u128, bool)>);

/// No text has it for its number: none is so long.
const NONE: u128 = u128::MAX;

impl Memo {
    /// The rows of a column of texts that violate a rule.
    fn violations(&mut self, column: &ArrayRef, violates: impl Fn(&str) -> bool) -> BooleanBuffer {
        match column.data_type() {
            DataType::Utf8 => self.of_texts(column.as_string::<i32>(), violates),
            DataType::LargeUtf8 => self.of_texts(column.as_string::<i64>(), violates),
            DataType::Utf8View => {
                let texts = column.as_string_view();
                let mut row = 0;
                self.judge(
                    texts.len(),
                    || {
                        let text = if texts.is_null(row) {
                            ""
                        } else {
                            texts.value(row)
                        };
                        row += 1;
                        (short(text.as_bytes(), 0, text.len()), text)
                    },
                    violates,
                )
            }
            _ => BooleanBuffer::new_unset(column.len()),
        }
    }

    fn of_texts<O: OffsetSizeTrait>(
        &mut self,
        texts: &GenericStringArray<O>,
        violates: impl Fn(&str) -> bool,
    ) -> BooleanBuffer {
        let bytes = texts.value_data();
        let mut ends = texts.value_offsets().iter().map(|offset| offset.as_usize());
        let mut start = ends.next().unwrap_or_default();
        let mut row = 0;
        self.judge(
            texts.len(),
            || {
                let (from, at) = (start, row);
                start = ends.next().unwrap_or(start);
                row += 1;
                (short(bytes, from, start), at)
            },
            |at| violates(texts.value(at)),
        )
    }

    /// Judges as many texts as there are `rows`; `next` has the number of a short one, and what to look at otherwise.
    fn judge<T>(
        &mut self,
        rows: usize,
        mut next: impl FnMut() -> (Option<u128>, T),
        violates: impl Fn(T) -> bool,
    ) -> BooleanBuffer {
        self.0.resize(REMEMBERED, (NONE, false));
        BooleanBuffer::collect_bool(rows, |_| {
            let (number, text) = next();
            let Some(number) = number else {
                return violates(text);
            };
            let Some(slot) = self.0.get_mut(slot(number)) else {
                return violates(text);
            };
            if slot.0 != number {
                *slot = (number, violates(text));
            }
            slot.1
        })
    }
}

/// A short text and its length as a number.
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

fn slot(number: u128) -> usize {
    let folded = (number as u64) ^ ((number >> 64) as u64);
    (folded.wrapping_mul(super::keys::SPREAD) >> (64 - REMEMBERED_BITS)) as usize
}
