//! One component that is measured.

use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde::Serialize;
use sluicegate::error::{Error, Result, ResultExt as _};
use sluicegate::limits::Limits;
use sluicegate::sandbox::{Access, Bound, InstanceContext, Offers, Plugin, Sandbox};

/// Instances that are made to see how long one takes.
const INSTANCES: usize = 20;

/// Batches before the first that counts.
const WARM_UP: usize = 3;

/// A bound plugin, the batches it gets, and how long it took for them so far.
pub(super) struct Contender<'a> {
    pub(super) name: &'static str,
    plugin: Plugin,
    context: InstanceContext,
    params: &'a str,
    schema: SchemaRef,
    /// The columns that the plan reads.
    batches: Vec<RecordBatch>,
    bound: Option<Bound>,
    next: usize,
    load: Duration,
    instance: Duration,
    times: Vec<Duration>,
    memory: usize,
}

/// What was measured. Times of a batch are those of the guest and of the host around it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figures {
    pub(super) name: &'static str,
    pub(super) sha256: String,
    pub(super) us_per_batch: f64,
    /// Nineteen of twenty batches took no longer.
    pub(super) us_per_batch_95: f64,
    pub(super) rows_per_second: u64,
    pub(super) bytes_per_second: u64,
    /// Of the columns that are read.
    pub(super) bytes_per_batch: u64,
    /// The most that the instance held.
    pub(super) memory_bytes: u64,
    /// To make an instance, without `bind`.
    pub(super) instance_us: f64,
    /// To load the component once it was compiled.
    pub(super) load_ms: f64,
}

impl<'a> Contender<'a> {
    /// Loads and binds a component for batches of one schema, of which there is at least one.
    pub(super) fn new(
        sandbox: &Sandbox,
        (name, component): (&'static str, &[u8]),
        (offers, access): (Offers, Access),
        batches: &[RecordBatch],
        params: &'a str,
    ) -> Result<Self> {
        let doing = || format!("load `{name}`");
        // The first time may compile it.
        let load = || sandbox.load_unless(component, offers, &|| false);
        load().with_context(doing)?;
        let start = Instant::now();
        let plugin = load().with_context(doing)?;
        let load = start.elapsed();
        let mut context = InstanceContext::new(Limits::default().guest);
        context.access = access;
        let mut instances = Vec::new();
        for _ in 0..INSTANCES {
            let start = Instant::now();
            plugin.instantiate(&context).with_context(doing)?;
            instances.push(start.elapsed());
        }
        let schema = batches
            .first()
            .map(RecordBatch::schema)
            .ok_or_else(|| Error::internal("nothing to measure with"))?;
        let mut contender = Self {
            name,
            plugin,
            context,
            params,
            schema,
            batches: Vec::new(),
            bound: None,
            next: 0,
            load,
            instance: quantile(&mut instances, 0.5),
            times: Vec::new(),
            memory: 0,
        };
        let bound = contender.bind()?;
        let reads = &bound.plan().reads;
        let projected = batches.iter().map(|batch| batch.project(reads));
        contender.batches = projected
            .collect::<std::result::Result<_, _>>()
            .map_err(|cause| Error::internal(cause.to_string()))?;
        contender.bound = Some(bound);
        for _ in 0..WARM_UP {
            contender.step()?;
        }
        contender.times.clear();
        Ok(contender)
    }

    /// The batches, with the columns that the plan reads.
    pub(super) fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    fn bind(&self) -> Result<Bound> {
        let instance = self.plugin.instantiate(&self.context)?;
        instance.bind(&self.schema, self.params)
    }

    /// Runs batch after batch for as long as told, at least one.
    pub(super) fn measure(&mut self, time: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            self.step()?;
            if start.elapsed() >= time {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Result<()> {
        // An instance that has grown is replaced, as in a run; a stateful one is needed to the end.
        let kept = self
            .bound
            .take()
            .filter(|bound| !(bound.plan().stateless && bound.is_worn()));
        let bound = match kept {
            Some(bound) => bound,
            None => self.bind()?,
        };
        let batch = self.batches.get(self.next % self.batches.len()).cloned();
        self.next += 1;
        let batch = batch.ok_or_else(|| Error::internal("nothing to measure with"))?;
        let (bound, produced) = bound.process(batch)?;
        self.times.push(produced.guest_time + produced.host_time);
        self.memory = self.memory.max(bound.memory_bytes());
        self.bound = Some(bound);
        Ok(())
    }

    pub(super) fn figures(&self) -> Figures {
        let mut times = self.times.clone();
        let middle = quantile(&mut times, 0.5);
        let per_second = |count: usize| {
            let rate = count as u128 * 1_000_000_000 / middle.as_nanos().max(1);
            u64::try_from(rate).unwrap_or(u64::MAX)
        };
        let bytes: usize = self.batches.iter().map(bytes_of).sum();
        let bytes = bytes / self.batches.len().max(1);
        let rows = self.batches.first().map_or(0, RecordBatch::num_rows);
        Figures {
            name: self.name,
            sha256: self.plugin.digest().to_owned(),
            us_per_batch: middle.as_secs_f64() * 1e6,
            us_per_batch_95: quantile(&mut times, 0.95).as_secs_f64() * 1e6,
            rows_per_second: per_second(rows),
            bytes_per_second: per_second(bytes),
            bytes_per_batch: bytes as u64,
            memory_bytes: self.memory as u64,
            instance_us: self.instance.as_secs_f64() * 1e6,
            load_ms: self.load.as_secs_f64() * 1e3,
        }
    }
}

/// Bytes of the values of a batch, which may be a piece of a larger one.
fn bytes_of(batch: &RecordBatch) -> usize {
    let sizes = batch.columns().iter().map(|column| {
        let data = column.to_data();
        data.get_slice_memory_size().unwrap_or(0)
    });
    sizes.sum()
}

/// The time that this part of all did not exceed.
fn quantile(times: &mut [Duration], part: f64) -> Duration {
    times.sort_unstable();
    let at = (times.len().saturating_sub(1) as f64 * part).round();
    // Positive, and below the length.
    #[expect(clippy::cast_sign_loss, reason = "neither factor is negative")]
    let at = at as usize;
    times.get(at).copied().unwrap_or_default()
}
