//! What the readers of text formats share: a file source over ranges that start and end between two records.

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
use datafusion::object_store::{GetOptions, GetRange, ObjectStore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};

/// Bytes of text after which a batch ends, however few records it has. A batch of ordinary records is
/// far below; fat ones would otherwise take the run's memory.
pub(super) const BATCH_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes of one record. A quote that is never closed would otherwise collect the rest of the file.
pub(super) const RECORD_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A format of text.
pub(super) trait Format: Clone + Send + Sync + Unpin + 'static {
    /// What a plan calls it.
    const NAME: &'static str;

    /// The records of one piece of a file.
    fn read(&self, piece: Piece) -> DfResult<BoxStream<'static, DfResult<RecordBatch>>>;
}

/// A piece of a file that is to be read.
pub(super) struct Piece {
    pub(super) text: BoxStream<'static, DfResult<Bytes>>,
    /// What messages call the file.
    pub(super) name: String,
    /// Whether the piece starts with the file.
    pub(super) first: bool,
    /// All columns of the file, and the ones that are wanted.
    pub(super) schema: SchemaRef,
    pub(super) columns: Vec<usize>,
    pub(super) batch_size: usize,
}

/// A scan of text.
#[derive(Clone)]
pub(super) struct TextSource<F> {
    format: F,
    origin: Arc<str>,
    batch_size: usize,
    table_schema: TableSchema,
    projection: SplitProjection,
    metrics: ExecutionPlanMetricsSet,
}

impl<F: Format> TextSource<F> {
    /// Reads files of `format` whose keys follow `origin` in messages.
    pub(super) fn new(format: F, table_schema: TableSchema, origin: &str) -> Self {
        Self {
            format,
            origin: origin.into(),
            batch_size: 0,
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl<F: Format> FileSource for TextSource<F> {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        _partition: usize,
    ) -> DfResult<Arc<dyn FileOpener>> {
        let opener = Arc::new(TextOpener {
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

struct TextOpener<F> {
    source: TextSource<F>,
    store: Arc<dyn ObjectStore>,
}

impl<F: Format> FileOpener for TextOpener<F> {
    fn open(&self, file: PartitionedFile) -> DfResult<FileOpenFuture> {
        let store = Arc::clone(&self.store);
        let source = self.source.clone();
        let range = file.range.as_ref();
        let start = range.map_or(0, |range| range.start.cast_unsigned());
        let end = range.map_or(file.object_meta.size, |range| range.end.cast_unsigned());
        Ok(Box::pin(async move {
            let mut options = GetOptions::new();
            if end > start {
                options = options.with_range(Some(GetRange::Bounded(start..end)));
            }
            let location = &file.object_meta.location;
            let bytes = store.get_opts(location, options).await?.into_stream();
            source.format.read(Piece {
                text: bytes.map_err(DataFusionError::from).boxed(),
                name: format!("{}{location}", source.origin),
                first: start == 0,
                schema: Arc::clone(source.table_schema.file_schema()),
                columns: source.projection.file_indices,
                batch_size: source.batch_size,
            })
        }))
    }
}

/// How much of `pending` to decode next: all of it, or a line at a time once a batch is long enough, so
/// that it can end there.
pub(super) fn portion(pending: &[u8], batch_bytes: u64) -> &[u8] {
    if batch_bytes < BATCH_BYTES {
        return pending;
    }
    let end = memchr::memchr2(b'\n', b'\r', pending).map_or(pending.len(), |at| at + 1);
    pending.get(..end).unwrap_or(pending)
}
