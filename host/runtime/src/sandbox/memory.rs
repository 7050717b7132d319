//! How much memory one instance holds: all linear memories and tables together.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

/// Where the memory of guests is accounted for, such as the memory pool of a run.
pub trait MemoryBudget: Send + Sync {
    /// Takes `bytes` more, or refuses and takes nothing.
    fn try_grow(&self, bytes: usize) -> bool;

    /// Gives back `bytes` that were taken before.
    fn shrink(&self, bytes: usize);
}

/// A table's element is a pointer for wasmtime.
const TABLE_ELEMENT_BYTES: usize = 8;

/// Core instances in one store. A component of the Rust toolchain has one to four (its own, a shim
/// and the WASI adapter), one of Python about twelve.
const INSTANCES: usize = 32;

/// Linear memories in one store; each reserves 4 GiB of address space.
const MEMORIES: usize = 8;

/// Tables in one store; each core instance of a toolchain brings at most two.
const TABLES: usize = 64;

/// Why growth was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The instance's own limit.
    Instance,
    /// The run's memory.
    Run,
}

/// Sums what a store holds and charges it to a budget until it is dropped.
///
/// A growth that is allowed here and fails afterwards stays charged: wasmtime reports failures that
/// were never asked for as well, so that taking charges back would let a guest undo real ones.
pub(super) struct MemoryMeter {
    budget: Arc<dyn MemoryBudget>,
    limit: usize,
    used: usize,
    refusal: Option<Refusal>,
}

impl MemoryMeter {
    /// Nothing used yet of at most `limit` bytes.
    pub(super) fn new(budget: Arc<dyn MemoryBudget>, limit: u64) -> Self {
        Self {
            budget,
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            used: 0,
            refusal: None,
        }
    }

    /// Bytes in use.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Why a growth was refused since the last call of this.
    pub(super) fn take_refusal(&mut self) -> Option<Refusal> {
        self.refusal.take()
    }

    fn grow(&mut self, bytes: usize) -> bool {
        let Some(used) = self
            .used
            .checked_add(bytes)
            .filter(|used| *used <= self.limit)
        else {
            self.refusal = Some(Refusal::Instance);
            return false;
        };
        if !self.budget.try_grow(bytes) {
            self.refusal = Some(Refusal::Run);
            return false;
        }
        self.used = used;
        true
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // What the memory's own maximum forbids is no limit of ours.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let elements = desired.saturating_sub(current);
        Ok(self.grow(elements.saturating_mul(TABLE_ELEMENT_BYTES)))
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

impl Drop for MemoryMeter {
    fn drop(&mut self) {
        self.budget.shrink(self.used);
    }
}
