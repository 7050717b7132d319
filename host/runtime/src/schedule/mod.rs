//! Where guest code runs: compute threads, apart from the threads that wait.
//!
//! tokio waits, rayon computes. Each partition of a plan is driven to its end on a thread of its own, a lane:
//! what a batch needs, from the records of its file to the pages of the output, happens there one after
//! the other, in that core's cache. A single partition shares its guests' work with the pool instead. Either
//! way a job is a plain closure over one morsel, no more jobs wait than their callers chose, and a
//! slow guest never blocks a thread that serves I/O.

mod lanes;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::oneshot;

pub use self::lanes::Lanes;
use crate::error::{Error, Result};

/// Stack of a compute thread: the guest's own (512 KiB) and ample room for host functions below it.
const STACK_BYTES: usize = 4 * 1024 * 1024;

/// The compute threads of a process.
#[derive(Debug)]
pub struct Workers {
    pool: ThreadPool,
}

impl Workers {
    /// Starts `threads` compute threads.
    ///
    /// # Errors
    ///
    /// Fails if the system refuses a thread.
    pub fn new(threads: usize) -> Result<Self> {
        Ok(Self {
            pool: pool(threads, "compute")?,
        })
    }

    /// How many jobs run at the same time.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `job` on a compute thread.
    ///
    /// Dropping the future does not stop a job that has begun: guests are cut by their own deadline
    /// and by the run's cancel switch.
    ///
    /// # Errors
    ///
    /// Fails with what `job` failed with; a panic in it becomes an internal error.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        self.pool.spawn(move || {
            if sender.is_closed() {
                return; // nobody waits any more: the run was cancelled while the job was queued
            }
            let outcome = caught(job);
            // A receiver that is gone wants no result.
            drop(sender.send(outcome));
        });
        receiver
            .await
            .unwrap_or_else(|_| Err(Error::internal("a compute thread dropped its job")))
    }

    /// Runs `job` right here if this is a lane, else as [`run`](Self::run) does.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn run_near<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // Futures are polled by tokio or by lanes, never by the pool.
        if rayon::current_thread_index().is_some() {
            caught(job)
        } else {
            self.run(job).await
        }
    }
}

/// Starts `threads` threads, at least one, which are called `name` and a number.
fn pool(threads: usize, name: &'static str) -> Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .stack_size(STACK_BYTES)
        .thread_name(move |index| format!("{name}-{index}"))
        .build()
        .map_err(|error| Error::internal(format!("start the {name} threads")).source(error))
}

/// What `job` returns; a panic in it becomes an internal error.
fn caught<T>(job: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(job))
        .unwrap_or_else(|panic| Err(Error::internal(panic_text(panic.as_ref()))))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "a compute job panicked: {}",
        text.as_deref().unwrap_or("no message")
    )
}

#[cfg(test)]
mod tests;
