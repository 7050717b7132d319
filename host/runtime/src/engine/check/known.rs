//! Whether values are among those that are known, or texts fit a pattern.

use std::collections::HashSet;

use arrow::array::{Array as _, ArrayRef};
use datafusion::execution::memory_pool::MemoryReservation;
use regex::Regex;

use super::keys::{Keys, Seeds, Spreading, nulls};
use crate::engine::error::from_datafusion;
use crate::error::{Error, Result};

/// What a value has to be.
#[derive(Debug)]
pub(super) enum Known {
    /// A text with the pattern in it.
    Pattern(Regex),
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
    pub(super) fn none(bound: Bound, seeds: &Seeds) -> Self {
        let keys = KeySet {
            words: HashSet::with_hasher(seeds.spreading()),
            hashes: HashSet::with_hasher(seeds.spreading()),
            seeds: seeds.clone(),
        };
        Self::Values(keys, bound)
    }

    pub(super) fn pattern(pattern: &str) -> Result<Self> {
        let pattern = Regex::new(pattern).map_err(|cause| {
            Error::internal("compile a pattern that was compiled before").source(cause)
        })?;
        Ok(Self::Pattern(pattern))
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

    /// The rows of a column of other values than texts that are not known; those with a null may be among them.
    pub(super) fn unknown(&self, column: &ArrayRef) -> Result<Vec<usize>> {
        match self {
            Self::Pattern(_) => Err(Error::internal("a pattern is for texts")),
            Self::Values(set, _) => set.unknown(column),
        }
    }
}

impl KeySet {
    /// Whether it has the text of this number.
    pub(super) fn has_text(&self, number: u128) -> bool {
        self.hashes.contains(&number)
    }

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

    fn unknown(&self, column: &ArrayRef) -> Result<Vec<usize>> {
        let rows = 0..column.len();
        Ok(match self.seeds.keys(std::slice::from_ref(column))? {
            Keys::Words(words) => {
                let both = rows.zip(words);
                let unknown = both.filter(|(_, word)| !self.words.contains(word));
                unknown.map(|(row, _)| row).collect()
            }
            Keys::Hashes(hashes) => {
                let both = rows.zip(hashes);
                let unknown = both.filter(|(_, hash)| !self.hashes.contains(hash));
                unknown.map(|(row, _)| row).collect()
            }
        })
    }

    fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<(u64, u8)>()
            + self.hashes.capacity() * size_of::<(u128, u8)>()
    }
}
