//! Threads that drive the partitions of a plan.

use futures::future::{AbortHandle, abortable};
use rayon::ThreadPool;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::{caught, pool};
use crate::error::{Error, Result};

/// One thread for each partition of a run: an exchange feeds several, so all of them have to go on.
#[derive(Debug)]
pub struct Lanes {
    pool: ThreadPool,
    runtime: Handle,
    /// Every lane that is under way holds a sender.
    busy: mpsc::Sender<()>,
    ended: mpsc::Receiver<()>,
}

impl Lanes {
    /// Starts `lanes` threads. What they drive waits on the runtime of the caller.
    ///
    /// # Errors
    ///
    /// Fails if the system refuses a thread.
    pub fn new(lanes: usize) -> Result<Self> {
        let (busy, ended) = mpsc::channel(1);
        Ok(Self {
            pool: pool(lanes, "lane")?,
            runtime: Handle::current(),
            busy,
            ended,
        })
    }

    /// Drives `work` to its end on a free lane. Dropping the future makes `work` end where it next waits.
    ///
    /// # Errors
    ///
    /// Fails with what `work` failed with; a panic in it becomes an internal error.
    pub fn drive<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send + 'static {
        let (work, abort) = abortable(work);
        let (sender, receiver) = oneshot::channel();
        let (runtime, busy) = (self.runtime.clone(), self.busy.clone());
        self.pool.spawn(move || {
            let stopped = |_| Err(Error::internal("a partition was stopped"));
            let outcome = caught(|| runtime.block_on(work).unwrap_or_else(stopped));
            // A receiver that is gone wants no result.
            drop(sender.send(outcome));
            drop(busy);
        });
        let abort = AbortOnDrop(abort);
        async move {
            let outcome = receiver.await;
            drop(abort);
            outcome.unwrap_or_else(|_| Err(Error::internal("a lane dropped its partition")))
        }
    }

    /// Waits until nothing is driven any more, and nothing of it is left.
    pub async fn end(mut self) {
        drop(self.busy);
        while self.ended.recv().await.is_some() {}
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
