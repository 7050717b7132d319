//! Whether values are among those that are known, or texts fit a pattern.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::BooleanBuffer;
use datafusion::execution::memory_pool::MemoryReservation;
use regex::Regex;

use super::keys::{Keys, Seeds, Spreading, nulls};
use super::texts;
use crate::engine::error::from_datafusion;
use crate::error::{Error, Result};

/// Texts that a partition remembers to be right, each where its own bits say: of a column with fewer different ones,
/// nearly each is looked at once. They take a MiB.
const REMEMBERED: usize = 1 << REMEMBERED_BITS;
const REMEMBERED_BITS: u32 = 16;

/// What a value has to be.
#[derive(Debug)]
pub(super) enum Known {
    /// A text with the pattern in it.
    Pattern(Regex, Seeds),
    /// One of some values.
    Values(KeySet, Bound),
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
    ///
    /// # Errors
    ///
    /// `Limit` where there are too many, or they take too much memory.
    pub(super) fn charge(&self, keys: u64, bytes: usize) -> Result<()> {
        if keys > self.keys_max {
            return Err(Error::limit_key("rule_keys", self.keys_max)
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
    /// No values yet.
    pub(super) fn none(bound: Bound) -> Result<Self> {
        let seeds = Seeds::random()?;
        let keys = KeySet {
            words: HashSet::with_hasher(seeds.spreading()),
            hashes: HashSet::with_hasher(seeds.spreading()),
            seeds,
        };
        Ok(Self::Values(keys, bound))
    }

    pub(super) fn pattern(pattern: &str) -> Result<Self> {
        let pattern = Regex::new(pattern).map_err(|cause| {
            Error::internal("compile a pattern that was compiled before").source(cause)
        })?;
        Ok(Self::Pattern(pattern, Seeds::random()?))
    }

    /// Adds the values of a column, but for nulls.
    ///
    /// # Errors
    ///
    /// As [`Bound::charge`].
    pub(super) fn learn(&mut self, column: &ArrayRef) -> Result<()> {
        let Self::Values(set, bound) = self else {
            return Err(Error::internal("a pattern learns values"));
        };
        let before = set.bytes();
        set.learn(column)?;
        let count = set.words.len() + set.hashes.len();
        bound.charge(count as u64, set.bytes() - before)
    }

    /// The rows of a column that are not known; what stands for rows with a null means nothing.
    pub(super) fn unknown(&self, column: &ArrayRef, memo: &mut Memo) -> Result<BooleanBuffer> {
        let seeds = match self {
            Self::Pattern(_, seeds) | Self::Values(KeySet { seeds, .. }, _) => seeds,
        };
        let numbers = match (seeds.keys(std::slice::from_ref(column))?, self) {
            (Keys::Words(words), Self::Values(set, _)) => {
                let mut words = words.iter();
                return Ok(BooleanBuffer::collect_bool(column.len(), |_| {
                    words.next().is_some_and(|word| !set.words.contains(word))
                }));
            }
            (Keys::Words(_), _) => {
                let message = "a pattern is looked for in what is no text";
                return Err(Error::internal(message));
            }
            (Keys::Hashes(numbers), _) => numbers,
        };
        let numbers = (numbers.as_slice(), seeds.spreading());
        Ok(match self {
            Self::Pattern(pattern, _) => {
                let pattern = memo.pattern.get_or_insert_with(|| pattern.clone());
                let is_found = |row, _| pattern.is_match(texts::text(column, row));
                Memo::wrong(&mut memo.right, numbers, is_found)
            }
            Self::Values(set, _) => {
                let is_known = |_, number| set.hashes.contains(&number);
                Memo::wrong(&mut memo.right, numbers, is_known)
            }
        })
    }
}

impl KeySet {
    fn learn(&mut self, column: &ArrayRef) -> Result<()> {
        let nulls = nulls(std::slice::from_ref(column));
        let is_key = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        match self.seeds.keys(std::slice::from_ref(column))? {
            Keys::Words(words) => {
                let words = words.into_iter().enumerate();
                let words = words.filter(|(row, _)| is_key(*row));
                self.words.extend(words.map(|(_, word)| word));
            }
            Keys::Hashes(hashes) => {
                let hashes = hashes.into_iter().enumerate();
                let hashes = hashes.filter(|(row, _)| is_key(*row));
                self.hashes.extend(hashes.map(|(_, hash)| hash));
            }
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<(u64, u8)>()
            + self.hashes.capacity() * size_of::<(u128, u8)>()
    }
}

/// What a partition remembers of texts.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// Numbers of texts that are right.
    right: Vec<u128>,
    /// A copy of the pattern: threads that look with the same one wait for each other.
    pattern: Option<Regex>,
}

/// No text has it for its number.
const NONE: u128 = u128::MAX;

impl Memo {
    /// The rows whose text `is_right` does not accept, asked as seldom as can be.
    fn wrong(
        right: &mut Vec<u128>,
        (numbers, spreading): (&[u128], Spreading),
        is_right: impl Fn(usize, u128) -> bool,
    ) -> BooleanBuffer {
        right.resize(REMEMBERED, NONE);
        let mut numbers = numbers.iter().copied();
        BooleanBuffer::collect_bool(numbers.len(), |row| {
            let number = numbers.next().unwrap_or(NONE);
            let slot = spreading.hash(number) >> (u64::BITS - REMEMBERED_BITS);
            match right.get_mut(slot as usize) {
                Some(slot) if *slot == number => false,
                Some(slot) if is_right(row, number) => {
                    *slot = number;
                    false
                }
                _ => true,
            }
        })
    }
}
