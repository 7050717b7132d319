//! Bodies that are cut where they become too large or too slow.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio::time::Sleep;

use super::budget::{Within, told};
use crate::http::Failure;
use crate::policy::Guard;

/// The body of a request.
pub(super) struct Outgoing<B> {
    pub(super) body: B,
    pub(super) left: u64,
    pub(super) most: u64,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Outgoing<B> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            // The guest went away before its body was complete.
            let frame = frame.map_err(|_| Failure::Protocol)?;
            let data = frame.data_ref().ok_or(Failure::RequestTrailers)?;
            let left = self.left.checked_sub(data.len() as u64);
            self.left = left.ok_or(Failure::RequestBody(self.most))?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a connection needs to live; it ends when this is dropped.
pub(super) struct Connection {
    /// The task that reads and writes. A set, because that aborts what is in it.
    pub(super) _task: JoinSet<()>,
    pub(super) _permit: OwnedSemaphorePermit,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// The body of an answer, with the connection that it comes through.
#[derive(Debug)]
pub struct Answer {
    pub(super) body: UnsyncBoxBody<Bytes, Failure>,
    pub(super) left: u64,
    pub(super) most: u64,
    pub(super) between: Within,
    /// Who keeps what ended it.
    pub(super) guard: Guard,
    /// Runs while somebody waits, so that a guest may take its time between two pieces.
    pub(super) timer: Option<Pin<Box<Sleep>>>,
    pub(super) connection: Option<Connection>,
}

impl Answer {
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        loop {
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    let between = self.between;
                    let timer = self
                        .timer
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep(between.time)));
                    std::task::ready!(timer.as_mut().poll(cx));
                    let failure = between.over(&self.guard, Failure::ReadTimeout);
                    return Poll::Ready(Some(Err(failure)));
                }
            };
            self.timer = None;
            let frame = match frame.transpose() {
                Ok(frame) => frame,
                Err(failure) => return Poll::Ready(Some(Err(failure))),
            };
            match frame.as_ref().and_then(Frame::data_ref).map(Bytes::len) {
                // Whoever reads would take an empty piece for "nothing yet".
                Some(0) => {}
                Some(bytes) => match self.left.checked_sub(bytes as u64) {
                    Some(left) => {
                        self.left = left;
                        return Poll::Ready(frame.map(Ok));
                    }
                    None => return Poll::Ready(Some(Err(Failure::ResponseBody(self.most)))),
                },
                None => return Poll::Ready(frame.map(Ok)),
            }
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if self.connection.is_none() {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(self.next(cx));
        let frame = frame.map(|frame| frame.map_err(|failure| told(&self.guard, failure)));
        if !matches!(frame, Some(Ok(_))) {
            // Others wait for a connection.
            self.connection = None;
        }
        Poll::Ready(frame)
    }
}
