//! The rows that a step rejected, as far as they are named beside being counted.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Rejected rows that a step names: enough to see what is wrong with an input, and four megabytes with
/// the longest reasons. A place for all of them is the quarantine.
const ROWS_MAX: usize = 1_000;

/// A row that a transform took out of the run, or that was, as the transform fails over it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RejectedRow {
    /// The partition that it was in.
    pub partition: usize,
    /// Its number in the partition; the first is 0.
    pub row: u64,
    /// Why, in the transform's words, or in those of its failure.
    pub reason: String,
    /// Whether the transform failed over the row.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

/// The rows of one step, in the order in which they were met.
#[derive(Debug, Default)]
pub(crate) struct Rejected(Mutex<Vec<RejectedRow>>);

impl Rejected {
    pub(super) fn extend(&self, rows: impl Iterator<Item = RejectedRow>) {
        // A panic elsewhere leaves the list itself whole.
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = ROWS_MAX.saturating_sub(told.len());
        told.extend(rows.take(room));
    }

    /// The rows, in the order of the input.
    pub(crate) fn rows(&self) -> Vec<RejectedRow> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = told.clone();
        rows.sort();
        rows
    }
}
