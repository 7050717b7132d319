//! Waiting inside a call of a guest.
//!
//! A guest runs on a thread of its own kind, a lane or a worker, which may be inside a runtime already: so this neither blocks
//! on that runtime nor starts another. What it waits for makes progress on the threads of the run's runtime.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::unconstrained;

use crate::Result;

/// How often `may_continue` is asked while nothing happens.
const TICK: Duration = Duration::from_millis(10);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Drives `work` to its end on this thread, unless `may_continue` fails first: then `work` is dropped.
///
/// # Errors
///
/// What `may_continue` fails with.
pub(super) fn wait<T>(
    runtime: &Handle,
    work: impl Future<Output = T>,
    mut may_continue: impl FnMut() -> Result<()>,
) -> Result<T> {
    let _entered = runtime.enter();
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    // This thread may drive a task, which tokio lets do so much before it has to give way: it cannot while it waits here,
    // so that what is waited for would never be ready again.
    let mut work = pin!(unconstrained(work));
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return Ok(done);
        }
        may_continue()?;
        thread::park_timeout(TICK);
    }
}
