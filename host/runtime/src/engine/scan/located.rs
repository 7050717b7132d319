//! A file source whose errors say which file they come from.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::ObjectStore;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt, TryStreamExt};

use super::decompress::TextStore;
use super::diagnose::{Diagnosis, Start, located};
use super::names::discreet;
use crate::engine::MORSEL_ROWS;
use crate::engine::error::{from_reading, to_datafusion};
use crate::error::Error;
use crate::spec::Compression;
use crate::storage::{Retries, persistent};

/// Values that the batch of a scan may have. A table of 5,000 columns took gigabytes in whole morsels; one
/// of up to 256 columns is read as every other.
const BATCH_VALUES: usize = 256 * MORSEL_ROWS;

/// Rows that a batch has however many columns there are, or each would cost more than its rows.
const BATCH_ROWS_MIN: usize = 64;

/// Wraps `inner`, which reads files whose keys follow `origin` in messages.
#[derive(Clone)]
pub(super) struct Located {
    inner: Arc<dyn FileSource>,
    origin: Arc<str>,
    diagnosis: Diagnosis,
    /// Whether errors tell no values.
    discreet: bool,
    /// How text is compressed; None for formats that are not text.
    text: Option<Compression>,
    /// What may be done again where storage fails, and in which name.
    retries: Option<(Arc<Retries>, Arc<str>)>,
}

impl Located {
    pub(super) fn new(
        inner: Arc<dyn FileSource>,
        origin: &str,
        diagnosis: Diagnosis,
        discreet: bool,
    ) -> Self {
        Self {
            inner,
            origin: origin.into(),
            diagnosis,
            discreet,
            text: None,
            retries: None,
        }
    }

    /// Reads again what storage fails to read.
    pub(super) fn retrying(self, retries: Option<(Arc<Retries>, Arc<str>)>) -> Self {
        Self { retries, ..self }
    }

    /// Hands the inner source plain text, whatever the files are compressed with.
    pub(super) fn decompress(self, compression: Compression) -> Self {
        Self {
            text: Some(compression),
            ..self
        }
    }

    fn around(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self {
            inner,
            ..self.clone()
        })
    }
}

impl FileSource for Located {
    /// A file source of this version is asked for morsels; whoever has openers is adapted.
    fn create_file_opener(
        &self,
        _store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        _partition: usize,
    ) -> DfResult<Arc<dyn FileOpener>> {
        Err(to_datafusion(Error::internal(
            "a scan was asked for openers",
        )))
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> DfResult<Box<dyn Morselizer>> {
        let store = match &self.retries {
            None => store,
            Some((retries, of)) => persistent(store, retries.partition(of, partition)),
        };
        let readable: Arc<dyn ObjectStore> = match self.text {
            None => Arc::clone(&store),
            Some(compression) => Arc::new(TextStore::new(Arc::clone(&store), compression)),
        };
        Ok(Box::new(LocatedFiles {
            inner: self.inner.create_morselizer(readable, config, partition)?,
            schema: Arc::clone(self.inner.table_schema().file_schema()),
            origin: Arc::clone(&self.origin),
            diagnosis: self.diagnosis,
            discreet: self.discreet,
            store,
        }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        // A record of text is taken apart as a whole, of other formats only what is wanted is read.
        let columns = match (self.text, self.inner.projection()) {
            (None, Some(wanted)) => wanted.iter().count(),
            _ => self.table_schema().file_schema().fields().len(),
        };
        let rows_max = (BATCH_VALUES / columns.max(1)).max(BATCH_ROWS_MIN);
        self.around(self.inner.with_batch_size(batch_size.min(rows_max)))
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(kind, f)
    }

    /// Only `groups` knows where a file may be cut.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> DfResult<Option<Arc<dyn FileSource>>> {
        let pushed = self.inner.try_pushdown_projection(projection)?;
        Ok(pushed.map(|inner| self.around(inner)))
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        self.inner.apply_expressions(visit)
    }
}

struct LocatedFiles {
    inner: Box<dyn Morselizer>,
    schema: SchemaRef,
    origin: Arc<str>,
    diagnosis: Diagnosis,
    discreet: bool,
    store: Arc<dyn ObjectStore>,
}

impl fmt::Debug for LocatedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocatedFiles({:?})", self.inner)
    }
}

impl Morselizer for LocatedFiles {
    fn plan_file(&self, file: PartitionedFile) -> DfResult<Box<dyn MorselPlanner>> {
        let range = file.range.as_ref();
        let place = Arc::new(Place {
            start: Start {
                name: format!("{}{}", self.origin, file.object_meta.location),
                path: file.object_meta.location.clone(),
                offset: range.map_or(0, |range| range.start.cast_unsigned()),
            },
            schema: Arc::clone(&self.schema),
            diagnosis: self.diagnosis,
            discreet: self.discreet,
            store: Arc::clone(&self.store),
        });
        let inner = place.guard(|| self.inner.plan_file(file))?;
        Ok(Box::new(LocatedPlanner { inner, place }))
    }
}

/// The piece of a file that is being read.
#[derive(Debug)]
struct Place {
    start: Start,
    schema: SchemaRef,
    diagnosis: Diagnosis,
    discreet: bool,
    store: Arc<dyn ObjectStore>,
}

impl Place {
    /// Does what needs no waiting. Some decoders take a damaged file for a bug of their own.
    fn guard<T>(&self, work: impl FnOnce() -> DfResult<T>) -> DfResult<T> {
        let done = std::panic::catch_unwind(AssertUnwindSafe(work));
        let done = done.unwrap_or_else(|_| Err(to_datafusion(damaged())));
        done.map_err(|error| {
            self.told(located(
                from_reading(error, &self.start.name),
                &self.start.name,
            ))
        })
    }

    async fn explain(&self, error: DataFusionError) -> DataFusionError {
        let (diagnosis, store) = (self.diagnosis, self.store.as_ref());
        let explained = diagnosis.explain(error, &self.start, &self.schema, store);
        self.told(explained.await)
    }

    fn told(&self, error: Error) -> DataFusionError {
        to_datafusion(if self.discreet {
            discreet(error)
        } else {
            error
        })
    }
}

#[derive(Debug)]
struct LocatedPlanner {
    inner: Box<dyn MorselPlanner>,
    place: Arc<Place>,
}

impl LocatedPlanner {
    fn boxed(inner: Box<dyn MorselPlanner>, place: &Arc<Place>) -> Box<dyn MorselPlanner> {
        let place = Arc::clone(place);
        Box::new(Self { inner, place })
    }
}

impl MorselPlanner for LocatedPlanner {
    fn plan(self: Box<Self>) -> DfResult<Option<MorselPlan>> {
        let Self { inner, place } = *self;
        let Some(mut plan) = place.guard(|| inner.plan())? else {
            return Ok(None);
        };
        let morsels = plan.take_morsels().into_iter().map(|inner| {
            let place = Arc::clone(&place);
            Box::new(LocatedMorsel { inner, place }) as Box<dyn Morsel>
        });
        let planners = plan.take_ready_planners().into_iter();
        let planners = planners.map(|inner| Self::boxed(inner, &place));
        let mut located = MorselPlan::new()
            .with_morsels(morsels.collect())
            .with_planners(planners.collect());
        if let Some(pending) = plan.take_pending_planner() {
            located.set_pending_planner(async move {
                let planned = AssertUnwindSafe(pending).catch_unwind().await;
                match planned.unwrap_or_else(|_| Err(to_datafusion(damaged()))) {
                    Ok(inner) => Ok(Self::boxed(inner, &place)),
                    Err(error) => Err(place.explain(error).await),
                }
            });
        }
        Ok(Some(located))
    }
}

#[derive(Debug)]
struct LocatedMorsel {
    inner: Box<dyn Morsel>,
    place: Arc<Place>,
}

impl Morsel for LocatedMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, DfResult<RecordBatch>> {
        let Self { inner, place } = *self;
        AssertUnwindSafe(inner.into_stream())
            .catch_unwind()
            .map(|batch| batch.unwrap_or_else(|_| Err(to_datafusion(damaged()))))
            .or_else(move |error| {
                let place = Arc::clone(&place);
                async move { Err(place.explain(error).await) }
            })
            .boxed()
    }
}

fn damaged() -> Error {
    Error::input("the file is damaged: its content makes no sense")
        .hint("was it copied or written only in part?")
}
