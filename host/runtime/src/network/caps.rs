//! The bounds of HTTP, in one place, and what a run has left of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Failure;
use crate::error::{Error, Result};

/// What the requests of a run are held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Connections that a run has open at once: those above wait. As many as a browser opens to a server.
    pub connections: usize,
    /// Requests of a run: a transform that sends one a row is a mistake, one a batch has room for 80 million rows.
    pub requests: u64,
    /// Bytes of a request's body: a batch of wide rows as JSON.
    pub request_bytes: u64,
    /// Bytes of an answer's body, of which a guest of a quarter of a GiB can hold two.
    pub response_bytes: u64,
    /// Bytes of the path with the query. Servers refuse longer ones.
    pub uri_bytes: usize,
    /// Headers of a request, and of an answer. Servers send fewer than fifty.
    pub headers: usize,
    /// Bytes of all headers of an answer. Most servers and proxies stop at a quarter of it.
    pub header_bytes: usize,
    /// Time until a name is resolved, there is a connection, and TLS is agreed on.
    pub connect_time: Duration,
    /// Time from sending a request to its answer's headers; also how long a request waits for a free connection.
    pub first_byte_time: Duration,
    /// Time between two pieces of an answer's body.
    pub between_bytes_time: Duration,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            connections: 6,
            requests: 10_000,
            request_bytes: 16 << 20,
            response_bytes: 64 << 20,
            uri_bytes: 8 << 10,
            headers: 100,
            header_bytes: 64 << 10,
            connect_time: Duration::from_secs(10),
            first_byte_time: Duration::from_secs(30),
            between_bytes_time: Duration::from_secs(30),
        }
    }
}

/// The times that a guest asks for; those of [`Caps`] where it does not, and at most those.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// See [`Caps::connect_time`].
    pub connect: Option<Duration>,
    /// See [`Caps::first_byte_time`].
    pub first_byte: Option<Duration>,
    /// See [`Caps::between_bytes_time`].
    pub between_bytes: Option<Duration>,
}

/// A time of zero would end what it is about to allow.
const TIME_MIN: Duration = Duration::from_millis(1);

/// What was asked for, within what there is.
pub(super) fn clamp(asked: Option<Duration>, most: Duration) -> Duration {
    asked.unwrap_or(most).clamp(TIME_MIN.min(most), most)
}

/// What a run has left: shared by all its steps and instances.
#[derive(Debug)]
pub struct Budget {
    pub(super) caps: Caps,
    connections: Arc<Semaphore>,
    requests: AtomicU64,
}

impl Budget {
    /// All of `caps`.
    #[must_use]
    pub fn new(caps: Caps) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(caps.connections)),
            requests: AtomicU64::new(0),
            caps,
        }
    }

    /// Takes a request of those that are left.
    ///
    /// # Errors
    ///
    /// `Limit` where none is.
    pub(super) fn take_request(&self) -> Result<()> {
        if self.requests.fetch_add(1, Ordering::Relaxed) < self.caps.requests {
            return Ok(());
        }
        let raise =
            "send fewer requests, for example one a batch with many rows; this limit is fixed";
        Err(Error::limit("http_requests", self.caps.requests, raise))
    }

    /// Waits for a connection.
    pub(super) async fn connection(&self) -> Result<OwnedSemaphorePermit, Failure> {
        let free = Arc::clone(&self.connections).acquire_owned();
        match tokio::time::timeout(self.caps.first_byte_time, free).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Failure::Connections),
        }
    }
}
