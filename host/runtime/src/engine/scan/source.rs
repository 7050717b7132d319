//! What the readers of our own share: a file source over a format, whose batches are of the wanted columns.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileOpenFuture, FileOpener, FileScanConfig, FileSource,
};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::{GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::diagnose::Start;
use super::rescue::{Leaving, Rescue};

/// How the files of an input are written.
pub(super) trait Format: Clone + Send + Sync + Unpin + 'static {
    /// What a plan calls it.
    const NAME: &'static str;

    /// The records of one piece of a file.
    fn read(&self, piece: Piece) -> DfResult<BoxStream<'static, DfResult<RecordBatch>>>;
}

/// A piece of a file that is to be read.
pub(super) struct Piece {
    /// Its bytes, asked for once they are wanted.
    pub(super) text: BoxStream<'static, DfResult<Bytes>>,
    /// The whole file, for formats that are not read from one end to the other.
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) object: ObjectMeta,
    /// What messages call the file.
    pub(super) name: String,
    /// Where in the file the piece starts.
    pub(super) offset: u64,
    /// All columns of the file, and the ones that are wanted.
    pub(super) schema: SchemaRef,
    pub(super) columns: Vec<usize>,
    pub(super) batch_size: usize,
    /// Where records go that cannot be read, if they may be left out.
    pub(super) leaving: Option<Leaving>,
}

impl Piece {
    /// What leaves records of the piece out that cannot be read, if they may be.
    pub(super) fn rescue(&self) -> Option<Rescue> {
        let start = Start {
            name: self.name.clone(),
            path: self.object.location.clone(),
            offset: self.offset,
        };
        let store = Arc::clone(&self.store);
        let leaving = self.leaving.clone()?;
        Some(Rescue::new(leaving, start, store, self.batch_size))
    }
}

/// A scan of files of one format.
#[derive(Clone)]
pub(super) struct Source<F> {
    format: F,
    origin: Arc<str>,
    batch_size: usize,
    table_schema: TableSchema,
    projection: SplitProjection,
    metrics: ExecutionPlanMetricsSet,
    leaving: Option<Leaving>,
}

impl<F: Format> Source<F> {
    /// Reads files of `format` whose keys follow `origin` in messages.
    pub(super) fn new(format: F, table_schema: TableSchema, origin: &str) -> Self {
        Self {
            format,
            origin: origin.into(),
            batch_size: 0,
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            metrics: ExecutionPlanMetricsSet::new(),
            leaving: None,
        }
    }

    /// Leaves records out that cannot be read.
    pub(super) fn leaving(self, leaving: Option<Leaving>) -> Self {
        Self { leaving, ..self }
    }
}

impl<F: Format> FileSource for Source<F> {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        _partition: usize,
    ) -> DfResult<Arc<dyn FileOpener>> {
        let opener = Arc::new(Opener {
            source: self.clone(),
            store,
        });
        ProjectionOpener::try_new(
            self.projection.clone(),
            opener,
            self.table_schema.file_schema(),
        )
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table_schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self {
            batch_size,
            ..self.clone()
        })
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> DfResult<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        Ok(Some(Arc::new(Self {
            projection: SplitProjection::new(self.table_schema.file_schema(), &merged),
            ..self.clone()
        })))
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &'static str {
        F::NAME
    }

    /// Only `groups` knows where a file may be cut.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn fmt_extra(&self, _: DisplayFormatType, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), visit)
    }
}

struct Opener<F> {
    source: Source<F>,
    store: Arc<dyn ObjectStore>,
}

impl<F: Format> FileOpener for Opener<F> {
    fn open(&self, file: PartitionedFile) -> DfResult<FileOpenFuture> {
        let store = Arc::clone(&self.store);
        let source = self.source.clone();
        let range = file.range.as_ref();
        let start = range.map_or(0, |range| range.start.cast_unsigned());
        let end = range.map_or(file.object_meta.size, |range| range.end.cast_unsigned());
        let object = file.object_meta;
        let piece = Piece {
            text: bytes(Arc::clone(&store), object.clone(), start, end),
            store,
            name: format!("{}{}", source.origin, object.location),
            object,
            offset: start,
            schema: Arc::clone(source.table_schema.file_schema()),
            columns: source.projection.file_indices,
            batch_size: source.batch_size,
            leaving: source.leaving,
        };
        let batches = source.format.read(piece)?;
        Ok(Box::pin(std::future::ready(Ok(batches))))
    }
}

/// The bytes of a range; all of the object where that is empty.
fn bytes(
    store: Arc<dyn ObjectStore>,
    object: ObjectMeta,
    start: u64,
    end: u64,
) -> BoxStream<'static, DfResult<Bytes>> {
    let range = (end > start).then_some(GetRange::Bounded(start..end));
    let options = GetOptions::new().with_range(range);
    let opening = async move { store.get_opts(&object.location, options).await };
    stream::once(opening)
        .map_ok(GetResult::into_stream)
        .try_flatten()
        .map_err(DataFusionError::from)
        .boxed()
}
