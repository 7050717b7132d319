//! What the host knows about one instance, and what it counts while a call is under way.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::ArrayRef;
use tokio::runtime::Handle;

use super::access::Access;
use super::http::Web;
use super::logs::SharedLogs;
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
    pub(super) logs: SharedLogs,
    pub(super) cancel: Arc<dyn Fn() -> bool + Send + Sync>,
    pub(super) profile: Option<StepProfile>,
    pub(super) random: Random,
    pub(super) access: Access,
    pub(super) open: Open,
    pub(super) plan: Option<Arc<BoundPlan>>,
    pub(super) call: Call,
    /// For guests that may wait.
    pub(super) web: Web,
    /// Where a guest that may wait does so; none has no stack of its own, and never waits.
    pub(super) waits: Option<Handle>,
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

    /// Counts a call of a host function that is not ours and cannot fail: [`may_continue`](Self::may_continue) fails
    /// in its place.
    pub(super) fn count_library_call(&mut self) {
        self.call.host_calls = self.call.host_calls.saturating_add(1);
    }

    /// Whether the guest may go on; asked at every tick of the epoch.
    ///
    /// # Errors
    ///
    /// `Cancelled`, or `Limit` where the time is over or host functions were called too often.
    pub(super) fn may_continue(&self) -> Result<()> {
        if self.call.host_calls > self.limits.host_calls {
            return Err(fault::limit("host_calls", self.limits.host_calls));
        }
        self.deadline().check()
    }

    /// What ends the current call, for whoever has no hold of the store while the guest runs.
    pub(super) fn deadline(&self) -> Deadline {
        Deadline {
            cancel: Arc::clone(&self.cancel),
            at: self.call.deadline,
            time: self.limits.call_time,
        }
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

/// When a call has to end.
pub(super) struct Deadline {
    cancel: Arc<dyn Fn() -> bool + Send + Sync>,
    at: Option<Instant>,
    time: Duration,
}

impl Deadline {
    /// Whether the call may go on.
    ///
    /// # Errors
    ///
    /// `Cancelled`, or `Limit` where the time is over.
    pub(super) fn check(&self) -> Result<()> {
        if (self.cancel)() {
            return Err(Error::new(ErrorKind::Cancelled, "the run was cancelled"));
        }
        if self.at.is_some_and(|at| Instant::now() >= at) {
            return Err(fault::limit("call_time", format_args!("{:?}", self.time)));
        }
        Ok(())
    }
}
