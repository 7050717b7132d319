//! The memory pool of a run: one budget for operators, sorts and guests, with its peak.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::Result as DfResult;
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

use crate::sandbox::MemoryBudget;

/// A pool that remembers the most it ever held.
#[derive(Debug)]
pub(super) struct PeakPool {
    inner: FairSpillPool,
    peak: AtomicUsize,
}

impl PeakPool {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            inner: FairSpillPool::new(bytes),
            peak: AtomicUsize::new(0),
        }
    }

    /// The most bytes that were reserved at once.
    pub(super) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    fn note(&self) {
        self.peak
            .fetch_max(self.inner.reserved(), Ordering::Relaxed);
    }
}

impl fmt::Display for PeakPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, peak {}", self.inner, self.peak())
    }
}

impl MemoryPool for PeakPool {
    fn name(&self) -> &'static str {
        "run"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.inner.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.inner.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.inner.grow(reservation, additional);
        self.note();
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.inner.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DfResult<()> {
        self.inner.try_grow(reservation, additional)?;
        self.note();
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.inner.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.inner.memory_limit()
    }
}

/// Charges the memory of a step's guests to the pool of the run.
#[derive(Debug)]
pub(super) struct GuestMemory(MemoryReservation);

impl GuestMemory {
    pub(super) fn new(pool: &Arc<dyn MemoryPool>, step: &str) -> Self {
        Self(MemoryConsumer::new(format!("guests of `{step}`")).register(pool))
    }
}

impl MemoryBudget for GuestMemory {
    fn try_grow(&self, bytes: usize) -> bool {
        self.0.try_grow(bytes).is_ok()
    }

    fn shrink(&self, bytes: usize) {
        self.0.shrink(bytes);
    }
}
