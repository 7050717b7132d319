//! What a run has left of its connections and its requests, and bounds that nobody has a reason to move.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, ErrorKind, Result};
use crate::http::Failure;
use crate::limits::HttpLimits;
use crate::policy::Guard;
use crate::spec::format_size;

/// Bytes of the path with the query. Servers refuse longer ones.
pub(super) const URI_BYTES_MAX: usize = 8 << 10;

/// Headers of a request, and of an answer. Servers send fewer than fifty.
pub(super) const HEADERS_MAX: usize = 100;

/// Bytes of all headers of an answer. Most servers and proxies stop at a quarter of it.
pub(super) const HEADER_BYTES_MAX: usize = 64 << 10;

/// A time of zero would end what it is about to allow.
const TIME_MIN: Duration = Duration::from_millis(1);

/// A time of the run's limits, or a shorter one that a guest asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Within {
    pub(super) time: Duration,
    most: Duration,
    key: &'static str,
}

impl Within {
    /// What was asked for, within the limit with the name `key`.
    pub(super) fn new(key: &'static str, asked: Option<Duration>, most: Duration) -> Self {
        let time = asked.unwrap_or(most).clamp(TIME_MIN.min(most), most);
        Self { time, most, key }
    }

    /// Tells that it is over, where the guest did not want it so.
    pub(super) fn over(self, guard: &Guard, failure: Failure) -> Failure {
        if self.time == self.most {
            let most = self.most;
            guard.keep(&Error::limit_key(self.key, format_args!("{most:?}")));
        }
        failure
    }
}

/// Tells of the size that a failure is about, if it is about one.
pub(super) fn told(guard: &Guard, failure: Failure) -> Failure {
    let (key, most) = match failure {
        Failure::RequestBody(most) => ("http_request_bytes", most),
        Failure::ResponseBody(most) => ("http_response_bytes", most),
        _ => return failure,
    };
    guard.keep(&Error::limit_key(key, format_size(most)));
    failure
}

/// What a run has left: shared by all its steps and instances.
pub struct Budget {
    pub(super) limits: HttpLimits,
    connections: Arc<Semaphore>,
    requests: AtomicU64,
    is_over: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Budget {
    /// All of `limits`, until `is_over` says that the run is.
    #[must_use]
    pub fn new(limits: HttpLimits, is_over: Arc<dyn Fn() -> bool + Send + Sync>) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(limits.connections)),
            requests: AtomicU64::new(0),
            is_over,
            limits,
        }
    }

    /// Takes a request of those that are left.
    ///
    /// # Errors
    ///
    /// `Limit` where none is.
    pub(super) fn take_request(&self) -> Result<()> {
        if self.requests.fetch_add(1, Ordering::Relaxed) < self.limits.requests {
            return Ok(());
        }
        let error = Error::limit_key("http_requests", self.limits.requests);
        Err(error.hint("or send fewer requests, for example one a batch, with many rows in it"))
    }

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// `Limit` where none becomes free in time; `Cancelled` where the run is over by then.
    pub(super) async fn connection(&self) -> Result<OwnedSemaphorePermit> {
        let free = Arc::clone(&self.connections).acquire_owned();
        let free = tokio::time::timeout(self.limits.first_byte_time, free).await;
        let free = free.ok().and_then(Result::ok).ok_or_else(|| {
            let error = Error::limit_key("http_connections", self.limits.connections);
            error.context("no connection became free in time")
        })?;
        // The requests of a guest that ends are dropped one after the other: what one held is no reason to begin another.
        if (self.is_over)() {
            return Err(Error::new(ErrorKind::Cancelled, "the run is over"));
        }
        Ok(free)
    }
}
