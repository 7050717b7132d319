//! The keys that a rule has seen, in all partitions.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use arrow::array::ArrayRef;

use super::keys::{Keys, Seeds, Spreading, nulls};
use super::known::Bound;
use crate::error::Result;

/// Tables that the keys are spread over, so that partitions seldom wait for each other, and the part of a table that is
/// touched for a batch stays in a core's cache.
const SHARDS: usize = 64;

/// Words of a block.
const BLOCK: u64 = 64;

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
    /// Words in blocks, with a bit for each: numbers that follow each other take two bits, others sixteen bytes.
    blocks: HashMap<u64, u64, Spreading>,
    hashes: HashSet<u128, Spreading>,
}

/// Rows that follow each other and have words of the same block.
struct Run {
    block: u64,
    rows: Range<usize>,
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
    /// As [`Bound::charge`].
    pub(super) fn add(&self, columns: &[ArrayRef]) -> Result<Vec<usize>> {
        let nulls = nulls(columns);
        let is_key = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let spreading = self.seeds.spreading();
        let mut again = Vec::new();
        match self.seeds.keys(columns)? {
            Keys::Words(words) => {
                let runs = runs(&words, is_key);
                let spread = |run: &Run| spreading.word(run.block);
                self.by_shard(&runs, spread, |shard, run| {
                    let words = words.get(run.rows.clone()).unwrap_or_default();
                    shard.add_run(run, words, &mut again)
                })?;
            }
            Keys::Hashes(hashes) => {
                let rows = hashes.into_iter().enumerate();
                let rows: Vec<_> = rows.filter(|(row, _)| is_key(*row)).collect();
                let spread = |(_, hash): &(usize, u128)| spreading.hash(*hash);
                self.by_shard(&rows, spread, |shard, (row, hash)| {
                    let is_new = shard.hashes.insert(*hash);
                    if !is_new {
                        again.push(*row);
                    }
                    u64::from(is_new)
                })?;
            }
        }
        again.sort_unstable();
        Ok(again)
    }

    /// Adds what `add` makes of each item, and how many new keys that is, shard by shard: each is locked once.
    fn by_shard<T>(
        &self,
        items: &[T],
        spread: impl Fn(&T) -> u64,
        mut add: impl FnMut(&mut Shard, &T) -> u64,
    ) -> Result<()> {
        let mut of_shard: Vec<Vec<u32>> = Vec::new();
        of_shard.resize_with(SHARDS, || Vec::with_capacity(2 * items.len() / SHARDS));
        for (at, item) in items.iter().enumerate() {
            // Neither the bits that choose a bucket nor those that a table compares first.
            let shard = (spread(item) >> 40) as usize % SHARDS;
            if let Some(items) = of_shard.get_mut(shard) {
                items.push(at as u32);
            }
        }
        for (shard, at) in self.shards.iter().zip(of_shard) {
            if at.is_empty() {
                continue;
            }
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let before = shard.bytes();
            let items = at.iter().filter_map(|at| items.get(*at as usize));
            let new = items.map(|item| add(&mut shard, item)).sum::<u64>();
            let bytes = shard.bytes() - before;
            drop(shard);
            let total = self.count.fetch_add(new, Ordering::Relaxed) + new;
            self.bound.charge(total, bytes)?;
        }
        Ok(())
    }
}

/// The rows that are keys in runs of the same block: one for 64 numbers that follow each other.
fn runs(words: &[u64], is_key: impl Fn(usize) -> bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (row, word) in words.iter().enumerate().filter(|(row, _)| is_key(*row)) {
        let block = word / BLOCK;
        match runs.last_mut() {
            Some(run) if run.block == block && run.rows.end == row => run.rows.end += 1,
            _ => runs.push(Run {
                block,
                rows: row..row + 1,
            }),
        }
    }
    runs
}

impl Shard {
    /// Adds the words of a run, and tells how many are new.
    fn add_run(&mut self, run: &Run, words: &[u64], again: &mut Vec<usize>) -> u64 {
        let block = self.blocks.entry(run.block).or_default();
        let before = block.count_ones();
        for (row, word) in run.rows.clone().zip(words) {
            let bit = 1 << (word % BLOCK);
            if *block & bit != 0 {
                again.push(row);
            }
            *block |= bit;
        }
        u64::from(block.count_ones() - before)
    }

    fn bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<(u64, u64, u8)>()
            + self.hashes.capacity() * size_of::<(u128, u8)>()
    }
}
