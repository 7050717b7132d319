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
use tokio::task::coop::unconstrained;

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
    // All waits of a guest are part of one poll of its lane's task, of which tokio expects that it yields after a while,
    // and from then on lets nothing be ready.
    let mut work = pin!(unconstrained(work));
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return Ok(done);
        }
        may_continue()?;
        thread::park_timeout(TICK);
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, Runtime};

    use super::*;
    use crate::error::Error;

    fn runtime(mut builder: Builder) -> Runtime {
        builder.enable_all().build().unwrap()
    }

    #[test]
    fn a_guest_may_wait_any_number_of_times_in_one_call() {
        let mut several = Builder::new_multi_thread();
        several.worker_threads(1);
        let (others, lane) = (runtime(several), runtime(Builder::new_current_thread()));
        let others = others.handle().clone();
        lane.block_on(async {
            for _ in 0..1_000 {
                let mut asked = 0;
                let task = others.spawn(async {});
                let done = wait(&others, task, || {
                    asked += 1;
                    if asked < 1_000 {
                        return Ok(());
                    }
                    Err(Error::internal("what is ready is not handed over"))
                });
                done.unwrap().unwrap();
            }
        });
    }
}
