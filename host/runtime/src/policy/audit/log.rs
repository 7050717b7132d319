//! Writes an audit file.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};

use super::line::{Decided, Entry, FORMAT, Line, genesis};
use super::verify::Tail;
use super::{Audit, Record};
use crate::error::{Error, Result};

/// Different decisions that are counted at once: the objects, hosts and secrets that a run comes back to.
pub const FOLDED_MAX: usize = 4_096;

/// Lines of a run: half a gigabyte. A guest that asks for another name each time must not fill a disk.
pub const RECORDS_MAX: u64 = 1_000_000;

/// Tells the time.
pub type Clock = fn() -> SystemTime;

/// An audit that writes each line, at once and whole, to what it was given.
pub struct AuditLog {
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    out: Box<dyn Write + Send>,
    /// The number of the next line.
    next: u64,
    /// The hash of the last one.
    hash: String,
    /// Lines of this run.
    lines: u64,
    /// Decisions of this run.
    decisions: u64,
    /// By the text of a decision: its line, and how often it was made since that was told.
    folded: BTreeMap<String, (u64, u64)>,
    end: Option<End>,
}

/// Why nothing more is written.
enum End {
    Closed,
    Failed(Error),
}

impl AuditLog {
    /// Writes the head of a run, after the last run of the same file if there is one.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be written.
    pub fn begin(
        out: Box<dyn Write + Send>,
        clock: Clock,
        after: Option<Tail>,
        run: &str,
        application: &str,
    ) -> Result<Self> {
        let (next, hash) = match after {
            Some(tail) => (tail.number.saturating_add(1), tail.hash),
            None => (0, genesis()),
        };
        let log = Self {
            clock,
            state: Mutex::new(State {
                out,
                next,
                hash,
                lines: 0,
                decisions: 0,
                folded: BTreeMap::new(),
                end: None,
            }),
        };
        let head = Entry::Head {
            format: FORMAT,
            run: run.to_owned(),
            application: application.to_owned(),
        };
        log.state().write(head, &log.now())?;
        Ok(log)
    }

    /// Writes how often each decision was repeated, and the closing line; returns its hash, which proves the file to
    /// whoever keeps it. What is decided later fails.
    ///
    /// # Errors
    ///
    /// Fails where anything could not be written.
    pub fn close(&self) -> Result<String> {
        let now = self.now();
        let mut state = self.state();
        state.check()?;
        state.unfold(&now)?;
        let decisions = state.decisions;
        state.write(Entry::Close { decisions }, &now)?;
        state.end = Some(End::Closed);
        Ok(state.hash.clone())
    }

    fn now(&self) -> String {
        DateTime::<Utc>::from((self.clock)()).to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// A thread that panicked while it held the lock left a line whole or its failure unsaid: the chain tells.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Audit for AuditLog {
    fn record(&self, record: &Record<'_>) -> Result<()> {
        let decided = Decided::new(record);
        let key = serde_json::to_string(&decided)
            .map_err(|cause| Error::internal(cause.to_string()).context("write an audit line"))?;
        let now = self.now();
        let mut state = self.state();
        state.check()?;
        state.decisions += 1;
        if let Some((_, count)) = state.folded.get_mut(&key) {
            *count += 1;
            return Ok(());
        }
        if state.lines >= RECORDS_MAX {
            let why =
                "the transforms ask for ever other names: find out which, and why, in the audit";
            return state.fail(Error::limit("audit_records", RECORDS_MAX, why));
        }
        if state.folded.len() >= FOLDED_MAX {
            state.unfold(&now)?;
        }
        let at = state.next;
        state.write(Entry::Decision(decided), &now)?;
        state.folded.insert(key, (at, 0));
        Ok(())
    }

    fn check(&self) -> Result<()> {
        self.state().check()
    }
}

impl State {
    fn check(&self) -> Result<()> {
        match &self.end {
            None => Ok(()),
            Some(End::Closed) => Err(Error::internal("the audit of the run is closed")),
            Some(End::Failed(error)) => Err(error.to_shared()),
        }
    }

    /// From now on, everything fails.
    fn fail<T>(&mut self, error: Error) -> Result<T> {
        let shared = error.to_shared();
        self.end = Some(End::Failed(error));
        Err(shared)
    }

    /// Writes what was counted, in the order of the lines.
    fn unfold(&mut self, now: &str) -> Result<()> {
        let mut counts: Vec<(u64, u64)> = std::mem::take(&mut self.folded).into_values().collect();
        counts.sort_unstable();
        for (of, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            self.write(Entry::Repeat { of, count }, now)?;
        }
        Ok(())
    }

    fn write(&mut self, entry: Entry, now: &str) -> Result<()> {
        let line = Line {
            n: self.next,
            previous: self.hash.clone(),
            time: now.to_owned(),
            entry,
        };
        let written = line.seal().and_then(|(text, hash)| {
            let written = self.out.write_all(text.as_bytes());
            let written = written.and_then(|()| self.out.flush());
            let broken = |cause: std::io::Error| {
                Error::storage(cause.to_string())
                    .context("write the audit")
                    .hint(
                        "nothing is done unaudited: make room for the audit, or name another file",
                    )
            };
            written.map_err(broken).map(|()| hash)
        });
        match written {
            Ok(hash) => {
                self.next += 1;
                self.lines += 1;
                self.hash = hash;
                Ok(())
            }
            Err(error) => self.fail(error),
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditLog")
    }
}
