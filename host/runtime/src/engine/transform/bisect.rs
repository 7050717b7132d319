//! Finds the rows over which a stateless transform fails, and runs it over the others.
//!
//! A morsel that failed is halved until a half succeeds or is one row: that row is bad. Each half gets an instance of
//! its own, since one that failed cannot be used again, and what one row did to it must not look like another's.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow::record_batch::RecordBatch;

use super::stream::{Partition, Place};
use crate::engine::quarantine::{BadRow, Original, Place as BadPlace, json};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;

/// Limits that one row may reach by what it makes the transform do. Of others, such as those of requests or of the
/// run's memory, the row that happens to reach them is not the cause.
const LIMITS_OF_ROWS: [&str; 6] = [
    "call_time",
    "guest_memory",
    "emit_bytes",
    "emit_rows",
    "host_calls",
    "lift_bytes",
];

/// Limits that fewer rows at a time may stay below, so that it is tried whatever becomes of bad rows.
const LIMITS_OF_MEMORY: [&str; 2] = ["guest_memory", "memory"];

/// The calls by which a run may search bad rows.
#[derive(Debug)]
pub(in crate::engine) struct Tries {
    of_batch: u64,
    of_run: u64,
    used: AtomicU64,
}

impl Tries {
    pub(in crate::engine) fn new(limits: &Limits) -> Self {
        Self {
            of_batch: limits.batch_tries,
            of_run: limits.tries,
            used: AtomicU64::new(0),
        }
    }

    /// Counts one more try of a batch that has had `tried` already.
    fn one_more(&self, tried: &mut u64) -> Result<()> {
        if *tried >= self.of_batch {
            return Err(Error::limit_key("batch_tries", self.of_batch));
        }
        if self.used.fetch_add(1, Ordering::Relaxed) >= self.of_run {
            return Err(Error::limit_key("tries", self.of_run));
        }
        *tried += 1;
        Ok(())
    }
}

impl Partition {
    /// What a transform makes of `morsel`, over which it failed with `error`, without the rows that are to blame.
    ///
    /// # Errors
    ///
    /// `error`, where it does not come from rows, where they may not be left out, or where calling the transform
    /// again could do something twice; `Limit` where too many tries are needed.
    pub(super) fn without_bad_rows(
        &self,
        (first, morsel): (Place, &RecordBatch),
        error: Error,
    ) -> Result<Vec<RecordBatch>> {
        let mut done = Vec::new();
        let mut tried = 0;
        let mut error = error;
        // Pieces that are not done yet, the next one last, and whether that one failed.
        let mut pieces = vec![(0, morsel.num_rows())];
        let mut has_failed = true;
        while let Some((start, rows)) = pieces.pop() {
            let piece = morsel.slice(start, rows);
            let place = first.skip(start);
            if !has_failed {
                if let Err(limit) = self.step.tries.one_more(&mut tried) {
                    let why = limit.context(format!("find the rows to blame for: {error}"));
                    let why = self.located(why, place, rows);
                    return Err(self.keep_whole(why, &error, first, morsel));
                }
                match self.attempt(place, &piece) {
                    Ok(batches) => {
                        done.extend(batches);
                        continue;
                    }
                    Err(failure) => error = failure,
                }
            }
            has_failed = false;
            if !self.is_divisible(&error) {
                return Err(self.failed(error, place, &piece));
            }
            if rows > 1 {
                let half = rows / 2;
                pieces.push((start + half, rows - half));
                pieces.push((start, half));
            } else if self.may_leave_out(&error) {
                self.leave_out_failed(place, &piece, &error)?;
            } else {
                return Err(self.failed(error, place, &piece));
            }
        }
        Ok(done)
    }

    fn attempt(&self, place: Place, piece: &RecordBatch) -> Result<Vec<RecordBatch>> {
        let outcome = self.step.guests.process_alone(self.layout.entering(piece)?);
        self.settle(Some((place, piece)), outcome)
    }

    /// Whether it may help to call the transform again with fewer rows.
    fn is_divisible(&self, error: &Error) -> bool {
        let fits = limit(error).is_some_and(|limit| LIMITS_OF_MEMORY.contains(&limit));
        self.step.is_repeatable && (fits || self.may_leave_out(error))
    }

    fn may_leave_out(&self, error: &Error) -> bool {
        self.step.tally.leaves_out() && is_of_rows(error)
    }

    fn leave_out_failed(&self, place: Place, row: &RecordBatch, error: &Error) -> Result<()> {
        let reason = error.to_string();
        self.tell_failure(place, &reason);
        self.keep_row(error, place, row);
        let mut originals = if self.step.tally.keeps() {
            json(row, &[0])
        } else {
            Vec::new()
        };
        self.leave_out(vec![BadRow {
            place: self.bad_place(place, 0),
            reason,
            original: originals
                .pop()
                .unwrap_or_else(|| Original::Absent(String::new())),
        }])
    }

    /// Where the row stands that follows `rows` others of a morsel.
    pub(super) fn bad_place(&self, place: Place, rows: usize) -> BadPlace {
        BadPlace::Row {
            step: std::sync::Arc::clone(self.step.tally.name()),
            partition: self.index,
            row: place.first_row + rows as u64,
        }
    }

    pub(super) fn leave_out(&self, bad: Vec<BadRow>) -> Result<()> {
        self.step.tally.leave_out(bad)
    }
}

/// Whether a call failed by what the transform did with its batch.
pub(super) fn is_of_batch(error: &Error) -> bool {
    let kinds = [ErrorKind::Trap, ErrorKind::Guest];
    kinds.contains(&error.kind())
        || limit(error).is_some_and(|limit| {
            LIMITS_OF_ROWS.contains(&limit) || LIMITS_OF_MEMORY.contains(&limit)
        })
}

/// Whether the rows of a batch can be what made a call fail.
fn is_of_rows(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Trap => true,
        ErrorKind::Guest => !error.is_transient(),
        ErrorKind::Limit => limit(error).is_some_and(|limit| LIMITS_OF_ROWS.contains(&limit)),
        _ => false,
    }
}

pub(super) fn limit(error: &Error) -> Option<&str> {
    let mut facts = error.facts().iter();
    facts
        .find(|(name, _)| *name == "limit")
        .map(|(_, value)| value.as_str())
        .filter(|_| error.kind() == ErrorKind::Limit)
}
