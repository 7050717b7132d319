//! What an observer may see of a run while it goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::LogLine;
use super::logs::Logs;
use crate::sandbox::Level;

/// How far a run is, and the switch that cancels it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of all inputs together; zero until they are listed.
    pub bytes_total: AtomicU64,
    /// Bytes read so far.
    pub bytes_read: AtomicU64,
    /// Rows read so far.
    pub rows_in: AtomicU64,
    /// Rows handed to the output so far.
    pub rows_out: AtomicU64,
    /// How often something was done again so far, as storage failed.
    pub retries: AtomicU64,
    cancelled: AtomicBool,
    logs: Logs,
}

impl Progress {
    /// Takes what the transforms have said so far, oldest first; also after the run failed.
    pub fn take_logs(&self) -> Vec<LogLine> {
        self.logs.take()
    }

    /// Adds a warning of the host's to what the transforms say; `from` stands in the place of the step.
    pub fn warn(&self, from: &str, message: &str) {
        self.logs.of(from).log(Level::Warn, message);
    }

    pub(super) const fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Asks the run to stop; it ends with an error of kind `Cancelled` and leaves no output.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    /// Whether the run was asked to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }
}
