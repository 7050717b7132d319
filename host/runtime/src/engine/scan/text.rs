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
const BATCH_BYTES: u64 = 16 * 1024 * 1024;

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

/// Text on its way into a decoder, which keeps what the batch under way is made of: what is wrong with a
/// record is only known once the batch is whole.
pub(super) struct Feed {
    text: BoxStream<'static, DfResult<Bytes>>,
    chunk: Bytes,
    /// Where in the chunk the batch starts, and where the text starts that was not decoded yet.
    start: usize,
    at: usize,
    held: Vec<Bytes>,
    batch_bytes: u64,
}

impl Feed {
    pub(super) fn new(text: BoxStream<'static, DfResult<Bytes>>) -> Self {
        Self {
            text: text.fuse().boxed(),
            chunk: Bytes::new(),
            start: 0,
            at: 0,
            held: Vec::new(),
            batch_bytes: 0,
        }
    }

    /// The next chunk, once the last is used up; none at the end of the text.
    pub(super) async fn next_chunk(&mut self) -> DfResult<Option<Bytes>> {
        self.text.try_next().await
    }

    /// Puts `chunk` behind what was decoded.
    pub(super) fn push(&mut self, chunk: Bytes) {
        let held = self.chunk.slice(self.start.min(self.at)..self.at);
        if !held.is_empty() {
            self.held.push(held);
        }
        self.chunk = chunk;
        (self.start, self.at) = (0, 0);
    }

    /// What is to be decoded next: the rest of the chunk, or a line at a time once the batch is long, so that
    /// it can end there.
    pub(super) fn pending(&self) -> &[u8] {
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        if !self.is_long() {
            return rest;
        }
        let end = memchr::memchr2(b'\n', b'\r', rest).map_or(rest.len(), |at| at + 1);
        rest.get(..end).unwrap_or(rest)
    }

    /// Notes that `bytes` of what is pending are decoded.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.chunk.len());
        self.batch_bytes += bytes as u64;
    }

    /// Whether the batch should end with the next record.
    pub(super) fn is_long(&self) -> bool {
        self.batch_bytes >= BATCH_BYTES
    }

    /// Whether there is one record that does not end.
    pub(super) fn is_endless(&self) -> bool {
        self.batch_bytes > RECORD_BYTES_MAX
    }

    /// The text of the batch under way.
    pub(super) fn batch(&self) -> impl Iterator<Item = &[u8]> {
        let last = self.chunk.get(self.start..self.at).unwrap_or_default();
        self.held.iter().map(AsRef::as_ref).chain([last])
    }

    /// Starts another batch.
    pub(super) fn begin_batch(&mut self) {
        self.held.clear();
        self.start = self.at;
        self.batch_bytes = 0;
    }
}
