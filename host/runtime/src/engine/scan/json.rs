//! The JSON reader: Arrow's decoder over whole lines, or over the elements of one array.
//!
//! DataFusion's own source lets Arrow cut numbers to their column's type, skips columns that inference did
//! not see, and does not say where in a file an error stood.

mod array;

use std::ops::Range;
use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use arrow::json::reader::Decoder;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result as DfResult};
use futures::stream::{self, BoxStream, StreamExt};

use self::array::Brackets;
use super::diagnose::{self, Complaint};
use super::exact::{Failure, Misfit, Notation};
use super::rescue::{self, Records, Rescue, breaks};
use super::source::{Format, Piece};
use super::text::{Feed, RECORD_BYTES_MAX};
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
        let rescue = piece.rescue();
        let reading = Reading {
            decoder: layout.decoder(piece.batch_size)?,
            layout,
            feed: Feed::new(piece.text),
            brackets: self.array.then(Brackets::default),
            lines: 0,
            batch_size: piece.batch_size,
            name: piece.name,
            rescue,
        };
        let batches = stream::try_unfold(reading, |mut reading| async move {
            Ok(reading.sound_batch().await?.map(|batch| (batch, reading)))
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

/// A record stands on one line: where it goes on over several, it cannot be told from the next once it is wrong.
impl Records for Layout {
    fn whole(&self, text: &[u8], most: usize) -> Vec<Range<usize>> {
        rescue::lines(text, most)
    }

    fn read(&self, text: &[u8], records: usize) -> DfResult<Option<RecordBatch>> {
        let failed = |flaw: Flaw| flaw.at(0).into_datafusion();
        let mut decoder = self.decoder(records)?;
        let mut rows = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let used = decoder.decode(rest).map_err(|error| failed(error.into()))?;
            rest = rest.get(used..).unwrap_or_default();
            match decoder.flush().map_err(|error| failed(error.into()))? {
                Some(decoded) => rows.push(self.convert(&decoded).map_err(failed)?),
                None if used == 0 => break,
                None => {}
            }
        }
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(concat_batches(&self.wanted, &rows)?))
    }

    fn finish(&self, _text: &[u8]) -> DfResult<()> {
        Ok(())
    }

    fn reason(&self, error: DataFusionError) -> DfResult<String> {
        diagnose::reason(error, &self.wanted)
    }

    fn endless(&self, name: &str) -> DataFusionError {
        to_datafusion(endless(name))
    }

    fn schema(&self) -> &SchemaRef {
        &self.wanted
    }
}

/// What is wrong with a record.
enum Flaw {
    Arrow(ArrowError),
    Misfit(String, Misfit),
}

impl Flaw {
    fn at(self, line: u64) -> Complaint {
        match self {
            Self::Arrow(error) => Complaint::record(line, &error),
            Self::Misfit(column, misfit) => Complaint::in_record(line, column, &misfit),
        }
    }
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
    feed: Feed,
    brackets: Option<Brackets>,
    /// Line breaks before the batch under way.
    lines: u64,
    batch_size: usize,
    name: String,
    /// None where a record that cannot be read ends the run.
    rescue: Option<Rescue>,
}

impl Reading {
    async fn batch(&mut self) -> DfResult<Option<RecordBatch>> {
        loop {
            while self.feed.pending().is_empty() {
                if !self.fill().await? {
                    return self.flush();
                }
            }
            let pending = self.feed.pending();
            let decoded = self.decoder.decode(pending);
            let length = pending.len();
            let used = decoded.map_err(|error| self.explain(error.into()))?;
            self.feed.advance(used);
            if self.feed.is_endless() {
                return Err(to_datafusion(endless(&self.name)));
            }
            let is_full = used < length;
            let is_long = self.feed.is_long() && !self.decoder.has_partial_record();
            if (is_full || is_long) && !self.decoder.is_empty() {
                return self.flush();
            }
        }
    }

    /// The next batch, without records that cannot be read where the input leaves them out.
    async fn sound_batch(&mut self) -> DfResult<Option<RecordBatch>> {
        loop {
            let (rescue, error) = match (self.batch().await, &mut self.rescue) {
                (Err(error), Some(rescue)) => (rescue, error),
                (batch, _) => return batch,
            };
            let rows = rescue.recover(&mut self.feed, &self.layout, error).await?;
            self.decoder = self.layout.decoder(self.batch_size)?;
            if rows.is_some() {
                return Ok(rows);
            }
        }
    }

    /// The records that the decoder holds.
    fn flush(&mut self) -> DfResult<Option<RecordBatch>> {
        let flushed = self.decoder.flush().map_err(Flaw::Arrow);
        let rows = flushed.and_then(|rows| rows.map(|rows| self.layout.convert(&rows)).transpose());
        let rows = rows.map_err(|flaw| self.explain(flaw))?;
        self.lines += self.feed.batch().map(breaks).sum::<u64>();
        if let Some(rescue) = &mut self.rescue {
            let count = rows.as_ref().map_or(0, RecordBatch::num_rows);
            rescue.pass(self.feed.batch(), count);
        }
        self.feed.begin_batch();
        Ok(rows)
    }

    /// Gets more text; false at its end.
    async fn fill(&mut self) -> DfResult<bool> {
        let chunk = self.feed.next_chunk().await?;
        let more = chunk.is_some();
        let chunk = match (&mut self.brackets, chunk) {
            (Some(brackets), Some(chunk)) => brackets.blank(&chunk),
            (Some(brackets), None) => brackets.end().map(|()| Bytes::new()),
            (None, chunk) => Ok(chunk.unwrap_or_default()),
        };
        self.feed.push(chunk.map_err(to_datafusion)?);
        Ok(more)
    }

    /// Reads the batch once more, record by record, to find the one that is wrong.
    fn explain(&self, flaw: Flaw) -> DataFusionError {
        if self.rescue.is_some() {
            return flaw.at(0).into_datafusion(); // which looks for it itself
        }
        let mut text: Vec<u8> = self.feed.batch().collect::<Vec<_>>().concat();
        text.extend_from_slice(self.feed.pending());
        let (at, flaw) = self.first_flaw(&text).unwrap_or((0, flaw));
        let before = text.get(..at).unwrap_or_default();
        let line = self.lines + breaks(before) + 1;
        flaw.at(line).into_datafusion()
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
