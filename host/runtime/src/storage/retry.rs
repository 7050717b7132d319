//! Does again what a store failed to do for a reason that may pass, once its client has given up.
//!
//! What is done again is the least that failed: a body is taken up where it broke off, if the object is still the one that
//! was begun, and a part is stored again under its number. So nothing that was handed on is handed on twice, whatever
//! transforms have made of it meanwhile. Each partition has its attempts, and all of a run together a budget, so that a
//! store that is down costs no more than that.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta,
    ObjectStore, Result as StoreResult,
};
use serde::Serialize;

use super::failure::{is_transient, storage_error};
use super::layer::{Layer, Layered};
use crate::error::Error;
use crate::limits::Limits;

/// The longest that is waited before the second attempt; twice as long before each that follows.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest that is waited at all: an outage of minutes is what a person looks at.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A partition that was not done at the first attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempts {
    /// What the partition is of: `input NAME`, or `output`.
    pub of: String,
    /// The partition; the first is 0.
    pub partition: usize,
    /// How often it was tried, the first time included.
    pub attempts: u64,
    /// Why each attempt but the last one failed.
    pub reasons: Vec<String>,
}

/// Who is told what is done again.
type Tell = Box<dyn Fn(&str) + Send + Sync>;

/// What waits.
type Wait = fn(Duration) -> BoxFuture<'static, ()>;

/// Why each partition failed so far, by what it is of and its number.
type Failed = BTreeMap<(Arc<str>, usize), Vec<String>>;

/// What a run may do again.
pub struct Retries {
    /// Of one partition.
    attempts: u64,
    /// Of all together.
    budget: u64,
    used: AtomicU64,
    seed: String,
    tell: Tell,
    wait: Wait,
    failed: Mutex<Failed>,
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retries")
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

impl Retries {
    /// What the run called `run` may do again; `tell` hears each time. Pauses are those of the name: runs that a store
    /// failed together do not come back together.
    pub fn new(
        limits: &Limits,
        run: &str,
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            attempts: limits.attempts,
            budget: limits.retries,
            used: AtomicU64::new(0),
            seed: run.to_owned(),
            tell: Box::new(tell),
            wait: |pause| tokio::time::sleep(pause).boxed(),
            failed: Mutex::default(),
        })
    }

    /// What one partition of `of` may do again.
    #[must_use]
    pub fn partition(self: &Arc<Self>, of: &str, partition: usize) -> Retrier {
        Retrier {
            retries: Arc::clone(self),
            of: of.into(),
            partition,
        }
    }

    /// The partitions that were not done at the first attempt.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempts> {
        let failed = self.failed();
        let attempts = failed.iter().map(|((of, partition), reasons)| Attempts {
            of: of.to_string(),
            partition: *partition,
            attempts: reasons.len() as u64 + 1,
            reasons: reasons.clone(),
        });
        attempts.collect()
    }

    fn failed(&self) -> MutexGuard<'_, Failed> {
        // A panic elsewhere leaves the list itself whole.
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one from the budget, if there is one.
    fn spend(&self) -> bool {
        let spend = |used| (used < self.budget).then_some(used + 1);
        let spent = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
        spent.is_ok()
    }
}

/// What one partition may do again.
#[derive(Clone, Debug)]
pub struct Retrier {
    retries: Arc<Retries>,
    of: Arc<str>,
    partition: usize,
}

impl Retrier {
    /// Waits until what failed with `error` may be done again; `what` names the object.
    ///
    /// # Errors
    ///
    /// Yields `error` where its reason does not pass, and what it has come to where there were enough attempts.
    pub(super) async fn again(&self, what: &str, error: StoreError) -> StoreResult<()> {
        if !is_transient(&error) {
            return Err(error);
        }
        let Self {
            retries,
            of,
            partition,
        } = self;
        let error = storage_error(what, error);
        let attempt = {
            let mut failed = retries.failed();
            let key = (Arc::clone(of), *partition);
            let before = failed.get(&key).map_or(&[][..], Vec::as_slice);
            let attempt = before.len() as u64 + 1;
            if attempt >= retries.attempts {
                return Err(carried(given_up(error, before)));
            }
            if !retries.spend() {
                let budget = retries.budget;
                let error = given_up(error, before);
                return Err(carried(error.hint(format!(
                    "the run has done again all that it may, `retries` of {budget}: look after the store first"
                ))));
            }
            failed.entry(key).or_default().push(error.to_string());
            attempt
        };
        let pause = self.pause(attempt);
        (retries.tell)(&format!(
            "{of}, partition {partition}: attempt {} of {} in {pause:.1?}: {error}",
            attempt + 1,
            retries.attempts
        ));
        (retries.wait)(pause).await;
        Ok(())
    }

    /// The pause after so many attempts: any, up to a bound that doubles.
    fn pause(&self, attempt: u64) -> Duration {
        let doubled = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let bound = PAUSE.saturating_mul(2_u32.saturating_pow(doubled));
        let bound = bound.min(PAUSE_MAX).as_nanos();
        let mut hash = blake3::Hasher::new();
        hash.update(self.retries.seed.as_bytes());
        hash.update(self.of.as_bytes());
        hash.update(&self.partition.to_le_bytes());
        hash.update(&attempt.to_le_bytes());
        let random = hash
            .finalize()
            .as_bytes()
            .first_chunk::<8>()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let nanos = (bound * u128::from(random)) >> u64::BITS;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The last failure, with those before it.
fn given_up(error: Error, before: &[String]) -> Error {
    if before.is_empty() {
        return error;
    }
    let attempts = before.len() + 1;
    error
        .context(format!("give up after {attempts} attempts"))
        .fact("attempts", attempts)
        .fact("before", before.join("; "))
        .hint("the reason may pass: run it again, or raise `attempts` under `[limits]`")
}

/// An error of ours on its way through a store's.
fn carried(error: Error) -> StoreError {
    StoreError::Generic {
        store: "retry",
        source: Box::new(error),
    }
}

/// `store`, whose reads are done again as `retrier` says.
#[must_use]
pub fn persistent(store: Arc<dyn ObjectStore>, retrier: Retrier) -> Arc<dyn ObjectStore> {
    let layer = Persistent {
        store: Arc::clone(&store),
        retrier,
    };
    Arc::new(Layered::with(store, layer))
}

/// Reads again.
#[derive(Clone)]
struct Persistent {
    store: Arc<dyn ObjectStore>,
    retrier: Retrier,
}

impl fmt::Debug for Persistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Persistent").finish_non_exhaustive()
    }
}

impl Persistent {
    async fn open(&self, location: &Path, options: &GetOptions) -> StoreResult<GetResult> {
        loop {
            match self.store.get_opts(location, options.clone()).await {
                Ok(found) => return Ok(found),
                Err(error) => self.retrier.again(location.as_ref(), error).await?,
            }
        }
    }
}

#[async_trait]
impl Layer for Persistent {
    async fn get_opts(
        &self,
        _: &dyn ObjectStore,
        location: &Path,
        options: GetOptions,
    ) -> StoreResult<GetResult> {
        let found = self.open(location, &options).await?;
        if options.head {
            return Ok(found);
        }
        let (meta, range) = (found.meta.clone(), found.range.clone());
        let attributes = found.attributes.clone();
        let body = Body {
            layer: self.clone(),
            meta: meta.clone(),
            options,
            left: range.clone(),
            chunks: found.into_stream(),
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(body.stream()),
            meta,
            range,
            attributes,
        })
    }

    async fn get_ranges(
        &self,
        _: &dyn ObjectStore,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> StoreResult<Vec<Bytes>> {
        loop {
            match self.store.get_ranges(location, ranges).await {
                Ok(parts) => return Ok(parts),
                Err(error) => self.retrier.again(location.as_ref(), error).await?,
            }
        }
    }
}

/// A body under way.
struct Body {
    layer: Persistent,
    meta: ObjectMeta,
    options: GetOptions,
    /// What did not arrive yet.
    left: Range<u64>,
    chunks: BoxStream<'static, StoreResult<Bytes>>,
}

impl Body {
    fn stream(self) -> BoxStream<'static, StoreResult<Bytes>> {
        stream::try_unfold(self, |mut body| async move {
            let next = body.next().await?;
            Ok(next.map(|bytes| (bytes, body)))
        })
        .boxed()
    }

    async fn next(&mut self) -> StoreResult<Option<Bytes>> {
        loop {
            let error = match self.chunks.next().await {
                Some(Ok(bytes)) => {
                    self.left.start += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                None if self.left.is_empty() => return Ok(None),
                None => ends_early(),
                Some(Err(error)) => error,
            };
            let what = &self.meta.location;
            self.layer.retrier.again(what.as_ref(), error).await?;
            self.reopen().await?;
        }
    }

    /// Asks for what is left, of the same object.
    async fn reopen(&mut self) -> StoreResult<()> {
        if self.left.is_empty() {
            self.chunks = stream::empty().boxed();
            return Ok(());
        }
        let mut options = self.options.clone();
        options.range = Some(GetRange::Bounded(self.left.clone()));
        options.if_match = self.meta.e_tag.clone();
        let found = self.layer.open(&self.meta.location, &options).await;
        let found = match found {
            Err(StoreError::Precondition { .. }) => return Err(changed(&self.meta.location)),
            found => found?,
        };
        let identity = |meta: &ObjectMeta| (meta.size, meta.e_tag.clone(), meta.last_modified);
        if identity(&found.meta) != identity(&self.meta) || found.range != self.left {
            return Err(changed(&self.meta.location));
        }
        self.chunks = found.into_stream();
        Ok(())
    }
}

/// A body that is over before all of it arrived.
fn ends_early() -> StoreError {
    carried(Error::storage("the answer ends early").passing())
}

fn changed(location: &Path) -> StoreError {
    carried(
        Error::storage(format!("`{location}` was changed while it was read"))
            .hint("run it again once nobody writes there"),
    )
}

#[cfg(test)]
mod tests;
