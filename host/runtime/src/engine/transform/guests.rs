//! The instances of one step: made when a worker needs one, reused batch after batch, never across runs.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::error::{Error, ErrorKind, Result};
use crate::limits::GuestLimits;
use crate::sandbox::{Bound, InstanceContext, Level, Plan, Plugin, Produced};

/// Makes, keeps and retires the instances of one step.
#[derive(Debug)]
pub(crate) struct Guests {
    plugin: Plugin,
    context: InstanceContext,
    schema: SchemaRef,
    params: String,
    plan: Plan,
    /// Last in, first out, so that few instances stay warm. Holds at most one per worker, as an instance
    /// is only taken by a worker and given back by it.
    idle: Mutex<Vec<Bound>>,
    made: AtomicU64,
    /// Partitions that may still send batches.
    open: AtomicUsize,
}

impl Guests {
    /// Makes the first instance, which fixes the plan of the step.
    pub(crate) fn bind(
        plugin: Plugin,
        context: InstanceContext,
        schema: SchemaRef,
        params: String,
    ) -> Result<Self> {
        let first = plugin.instantiate(&context)?.bind(&schema, &params)?;
        Ok(Self {
            plan: first.plan().clone(),
            plugin,
            context,
            schema,
            params,
            idle: Mutex::new(vec![first]),
            made: AtomicU64::new(1),
            open: AtomicUsize::new(0),
        })
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn limits(&self) -> &GuestLimits {
        &self.context.limits
    }

    pub(crate) fn input_schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The parameters, as JSON.
    pub(crate) fn params(&self) -> &str {
        &self.params
    }

    /// Says something about the step where its transform does.
    pub(crate) fn warn(&self, message: &str) {
        self.context.logs.log(Level::Warn, message);
    }

    /// The digest of the plugin.
    pub(crate) fn digest(&self) -> &str {
        self.plugin.digest()
    }

    /// How many instances the run made of this step.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Says how many partitions will send batches.
    pub(crate) fn expect_partitions(&self, partitions: usize) {
        self.open.store(partitions, Ordering::Release);
    }

    /// Says that a partition has ended; true for the last.
    pub(crate) fn partition_ended(&self) -> bool {
        self.open.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Runs one batch in any instance. For stateless transforms.
    pub(crate) fn process(&self, batch: RecordBatch) -> Result<Produced> {
        let guest = self.take()?;
        let (guest, produced) = guest.process(batch)?;
        if let Some(tail) = self.give_back(guest)? {
            return Ok(joined(produced, tail));
        }
        Ok(produced)
    }

    /// Runs one batch in an instance that sees nothing else. For stateless transforms.
    pub(crate) fn process_alone(&self, batch: RecordBatch) -> Result<Produced> {
        let (guest, produced) = self.make()?.process(batch)?;
        Ok(joined(produced, guest.finish()?))
    }

    /// An instance for the caller alone. For stateful transforms, which keep it for a whole partition.
    pub(crate) fn take(&self) -> Result<Bound> {
        let idle = self.lock().pop();
        idle.map_or_else(|| self.make(), Ok)
    }

    /// Ends all idle instances and returns what they still emit.
    pub(crate) fn finish_idle(&self) -> Result<Vec<Produced>> {
        let idle = std::mem::take(&mut *self.lock());
        idle.into_iter().map(Bound::finish).collect()
    }

    fn make(&self) -> Result<Bound> {
        let bound = self
            .plugin
            .instantiate(&self.context)?
            .bind(&self.schema, &self.params)?;
        self.made.fetch_add(1, Ordering::Relaxed);
        if *bound.plan() == self.plan {
            return Ok(bound);
        }
        Err(Error::new(
            ErrorKind::Trap,
            "a second instance of the transform returned another plan for the same schema and parameters",
        )
        .hint("`bind` must be a pure function of the schema and the parameters"))
    }

    /// Keeps `guest` for the next batch, or ends it if it has grown too large.
    fn give_back(&self, guest: Bound) -> Result<Option<Produced>> {
        // Linear memory never shrinks, and one wide batch must not hold it for the rest of the run.
        if guest.is_worn() {
            return guest.finish().map(Some);
        }
        self.lock().push(guest);
        Ok(None)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Bound>> {
        // A panic elsewhere leaves the list itself whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn joined(mut first: Produced, second: Produced) -> Produced {
    first.batches.extend(second.batches);
    first.rejected.extend(second.rejected);
    first.guest_time += second.guest_time;
    first.host_time += second.host_time;
    first
}
