//! What the host knows about one instance, and what it counts while a call is under way.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::ArrayRef;

use super::access::Access;
use super::logs::Logs;
use super::memory::MemoryMeter;
use super::objects::Open;
use super::plan::BoundPlan;
use super::profile::StepProfile;
use super::random::Random;
use super::{Emitted, Rejection, fault};
use crate::limits::GuestLimits;
use crate::{Error, ErrorKind, Result};

/// What the guest was called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Instantiate,
    Bind,
    Process,
    Finish,
}

impl Phase {
    /// The name of the call for messages.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Instantiate => "instantiate",
            Self::Bind => "bind",
            Self::Process => "process",
            Self::Finish => "finish",
        }
    }
}

/// The data of a store.
pub(super) struct State {
    pub(super) limits: GuestLimits,
    pub(super) memory: MemoryMeter,
    pub(super) logs: Logs,
    pub(super) cancel: Arc<dyn Fn() -> bool + Send + Sync>,
    pub(super) profile: Option<StepProfile>,
    pub(super) random: Random,
    pub(super) access: Access,
    pub(super) open: Open,
    pub(super) plan: Option<Arc<BoundPlan>>,
    pub(super) call: Call,
}

/// One call of the guest.
pub(super) struct Call {
    pub(super) phase: Phase,
    pub(super) columns: Vec<ArrayRef>,
    pub(super) rows: usize,
    pub(super) emitted: Vec<Emitted>,
    pub(super) rejected: Vec<Rejection>,
    pub(super) rejected_rows: HashSet<usize>,
    pub(super) emitted_rows: u64,
    pub(super) emitted_bytes: u64,
    pub(super) host_time: Duration,
    host_calls: u64,
    deadline: Option<Instant>,
}

impl Call {
    /// A call for `phase` that starts now and may take `time`.
    pub(super) fn new(phase: Phase, time: Duration) -> Self {
        Self {
            phase,
            columns: Vec::new(),
            rows: 0,
            emitted: Vec::new(),
            rejected: Vec::new(),
            rejected_rows: HashSet::new(),
            emitted_rows: 0,
            emitted_bytes: 0,
            host_time: Duration::ZERO,
            host_calls: 0,
            // A time beyond the clock's range is no limit.
            deadline: Instant::now().checked_add(time),
        }
    }
}

impl State {
    /// Counts a call of a host function.
    ///
    /// # Errors
    ///
    /// `Limit` where there were too many.
    pub(super) fn count_host_call(&mut self) -> Result<()> {
        self.call.host_calls += 1;
        if self.call.host_calls > self.limits.host_calls {
            return Err(fault::limit("host_calls", self.limits.host_calls));
        }
        Ok(())
    }

    /// Whether the guest may go on; asked at every tick of the epoch.
    ///
    /// # Errors
    ///
    /// `Cancelled`, or `Limit` where the time is over.
    pub(super) fn may_continue(&self) -> Result<()> {
        if (self.cancel)() {
            return Err(Error::new(ErrorKind::Cancelled, "the run was cancelled"));
        }
        if self
            .call
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Err(fault::limit(
                "call_time",
                format_args!("{:?}", self.limits.call_time),
            ));
        }
        Ok(())
    }

    /// Counts what is about to be emitted, before anything is made of it.
    ///
    /// # Errors
    ///
    /// `Limit` where it is too much.
    pub(super) fn count_emitted(&mut self, rows: usize, bytes: usize) -> Result<()> {
        let (limits, call) = (&self.limits, &mut self.call);
        call.emitted_rows = call.emitted_rows.saturating_add(rows as u64);
        if call.emitted_rows > limits.emit_rows {
            return Err(fault::limit("emit_rows", limits.emit_rows));
        }
        call.emitted_bytes = call.emitted_bytes.saturating_add(bytes as u64);
        if call.emitted_bytes > limits.emit_bytes {
            return Err(fault::limit("emit_bytes", fault::bytes(limits.emit_bytes)));
        }
        Ok(())
    }
}
