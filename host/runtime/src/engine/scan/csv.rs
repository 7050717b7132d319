//! The CSV reader: Arrow's decoder over ranges that start and end between two records.
//!
//! DataFusion's own source knows neither null values nor where in a file an error stood, and it looks for
//! the start of a record by itself, which fails within quoted newlines.

use std::fmt;
use std::sync::Arc;

use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Decoder;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::{Buf, Bytes};
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
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use regex::Regex;

use crate::engine::error::to_datafusion;
use crate::error::{Error, Result};
use crate::spec::CsvOptions;

/// Bytes that one batch of records may take. A quote that is never closed would otherwise collect the
/// rest of the file.
const BATCH_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How the decoder refuses to hand out a record of which only a part was seen.
const PART_WAY: &str = "part way through record";

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
        _config: &FileScanConfig,
        _partition: usize,
    ) -> DfResult<Arc<dyn FileOpener>> {
        let opener = Arc::new(CsvOpener {
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
    store: Arc<dyn ObjectStore>,
}

impl FileOpener for CsvOpener {
    fn open(&self, file: PartitionedFile) -> DfResult<FileOpenFuture> {
        let store = Arc::clone(&self.store);
        let range = file.range.as_ref();
        let start = range.map_or(0, |range| range.start.cast_unsigned());
        let end = range.map_or(file.object_meta.size, |range| range.end.cast_unsigned());
        let decoder = self
            .source
            .decoder(self.source.options.header && start == 0);
        let (origin, quote) = (Arc::clone(&self.source.origin), self.source.options.quote);
        Ok(Box::pin(async move {
            let mut options = GetOptions::new();
            if end > start {
                options = options.with_range(Some(GetRange::Bounded(start..end)));
            }
            let location = &file.object_meta.location;
            let bytes = store.get_opts(location, options).await?.into_stream();
            let text = bytes.map_err(DataFusionError::from).boxed();
            Ok(batches(text, decoder, quote, format!("{origin}{location}")))
        }))
    }
}

/// What the decoder has and has not seen yet.
struct Reading {
    text: BoxStream<'static, DfResult<Bytes>>,
    decoder: Decoder,
    quote: u8,
    pending: Bytes,
    /// The last byte of the text so far.
    last: u8,
    ended: bool,
    probed: bool,
    batch_bytes: u64,
    records: u64,
    name: String,
}

fn batches(
    text: BoxStream<'static, DfResult<Bytes>>,
    decoder: Decoder,
    quote: u8,
    name: String,
) -> BoxStream<'static, DfResult<RecordBatch>> {
    let reading = Reading {
        text,
        decoder,
        quote,
        pending: Bytes::new(),
        last: b'\n',
        ended: false,
        probed: false,
        batch_bytes: 0,
        records: 0,
        name,
    };
    stream::try_unfold(reading, |mut reading| async move {
        Ok(reading.batch().await?.map(|batch| (batch, reading)))
    })
    .boxed()
}

impl Reading {
    async fn batch(&mut self) -> DfResult<Option<RecordBatch>> {
        loop {
            self.fill().await?;
            if self.pending.is_empty() {
                return self.last_batch();
            }
            let used = self.decoder.decode(&self.pending)?;
            self.pending.advance(used);
            self.batch_bytes += used as u64;
            if self.batch_bytes > BATCH_BYTES_MAX {
                return Err(to_datafusion(endless(&self.name)));
            }
            if used > 0 {
                continue; // the batch is not full
            }
            self.batch_bytes = 0;
            let batch = self.decoder.flush()?;
            self.records += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
            return Ok(batch);
        }
    }

    /// Gets more text if the last is used up.
    async fn fill(&mut self) -> DfResult<()> {
        while self.pending.is_empty() && !self.ended {
            match self.text.try_next().await? {
                Some(chunk) => self.pending = chunk,
                None => self.ended = true,
            }
            self.last = self.pending.last().copied().unwrap_or(self.last);
        }
        Ok(())
    }

    /// The records before the end of the text, unless a quote is open there.
    ///
    /// The decoder takes such a quote for closed by the end, and does not tell. Hence the probe: behind a
    /// whole record, a quote opens a value; within a quoted one, it closes it, and a newline ends the record.
    fn last_batch(&mut self) -> DfResult<Option<RecordBatch>> {
        if self.decoder.capacity() == 0 {
            let batch = self.decoder.flush()?; // full by the last byte
            self.records += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
            return Ok(batch);
        }
        if !matches!(self.last, b'\n' | b'\r') {
            self.last = b'\n';
            self.decoder.decode(b"\n")?;
        }
        let batch = self.decoder.flush().map_err(|error| {
            if error.to_string().contains(PART_WAY) {
                to_datafusion(unclosed(self.records))
            } else {
                error.into()
            }
        })?;
        self.records += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
        if std::mem::replace(&mut self.probed, true) {
            return Ok(None);
        }
        let capacity = self.decoder.capacity();
        match self.decoder.decode(&[self.quote, b'\n']) {
            Ok(_) if self.decoder.capacity() == capacity => Ok(batch),
            _ => Err(to_datafusion(unclosed(self.records))),
        }
    }
}

fn unclosed(records: u64) -> Error {
    Error::input(format!(
        "a quote in the record after the first {records} is never closed"
    ))
    .hint("close it, or set `quote` to a character that does not occur if quotes mean nothing here")
}

fn endless(name: &str) -> Error {
    Error::input(format!(
        "a batch of records in `{name}` takes more than {BATCH_BYTES_MAX} bytes"
    ))
    .hint("is a quote opened and never closed, or `delimiter` or `quote` wrong?")
}
