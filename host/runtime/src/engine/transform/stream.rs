//! One partition of a transform: cuts batches into morsels, sends each to a guest on a compute thread,
//! and joins what comes back with the columns that passed through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, internal_datafusion_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, Time,
};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::{BoundStep, RejectedRow, Source};
use crate::engine::error::to_datafusion;
use crate::engine::quarantine::{BadRow, Original, json};
use crate::error::{Error, Result};
use crate::sandbox::{Emitted, Produced, Rejection};
use crate::spec::OnError;

/// What flows through a plan.
type Flow<T> = std::result::Result<T, DataFusionError>;

/// The batches of one partition.
type Batches = BoxStream<'static, Flow<RecordBatch>>;

/// A piece of a batch, with its place.
type Morsel = (Place, RecordBatch);

/// Each batch by itself.
fn each(batches: Vec<RecordBatch>) -> stream::Iter<std::vec::IntoIter<Flow<RecordBatch>>> {
    stream::iter(batches.into_iter().map(Ok).collect::<Vec<_>>())
}

/// Where in the input batch the columns are that a transform reads and passes.
#[derive(Debug)]
pub(super) struct Layout {
    reads: Vec<usize>,
    reads_schema: SchemaRef,
    output: Vec<Slot>,
    schema: SchemaRef,
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    /// A column of the input.
    Pass(usize),
    /// The next column of what the guest emits.
    Computed,
}

impl Layout {
    pub(super) fn new(
        reads: &[String],
        output: &[Source],
        input: &SchemaRef,
        schema: &SchemaRef,
    ) -> Flow<Self> {
        let find = |name: &str| {
            input
                .column_with_name(name)
                .map(|(index, _)| index)
                .ok_or_else(|| internal_datafusion_err!("column `{name}` was pruned though needed"))
        };
        let reads: Vec<_> = reads.iter().map(|name| find(name)).collect::<Flow<_>>()?;
        let slots = output
            .iter()
            .map(|source| match source {
                Source::Pass(field) => find(field.name()).map(Slot::Pass),
                Source::Computed(_) => Ok(Slot::Computed),
            })
            .collect::<Flow<_>>()?;
        Ok(Self {
            reads_schema: Arc::new(input.project(&reads)?),
            reads,
            output: slots,
            schema: Arc::clone(schema),
        })
    }

    /// The part of `batch` that enters the guest.
    pub(super) fn entering(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self
            .reads
            .iter()
            .filter_map(|&index| batch.columns().get(index).cloned())
            .collect();
        record_batch(&self.reads_schema, columns, batch.num_rows())
    }

    /// The output rows of one emission over `batch`.
    pub(super) fn joined(
        &self,
        batch: &RecordBatch,
        emitted: Emitted,
        emit_bytes: u64,
    ) -> Result<RecordBatch> {
        let passing: Vec<ArrayRef> = self
            .output
            .iter()
            .filter_map(|slot| match slot {
                Slot::Pass(index) => batch.columns().get(*index).cloned(),
                Slot::Computed => None,
            })
            .collect();
        // `take` may repeat a large value many times: that has to be known before it is done.
        let bytes = emitted.selection.selected_bytes(&passing);
        if bytes > emit_bytes {
            return Err(
                Error::limit_key("emit_bytes", format!("{emit_bytes} bytes"))
                    .context("select the rows of the columns that pass through"),
            );
        }
        let mut passed = emitted.selection.apply_all(&passing)?.into_iter();
        let mut computed = emitted.computed.into_iter();
        let columns: Vec<_> = self
            .output
            .iter()
            .filter_map(|slot| match slot {
                Slot::Pass(_) => passed.next(),
                Slot::Computed => computed.next(),
            })
            .collect();
        record_batch(&self.schema, columns, emitted.rows)
    }
}

pub(super) fn record_batch(
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| Error::internal("put a batch together").source(error))
}

/// What one partition of a transform needs while it runs.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) step: Arc<BoundStep>,
    pub(super) layout: Arc<Layout>,
    pub(super) index: usize,
    morsel_rows: usize,
    in_flight: usize,
    meters: Meters,
    /// Batches and rows that were taken from the input so far, for the place of an error.
    batches: AtomicU64,
    rows: AtomicU64,
}

#[derive(Debug)]
struct Meters {
    baseline: BaselineMetrics,
    rows_in: Count,
    rejected: Count,
    failed: Count,
    guest: Time,
    host: Time,
}

/// Where a morsel stood in its partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) batch: u64,
    pub(super) first_row: u64,
}

impl Place {
    /// The place of what follows `rows` rows of the morsel.
    pub(super) const fn skip(self, rows: usize) -> Self {
        Self {
            first_row: self.first_row + rows as u64,
            ..self
        }
    }
}

impl Partition {
    pub(super) fn new(
        step: Arc<BoundStep>,
        layout: Arc<Layout>,
        metrics: &ExecutionPlanMetricsSet,
        (index, partitions): (usize, usize),
        morsel_rows: usize,
    ) -> Self {
        if index == 0 {
            step.guests.expect_partitions(partitions);
        }
        // As many morsels in flight as there are workers without a partition of their own, so that a
        // single partition uses all cores and many partitions hold one morsel each.
        let in_flight = (step.workers.threads() / partitions.max(1)).max(1);
        let meters = Meters {
            baseline: BaselineMetrics::new(metrics, index),
            rows_in: MetricBuilder::new(metrics).counter("input_rows", index),
            rejected: MetricBuilder::new(metrics).counter("rejected_rows", index),
            failed: MetricBuilder::new(metrics).counter("failed_rows", index),
            guest: MetricBuilder::new(metrics).subset_time("guest_time", index),
            host: MetricBuilder::new(metrics).subset_time("host_time", index),
        };
        Self {
            step,
            layout,
            index,
            morsel_rows,
            in_flight,
            meters,
            batches: AtomicU64::new(0),
            rows: AtomicU64::new(0),
        }
    }

    /// The output of the partition for `input`.
    pub(super) fn stream(self, input: SendableRecordBatchStream) -> Batches {
        let this = Arc::new(self);
        let body = if this.step.stateless {
            Arc::clone(&this).stateless(input)
        } else {
            Arc::clone(&this).stateful(input)
        };
        body.inspect_ok(move |batch| this.meters.baseline.record_output(batch.num_rows()))
            .boxed()
    }

    fn stateless(self: Arc<Self>, input: SendableRecordBatchStream) -> Batches {
        let tail = Arc::clone(&self);
        let in_flight = self.in_flight;
        self.morsels(input)
            .map(|(this, morsel)| this.process(morsel))
            .buffered(in_flight)
            .chain(stream::once(tail.finish_stateless()))
            .map_ok(each)
            .try_flatten()
            .boxed()
    }

    /// Runs one morsel in whatever guest is idle.
    async fn process(self: Arc<Self>, morsel: Flow<Morsel>) -> Flow<Vec<RecordBatch>> {
        let (place, morsel) = morsel?;
        let (workers, alone) = (Arc::clone(&self.step.workers), self.in_flight == 1);
        let tally = Arc::clone(&self.step.tally);
        let job = move || {
            let outcome = self.step.guests.process(self.layout.entering(&morsel)?);
            self.settle(Some((place, &morsel)), outcome)
                .or_else(|error| self.without_bad_rows((place, &morsel), error))
        };
        let done = if alone {
            workers.run_near(job).await
        } else {
            workers.run(job).await
        };
        tally.flush().await.map_err(to_datafusion)?;
        done.map_err(to_datafusion)
    }

    fn stateful(self: Arc<Self>, input: SendableRecordBatchStream) -> Batches {
        let this = Arc::clone(&self);
        let state = (self.morsels(input), None, false);
        stream::try_unfold(state, move |(mut morsels, guest, ended)| {
            let this = Arc::clone(&this);
            async move {
                if ended {
                    return Flow::Ok(None);
                }
                let next = morsels.next().await.map(|(_, morsel)| morsel).transpose()?;
                let ended = next.is_none();
                let (workers, job) = (Arc::clone(&this.step.workers), Arc::clone(&this));
                let (guest, batches) = workers
                    .run_near(move || job.advance(guest, next))
                    .await
                    .map_err(to_datafusion)?;
                this.step.tally.flush().await.map_err(to_datafusion)?;
                Ok(Some((each(batches), (morsels, guest, ended))))
            }
        })
        .try_flatten()
        .boxed()
    }

    /// Gives the next morsel, or the end, to the one guest of a stateful partition.
    fn advance(
        &self,
        guest: Option<crate::sandbox::Bound>,
        next: Option<Morsel>,
    ) -> Result<(Option<crate::sandbox::Bound>, Vec<RecordBatch>)> {
        let guest = guest.map_or_else(|| self.step.guests.take(), Ok)?;
        let Some((place, morsel)) = next else {
            let batches = self.settle(None, guest.finish());
            return Ok((None, batches.map_err(|error| self.at_end(error))?));
        };
        let at = |error| self.failed(error, place, &morsel);
        let (guest, produced) = guest.process(self.layout.entering(&morsel)?).map_err(at)?;
        let batches = self
            .settle(Some((place, &morsel)), Ok(produced))
            .map_err(at)?;
        Ok((Some(guest), batches))
    }

    /// After the last batch of the last partition, idle guests of a stateless transform say goodbye.
    async fn finish_stateless(self: Arc<Self>) -> Flow<Vec<RecordBatch>> {
        if !self.step.guests.partition_ended() {
            return Ok(Vec::new());
        }
        let workers = Arc::clone(&self.step.workers);
        let job = move || {
            let mut batches = Vec::new();
            for produced in self.step.guests.finish_idle().map_err(|e| self.at_end(e))? {
                batches.extend(self.settle(None, Ok(produced))?);
            }
            Ok(batches)
        };
        workers.run_near(job).await.map_err(to_datafusion)
    }

    /// The input in morsels, each with its place.
    fn morsels(
        self: Arc<Self>,
        input: SendableRecordBatchStream,
    ) -> BoxStream<'static, (Arc<Self>, Flow<Morsel>)> {
        let this = Arc::clone(&self);
        input
            .flat_map(move |batch| stream::iter(this.cut(batch)))
            .map(move |morsel| (Arc::clone(&self), morsel))
            .boxed()
    }

    fn cut(&self, batch: Flow<RecordBatch>) -> Vec<Flow<Morsel>> {
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => return vec![Err(error)],
        };
        self.meters.rows_in.add(batch.num_rows());
        let number = self.batches.fetch_add(1, Ordering::Relaxed);
        let first_row = self
            .rows
            .fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        (0..batch.num_rows())
            .step_by(self.morsel_rows.max(1))
            .map(|start| {
                let length = self.morsel_rows.min(batch.num_rows() - start);
                let place = Place {
                    batch: number,
                    first_row: first_row + start as u64,
                };
                Ok((place, batch.slice(start, length)))
            })
            .collect()
    }

    /// Joins what a guest produced with the columns of `morsel` that passed through; without a morsel,
    /// in `finish`, there are none.
    pub(super) fn settle(
        &self,
        morsel: Option<(Place, &RecordBatch)>,
        outcome: Result<Produced>,
    ) -> Result<Vec<RecordBatch>> {
        let produced = outcome?;
        self.meters.guest.add_duration(produced.guest_time);
        self.meters.host.add_duration(produced.host_time);
        let emit_bytes = self.step.guests.limits().emit_bytes;
        let timer = self.meters.host.timer();
        let batches = produced
            .batches
            .into_iter()
            .filter(|emitted| emitted.rows > 0)
            .map(|emitted| match morsel {
                Some((_, morsel)) => self.layout.joined(morsel, emitted, emit_bytes),
                None => record_batch(&self.layout.schema, emitted.computed, emitted.rows),
            })
            .collect::<Result<_>>()?;
        timer.done();
        if let Some((place, morsel)) = morsel {
            self.reject(produced.rejected, place, morsel)?;
        }
        Ok(batches)
    }

    /// Takes rejected rows out of the run, or ends it, as the step says. A morsel is rejected from once: what fails
    /// later in a call has to fail before.
    fn reject(&self, rejected: Vec<Rejection>, place: Place, morsel: &RecordBatch) -> Result<()> {
        let tally = &self.step.tally;
        if tally.on_error().is_some() {
            tally.saw(morsel.num_rows() as u64);
        }
        if rejected.is_empty() {
            return Ok(());
        }
        self.meters.rejected.add(rejected.len());
        let rows = rejected
            .iter()
            .map(|Rejection { row, reason }| RejectedRow {
                partition: self.index,
                row: place.first_row + *row as u64,
                reason: reason.clone(),
                failed: false,
            });
        match tally.on_error() {
            None => self.step.rejected.extend(rows),
            Some(OnError::Fail) => return Err(refused(rows.min())),
            Some(OnError::Skip | OnError::Quarantine) => {
                self.step.rejected.extend(rows);
                self.leave_out(self.bad_rows(rejected, place, morsel))?;
            }
        }
        Ok(())
    }

    fn bad_rows(
        &self,
        rejected: Vec<Rejection>,
        place: Place,
        morsel: &RecordBatch,
    ) -> Vec<BadRow> {
        let rows: Vec<_> = rejected.iter().map(|rejection| rejection.row).collect();
        let originals = if self.step.tally.keeps() {
            json(morsel, &rows)
        } else {
            vec![Original::Absent(String::new()); rows.len()]
        };
        let bad = rejected.into_iter().zip(originals);
        bad.map(|(Rejection { row, reason }, original)| BadRow {
            place: self.bad_place(place, row),
            reason,
            original,
        })
        .collect()
    }

    /// Notes that the transform fails over a row, which is left out.
    pub(super) fn tell_failure(&self, place: Place, reason: &str) {
        if self.step.tally.on_error().is_some() {
            self.step.tally.saw(1);
        }
        self.meters.failed.add(1);
        let row = RejectedRow {
            partition: self.index,
            row: place.first_row,
            reason: reason.to_owned(),
            failed: true,
        };
        self.step.rejected.extend(std::iter::once(row));
    }

    pub(super) fn located(&self, error: Error, place: Place, rows: usize) -> Error {
        let last = place.first_row + (rows as u64).saturating_sub(1);
        let (first, batch) = (place.first_row, place.batch);
        error
            .fact("step", &self.step.name)
            .fact("partition", self.index)
            .fact("batch", batch)
            .fact("rows", format!("{first}-{last}"))
            .context(format!(
                "run step `{}` on partition {}, batch {batch} (rows {first} to {last} of the partition)",
                self.step.name, self.index
            ))
    }

    fn at_end(&self, error: Error) -> Error {
        error.fact("step", &self.step.name).context(format!(
            "finish step `{}` on partition {}",
            self.step.name, self.index
        ))
    }
}

/// The first row that a transform rejected, where none may be.
fn refused(row: Option<RejectedRow>) -> Error {
    let told = row.map_or_else(String::new, |row| {
        format!(
            " {} of partition {}: {}",
            row.row, row.partition, row.reason
        )
    });
    Error::input(format!("the transform rejected row{told}")).hint(
        "mend the row; `on_error = \"quarantine\"` of the step sets such rows aside, `on_error = \"skip\"` leaves them out",
    )
}
