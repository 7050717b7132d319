//! The CSV reader: Arrow's decoder over ranges that start and end between two records.
//!
//! DataFusion's own source knows neither null values nor where in a file an error stood, and it looks for
//! the start of a record by itself, which fails within quoted newlines.

use std::fmt;
use std::sync::Arc;

use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Decoder;
use arrow::datatypes::SchemaRef;
use bytes::{Buf, Bytes};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
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
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use regex::Regex;

use crate::engine::error::to_datafusion;
use crate::error::{Error, Result};
use crate::spec::CsvOptions;

/// What some programs write before the text of a file.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes that one batch of records may take. A quote that is never closed would otherwise collect the
/// rest of the file.
const BATCH_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A CSV scan.
#[derive(Clone)]
pub(super) struct CsvSource {
    options: CsvOptions,
    nulls: Option<Regex>,
    origin: Arc<str>,
    batch_size: usize,
    table_schema: TableSchema,
    projection: SplitProjection,
    metrics: ExecutionPlanMetricsSet,
}

impl CsvSource {
    pub(super) fn new(
        options: CsvOptions,
        table_schema: TableSchema,
        origin: &str,
    ) -> Result<Self> {
        Ok(Self {
            nulls: null_pattern(&options.nulls)?,
            options,
            origin: origin.into(),
            batch_size: 0,
            projection: SplitProjection::unprojected(&table_schema),
            table_schema,
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    fn decoder(&self, header: bool) -> Decoder {
        let schema: SchemaRef = Arc::clone(self.table_schema.file_schema());
        let mut builder = ReaderBuilder::new(schema)
            .with_batch_size(self.batch_size)
            .with_header(header)
            .with_header_validation(header)
            .with_delimiter(self.options.delimiter)
            .with_quote(self.options.quote)
            .with_projection(self.projection.file_indices.clone());
        if let Some(escape) = self.options.escape {
            builder = builder.with_escape(escape);
        }
        if let Some(comment) = self.options.comment {
            builder = builder.with_comment(comment);
        }
        if let Some(nulls) = &self.nulls {
            builder = builder.with_null_regex(nulls.clone());
        }
        builder.build_decoder()
    }
}

/// A pattern for the words that mean null; none where only the empty value does, which needs no search.
pub(super) fn null_pattern(words: &[String]) -> Result<Option<Regex>> {
    if words.iter().all(String::is_empty) {
        return Ok(None);
    }
    let words: Vec<_> = words.iter().map(|word| regex::escape(word)).collect();
    Regex::new(&format!("^(?:{})$", words.join("|")))
        .map(Some)
        .map_err(|error| Error::input(format!("`nulls` is too long: {error}")))
}

impl FileSource for CsvSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        _partition: usize,
    ) -> DfResult<Arc<dyn FileOpener>> {
        let opener = Arc::new(CsvOpener {
            source: self.clone(),
            compression: config.file_compression_type,
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
        "csv"
    }

    /// Only `groups` knows where a file may be cut.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn fmt_extra(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ", header={}", self.options.header)
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), visit)
    }
}

struct CsvOpener {
    source: CsvSource,
    compression: FileCompressionType,
    store: Arc<dyn ObjectStore>,
}

impl FileOpener for CsvOpener {
    fn open(&self, file: PartitionedFile) -> DfResult<FileOpenFuture> {
        let (store, compression) = (Arc::clone(&self.store), self.compression);
        let range = file.range.as_ref();
        let start = range.map_or(0, |range| range.start.cast_unsigned());
        let end = range.map_or(file.object_meta.size, |range| range.end.cast_unsigned());
        let decoder = self
            .source
            .decoder(self.source.options.header && start == 0);
        let origin = Arc::clone(&self.source.origin);
        Ok(Box::pin(async move {
            let mut options = GetOptions::new();
            if end > start {
                options = options.with_range(Some(GetRange::Bounded(start..end)));
            }
            let location = &file.object_meta.location;
            let bytes = store.get_opts(location, options).await?.into_stream();
            let text = compression.convert_stream(bytes.map_err(DataFusionError::from).boxed())?;
            let too_long = format!("{origin}{location}");
            Ok(batches(text, decoder, start == 0, too_long))
        }))
    }
}

/// What the decoder has and has not seen yet.
struct Reading {
    text: BoxStream<'static, DfResult<Bytes>>,
    decoder: Decoder,
    pending: Bytes,
    ended: bool,
    at_start: bool,
    batch_bytes: u64,
}

fn batches(
    text: BoxStream<'static, DfResult<Bytes>>,
    decoder: Decoder,
    at_start: bool,
    name: String,
) -> BoxStream<'static, DfResult<arrow::record_batch::RecordBatch>> {
    let reading = Reading {
        text,
        decoder,
        pending: Bytes::new(),
        ended: false,
        at_start,
        batch_bytes: 0,
    };
    stream::try_unfold((reading, name), |(mut reading, name)| async move {
        loop {
            reading.fill().await?;
            let used = reading.decoder.decode(&reading.pending)?;
            reading.pending.advance(used);
            reading.batch_bytes += used as u64;
            if reading.batch_bytes > BATCH_BYTES_MAX {
                return Err(to_datafusion(endless(&name)));
            }
            if used > 0 {
                continue; // the batch is not full, and the text not at its end
            }
            reading.batch_bytes = 0;
            return Ok(reading
                .decoder
                .flush()?
                .map(|batch| (batch, (reading, name))));
        }
    })
    .boxed()
}

impl Reading {
    /// Gets more text if the last is used up.
    async fn fill(&mut self) -> DfResult<()> {
        while self.pending.is_empty() && !self.ended {
            match self.text.try_next().await? {
                Some(chunk) => self.pending = chunk,
                None => self.ended = true,
            }
            if std::mem::take(&mut self.at_start) && self.pending.starts_with(BYTE_ORDER_MARK) {
                self.pending.advance(BYTE_ORDER_MARK.len());
            }
        }
        Ok(())
    }
}

fn endless(name: &str) -> Error {
    Error::input(format!(
        "a batch of records in `{name}` takes more than {BATCH_BYTES_MAX} bytes"
    ))
    .hint("is a quote opened and never closed, or `delimiter` or `quote` wrong?")
}
