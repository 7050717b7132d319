//! What one input or step leaves out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::rows::{BadRow, Place, brief};
use super::shelf::Shelf;
use crate::error::{Error, Result};
use crate::spec::{BadRows, OnError};

/// Unreadable records that an input names: enough to see what is wrong with it.
const NAMED_MAX: usize = 100;

/// Whose rows they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Input,
    Step,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Step => "step",
        }
    }
}

/// Counts the bad rows of one input or step, and holds it to its threshold.
#[derive(Debug)]
pub(in crate::engine) struct Tally {
    kind: Kind,
    name: Arc<str>,
    rule: BadRows,
    shelf: Arc<Shelf>,
    /// Rows that were looked at, bad ones included.
    rows: AtomicU64,
    bad: AtomicU64,
    /// The first records of an input.
    named: Mutex<Vec<(Place, String)>>,
}

/// What was left out of an input or a step.
#[derive(Clone, Debug)]
pub(crate) struct BadFigures {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) on_error: OnError,
    pub(crate) rows: u64,
    /// The first records of an input, with their reasons: file, line, offset, reason.
    pub(crate) named: Vec<(String, u64, u64, String)>,
}

impl Tally {
    pub(super) fn new(kind: Kind, name: &str, rule: BadRows, shelf: Arc<Shelf>) -> Self {
        Self {
            kind,
            name: name.into(),
            rule,
            shelf,
            rows: AtomicU64::new(0),
            bad: AtomicU64::new(0),
            named: Mutex::default(),
        }
    }

    pub(in crate::engine) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(in crate::engine) const fn on_error(&self) -> Option<OnError> {
        self.rule.on_error
    }

    /// Whether bad rows are left out rather than ending the run.
    pub(in crate::engine) const fn leaves_out(&self) -> bool {
        self.rule.leaves_out()
    }

    /// Whether bad rows are kept.
    pub(in crate::engine) const fn keeps(&self) -> bool {
        self.rule.keeps()
    }

    /// Notes that so many rows were looked at.
    pub(in crate::engine) fn saw(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Leaves `bad` out; whoever can wait next calls [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// `Limit` where that is more than the threshold.
    pub(in crate::engine) fn leave_out(&self, bad: Vec<BadRow>) -> Result<()> {
        let count = bad.len() as u64;
        let before = self.bad.fetch_add(count, Ordering::Relaxed);
        let room = self.rule.rows_max.saturating_sub(before);
        if count > room {
            // The first that is one too many.
            let at = usize::try_from(room).unwrap_or(usize::MAX);
            let shown = bad.get(at).map(|row| row.reason.clone());
            let error = self.exceeded("max_bad_rows", self.rule.rows_max);
            return Err(shown.into_iter().fold(error, |error, reason| {
                error.context(format!("leave out a row ({})", brief(reason)))
            }));
        }
        let mut bad = bad;
        for row in &mut bad {
            row.reason = brief(std::mem::take(&mut row.reason));
        }
        if self.kind == Kind::Input {
            let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
            let room = NAMED_MAX.saturating_sub(named.len());
            let first = bad.iter().take(room);
            named.extend(first.map(|row| (row.place.clone(), row.reason.clone())));
        }
        if self.keeps() {
            self.shelf.put(bad);
        }
        Ok(())
    }

    /// Writes what was left out to where it is kept.
    pub(in crate::engine) async fn flush(&self) -> Result<()> {
        self.shelf.flush().await
    }

    /// Compares the bad rows with all rows, once there are no more.
    pub(super) fn check_share(&self) -> Result<()> {
        let (rows, bad) = (
            self.rows.load(Ordering::Relaxed),
            self.bad.load(Ordering::Relaxed),
        );
        match self.rule.share_max {
            Some(share) if share.is_exceeded(bad, rows) => {
                let error = self.exceeded("max_bad_share", share);
                Err(error.context(format!("{bad} of {rows} rows are bad")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn figures(&self) -> Option<BadFigures> {
        let mut named = self
            .named
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        named.sort();
        let named = named.into_iter().filter_map(|(place, reason)| match place {
            Place::Record {
                file, line, offset, ..
            } => Some((file.to_string(), line, offset, reason)),
            Place::Row { .. } => None,
        });
        Some(BadFigures {
            kind: self.kind,
            name: self.name.to_string(),
            on_error: self.rule.on_error?,
            rows: self.bad.load(Ordering::Relaxed),
            named: named.collect(),
        })
    }

    fn exceeded(&self, key: &'static str, limit: impl std::fmt::Display) -> Error {
        let (kind, name) = (self.kind.as_str(), &self.name);
        let raise = format!(
            "look at the rows first; if so many may be left out, raise `{key}` of {kind} `{name}` in the application \
             file"
        );
        Error::limit(key, limit, raise)
            .fact(kind, name)
            .context(format!("count the bad rows of {kind} `{name}`"))
    }
}
