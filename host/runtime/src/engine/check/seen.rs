//! The keys that a rule has seen, in all partitions.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use arrow::array::ArrayRef;

use super::keys::{Keys, Seeds, Spreading, nulls};
use super::known::Bound;
use crate::error::Result;

/// Tables that the keys are spread over, so that partitions seldom wait for each other, and the part of a table that is
/// touched for a batch stays in a core's cache.
const SHARDS: usize = 64;

/// Bits of a word that say where it stands in its block.
const BLOCK_BITS: u32 = 6;

/// Bytes that a table takes for an entry beside the entry itself.
const ENTRY_OVERHEAD: usize = 1;

/// A set of keys that grows to a bound.
#[derive(Debug)]
pub(super) struct Seen {
    seeds: Seeds,
    shards: Vec<Mutex<Shard>>,
    count: AtomicU64,
    bound: Bound,
}

#[derive(Debug)]
struct Shard {
    /// Words in blocks of 64, with a bit for each: numbers that follow each other take two bits, others sixteen bytes.
    blocks: HashMap<u64, u64, Spreading>,
    hashes: HashSet<u128, Spreading>,
}

impl Seen {
    pub(super) fn new(bound: Bound) -> Result<Self> {
        let seeds = Seeds::random()?;
        let shard = || {
            Mutex::new(Shard {
                blocks: HashMap::with_hasher(seeds.spreading()),
                hashes: HashSet::with_hasher(seeds.spreading()),
            })
        };
        Ok(Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            seeds,
            count: AtomicU64::new(0),
            bound,
        })
    }

    /// Adds the rows of `columns` that have no null, and tells which of them, counted from zero, were there before.
    ///
    /// # Errors
    ///
    /// `Limit` where there are too many keys, or they take too much memory.
    pub(super) fn add(&self, columns: &[ArrayRef]) -> Result<Vec<usize>> {
        let nulls = nulls(columns);
        let is_key = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        match self.seeds.keys(columns)? {
            Keys::Words(words) => {
                let spreading = self.seeds.spreading();
                let spread = |word: &u64| spreading.of(word >> BLOCK_BITS);
                self.add_keys(&words, is_key, spread, Shard::add_word)
            }
            Keys::Hashes(hashes) => {
                // The table itself looks at the other half.
                let spread = |hash: &u128| (hash >> 64) as u64;
                self.add_keys(&hashes, is_key, spread, Shard::add_hash)
            }
        }
    }

    /// Shard by shard, so that each is locked once.
    fn add_keys<K: Copy>(
        &self,
        keys: &[K],
        is_key: impl Fn(usize) -> bool,
        spread: impl Fn(&K) -> u64,
        add: impl Fn(&mut Shard, K) -> bool,
    ) -> Result<Vec<usize>> {
        let mut of_shard: Vec<Vec<(usize, K)>> = Vec::new();
        of_shard.resize_with(SHARDS, || Vec::with_capacity(2 * keys.len() / SHARDS));
        for (row, key) in keys.iter().enumerate().filter(|(row, _)| is_key(*row)) {
            // Neither the bits that choose a bucket nor those that a table compares first.
            let shard = (spread(key) >> 40) as usize % SHARDS;
            if let Some(rows) = of_shard.get_mut(shard) {
                rows.push((row, *key));
            }
        }
        let mut again = Vec::new();
        for (shard, keys) in self.shards.iter().zip(of_shard) {
            if keys.is_empty() {
                continue;
            }
            let before = again.len();
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let bytes = shard.bytes();
            let count = keys.len();
            again.extend(keys.into_iter().filter_map(|(row, key)| {
                let is_new = add(&mut shard, key);
                (!is_new).then_some(row)
            }));
            let (bytes, new) = (shard.bytes() - bytes, count - (again.len() - before));
            drop(shard);
            self.charge(bytes, new as u64)?;
        }
        again.sort_unstable();
        Ok(again)
    }

    fn charge(&self, bytes: usize, keys: u64) -> Result<()> {
        let total = self.count.fetch_add(keys, Ordering::Relaxed) + keys;
        self.bound.charge(total, bytes)
    }
}

impl Shard {
    /// Whether it was not there.
    fn add_word(&mut self, word: u64) -> bool {
        let bit = 1 << (word % (1 << BLOCK_BITS));
        let block = self.blocks.entry(word >> BLOCK_BITS).or_default();
        let is_new = *block & bit == 0;
        *block |= bit;
        is_new
    }

    /// Whether it was not there.
    fn add_hash(&mut self, hash: u128) -> bool {
        self.hashes.insert(hash)
    }

    fn bytes(&self) -> usize {
        let entry = 2 * size_of::<u64>() + ENTRY_OVERHEAD;
        (self.blocks.capacity() + self.hashes.capacity()) * entry
    }
}
