//! The JSON reader: Arrow's decoder over whole lines, or over the elements of one array.
//!
//! DataFusion's own source lets Arrow cut numbers to their column's type, skips columns that inference did
//! not see, and does not say where in a file an error stood.

mod array;

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use arrow::json::reader::Decoder;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use bytes::{Buf, Bytes};
use datafusion::common::Result as DfResult;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use self::array::Brackets;
use super::diagnose::Complaint;
use super::exact::{Failure, Misfit, Notation};
use super::text::{BATCH_BYTES, Format, Piece, RECORD_BYTES_MAX, portion};
use crate::engine::error::to_datafusion;
use crate::error::Error;

/// How the records of a file are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json {
    /// One array of records instead of a record a line.
    pub(super) array: bool,
    /// Whether a column that the schema does not have is an error: an inferred schema saw only some rows.
    pub(super) closed: bool,
}

impl Format for Json {
    const NAME: &'static str = "json";

    fn read(&self, piece: Piece) -> DfResult<BoxStream<'static, DfResult<RecordBatch>>> {
        let layout = Layout::new(self.closed, &piece);
        let reading = Reading {
            decoder: layout.decoder(piece.batch_size)?,
            layout,
            text: piece.text,
            brackets: self.array.then(Brackets::default),
            pending: Bytes::new(),
            held: Vec::new(),
            ended: false,
            batch_bytes: 0,
            lines: 0,
            name: piece.name,
        };
        let batches = stream::try_unfold(reading, |mut reading| async move {
            Ok(reading.batch().await?.map(|batch| (batch, reading)))
        });
        Ok(batches.boxed())
    }
}

/// The columns of a file, as they are wanted and as they are decoded.
struct Layout {
    closed: bool,
    decoded: SchemaRef,
    /// Where in the decoded columns the wanted ones are.
    columns: Vec<usize>,
    wanted: SchemaRef,
}

impl Layout {
    fn new(closed: bool, piece: &Piece) -> Self {
        let fields = piece.schema.fields();
        let wanted: Vec<_> = piece
            .columns
            .iter()
            .filter_map(|&column| fields.get(column).cloned())
            .collect();
        let wanted = Arc::new(Schema::new(wanted));
        // To know a strange column, the decoder has to know all others.
        let (decoded, columns) = if closed {
            (fields, piece.columns.clone())
        } else {
            (wanted.fields(), (0..wanted.fields().len()).collect())
        };
        Self {
            closed,
            decoded: Arc::new(Schema::new(Notation::Json.decoded_fields(decoded))),
            columns,
            wanted,
        }
    }

    fn decoder(&self, batch_size: usize) -> Result<Decoder, ArrowError> {
        ReaderBuilder::new(Arc::clone(&self.decoded))
            .with_batch_size(batch_size)
            .with_coerce_primitive(true)
            .with_strict_mode(self.closed)
            .build_decoder()
    }

    fn convert(&self, rows: &RecordBatch) -> Result<RecordBatch, Flaw> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (&index, field) in self.columns.iter().zip(self.wanted.fields()) {
            let Some(column) = rows.columns().get(index) else {
                continue;
            };
            let converted = Notation::Json.convert(column, field.data_type());
            columns.push(converted.map_err(|failure| match failure {
                Failure::Arrow(error) => Flaw::Arrow(error),
                Failure::Misfit(misfit) => Flaw::Misfit(field.name().clone(), misfit),
            })?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let schema = Arc::clone(&self.wanted);
        RecordBatch::try_new_with_options(schema, columns, &options).map_err(Flaw::Arrow)
    }
}

/// What is wrong with a record.
enum Flaw {
    Arrow(ArrowError),
    Misfit(String, Misfit),
}

impl From<ArrowError> for Flaw {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}

/// What the decoder has and has not seen yet.
struct Reading {
    layout: Layout,
    decoder: Decoder,
    text: BoxStream<'static, DfResult<Bytes>>,
    brackets: Option<Brackets>,
    pending: Bytes,
    /// The text that the decoder holds.
    held: Vec<Bytes>,
    ended: bool,
    batch_bytes: u64,
    /// Line breaks before what is held.
    lines: u64,
    name: String,
}

impl Reading {
    async fn batch(&mut self) -> DfResult<Option<RecordBatch>> {
        loop {
            self.fill().await?;
            if self.pending.is_empty() {
                return self.flush();
            }
            let portion = portion(&self.pending, self.batch_bytes);
            let length = portion.len();
            let used = match self.decoder.decode(portion) {
                Ok(used) => used,
                Err(error) => return Err(self.explain(error.into())),
            };
            self.held.push(self.pending.slice(..used));
            self.pending.advance(used);
            self.batch_bytes += used as u64;
            if self.batch_bytes > RECORD_BYTES_MAX {
                return Err(to_datafusion(endless(&self.name)));
            }
            let is_full = used < length;
            let is_long = self.batch_bytes >= BATCH_BYTES && !self.decoder.has_partial_record();
            if (is_full || is_long) && !self.decoder.is_empty() {
                return self.flush();
            }
        }
    }

    /// The records that the decoder holds.
    fn flush(&mut self) -> DfResult<Option<RecordBatch>> {
        let flushed = self.decoder.flush().map_err(Flaw::Arrow);
        let rows = flushed.and_then(|rows| rows.map(|rows| self.layout.convert(&rows)).transpose());
        let rows = rows.map_err(|flaw| self.explain(flaw))?;
        let breaks = |chunk: &Bytes| memchr::memchr_iter(b'\n', chunk).count() as u64;
        self.lines += self.held.iter().map(breaks).sum::<u64>();
        self.held.clear();
        self.batch_bytes = 0;
        Ok(rows)
    }

    /// Gets more text if the last is used up.
    async fn fill(&mut self) -> DfResult<()> {
        while self.pending.is_empty() && !self.ended {
            let chunk = self.text.try_next().await?;
            self.ended = chunk.is_none();
            let chunk = chunk.unwrap_or_default();
            self.pending = match &mut self.brackets {
                None => Ok(chunk),
                Some(brackets) if self.ended => brackets.end().map(|()| chunk),
                Some(brackets) => brackets.blank(&chunk),
            }
            .map_err(to_datafusion)?;
        }
        Ok(())
    }

    /// Reads what is held once more, record by record, to find the one that is wrong.
    fn explain(&self, flaw: Flaw) -> datafusion::common::DataFusionError {
        let mut text: Vec<u8> = self.held.concat();
        text.extend_from_slice(&self.pending);
        let (at, flaw) = self.first_flaw(&text).unwrap_or((0, flaw));
        let before = text.get(..at).unwrap_or_default();
        let line = self.lines + memchr::memchr_iter(b'\n', before).count() as u64 + 1;
        match flaw {
            Flaw::Arrow(error) => Complaint::record(line, &error),
            Flaw::Misfit(column, misfit) => Complaint::in_record(line, column, &misfit),
        }
        .into_datafusion()
    }

    /// Where the first record stands that is wrong, and what is wrong with it.
    fn first_flaw(&self, text: &[u8]) -> Option<(usize, Flaw)> {
        let mut decoder = self.layout.decoder(1).ok()?;
        let mut at = 0;
        loop {
            let rest = text.get(at..)?;
            at += rest
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            let outcome = decoder.decode(text.get(at..)?).and_then(|used| {
                let rows = decoder.flush()?;
                Ok((used, rows))
            });
            let (used, rows) = match outcome {
                Ok((used, Some(rows))) => (used, rows),
                Ok((_, None)) => return None,
                Err(error) => return Some((at, Flaw::Arrow(error))),
            };
            if let Err(flaw) = self.layout.convert(&rows) {
                return Some((at, flaw));
            }
            at += used;
        }
    }
}

fn endless(name: &str) -> Error {
    Error::input(format!(
        "a record in `{name}` takes more than {RECORD_BYTES_MAX} bytes"
    ))
    .hint("is the file one array? then its `format` is \"json\"")
}
