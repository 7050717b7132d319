//! Counters that an observer may read while a run goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    cancelled: AtomicBool,
}

impl Progress {
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
