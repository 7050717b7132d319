//! The CSV reader: Arrow's decoder over ranges that start and end between two records.
//!
//! DataFusion's own source knows neither null values nor where in a file an error stood, and it looks for
//! the start of a record by itself, which fails within quoted newlines.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::types::{Float16Type, Float32Type, Float64Type};
use arrow::array::{ArrayRef, AsArray as _};
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Decoder;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use csv_core::ReadRecordResult;
use datafusion::common::{DataFusionError, Result as DfResult};
use futures::stream::{self, BoxStream, StreamExt};
use regex::Regex;

use super::diagnose::{self, Complaint};
use super::exact::{Failure, Notation};
use super::rescue::{self, Records, Rescue};
use super::source::{Format, Piece};
use super::text::{Feed, RECORD_BYTES_MAX};
use crate::engine::error::to_datafusion;
use crate::error::{Error, Result};
use crate::spec::CsvOptions;

/// How the decoder refuses to hand out a record of which only a part was seen.
const PART_WAY: &str = "Cannot flush part way through record";

/// What is wrong with a record that has an opening quote alone.
const UNCLOSED: &str = "a quote is never closed";

/// How the records of a file are written.
#[derive(Clone)]
pub(super) struct Csv {
    options: CsvOptions,
    nulls: Option<Regex>,
}

impl Csv {
    pub(super) fn new(options: CsvOptions) -> Result<Self> {
        Ok(Self {
            nulls: null_pattern(&options.nulls)?,
            options,
        })
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

impl Format for Csv {
    const NAME: &'static str = "csv";

    fn read(&self, piece: Piece) -> DfResult<BoxStream<'static, DfResult<RecordBatch>>> {
        let layout = Layout::new(self.clone(), &piece);
        let rescue = piece.rescue();
        let reading = Reading {
            decoder: layout.decoder(&layout.decoded, layout.header, layout.batch_size),
            layout,
            feed: Feed::new(piece.text),
            last: b'\n',
            probed: false,
            records: 0,
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
    csv: Csv,
    header: bool,
    columns: Vec<usize>,
    batch_size: usize,
    wanted: SchemaRef,
    decoded: SchemaRef,
    /// The columns that are wanted, in their types.
    projected: SchemaRef,
}

impl Layout {
    fn new(csv: Csv, piece: &Piece) -> Self {
        let wanted = Arc::clone(&piece.schema);
        let columns = piece.columns.clone();
        let projected: Vec<_> = columns
            .iter()
            .filter_map(|&column| wanted.fields().get(column).cloned())
            .collect();
        Self {
            header: csv.options.header && (piece.offset == 0),
            csv,
            columns,
            batch_size: piece.batch_size,
            decoded: Arc::new(Schema::new(Notation::Csv.decoded_fields(wanted.fields()))),
            wanted,
            projected: Arc::new(Schema::new(projected)),
        }
    }

    fn decoder(&self, schema: &SchemaRef, header: bool, batch_size: usize) -> Decoder {
        let options = &self.csv.options;
        let mut builder = ReaderBuilder::new(Arc::clone(schema))
            .with_batch_size(batch_size)
            .with_header(header)
            .with_header_validation(header)
            .with_delimiter(options.delimiter)
            .with_quote(options.quote)
            .with_projection(self.columns.clone());
        if let Some(escape) = options.escape {
            builder = builder.with_escape(escape);
        }
        if let Some(comment) = options.comment {
            builder = builder.with_comment(comment);
        }
        if let Some(nulls) = &self.csv.nulls {
            builder = builder.with_null_regex(nulls.clone());
        }
        builder.build_decoder()
    }

    /// The rows in the types that are wanted; `records` were read before them.
    fn convert(&self, rows: &RecordBatch, records: u64) -> DfResult<RecordBatch> {
        let mut columns = Vec::with_capacity(rows.num_columns());
        for ((decoded, field), index) in rows
            .columns()
            .iter()
            .zip(self.projected.fields())
            .zip(&self.columns)
        {
            let converted = Notation::Csv.convert(decoded, field.data_type());
            columns.push(converted.map_err(|failure| match failure {
                Failure::Arrow(error) => error.into(),
                Failure::Misfit(misfit) => {
                    let line = records + misfit.row as u64 + u64::from(self.header) + 1;
                    Complaint::misfit(line, &self.wanted, *index, &misfit).into_datafusion()
                }
            })?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let schema = Arc::clone(&self.projected);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }

    /// Reads floating-point numbers once more, as text, to tell `inf` from a number that is out of range.
    fn check_infinities(
        &self,
        text: impl Iterator<Item: AsRef<[u8]>>,
        records: u64,
    ) -> DfResult<()> {
        let as_text = |field: &Arc<Field>| match field.data_type() {
            float if float.is_floating() => field.as_ref().clone().with_data_type(DataType::Utf8),
            other => field
                .as_ref()
                .clone()
                .with_data_type(Notation::Csv.decoded(other)),
        };
        let fields: Vec<_> = self.wanted.fields().iter().map(as_text).collect();
        let header = self.header && records == 0;
        let schema = Arc::new(Schema::new(fields));
        let mut decoder = self.decoder(&schema, header, self.batch_size);
        for chunk in text {
            let mut rest = chunk.as_ref();
            while !rest.is_empty() && decoder.capacity() > 0 {
                let used = decoder.decode(rest)?.max(1);
                rest = rest.get(used..).unwrap_or_default();
            }
        }
        decoder.decode(b"\n")?; // the last record of a file may have no end
        match decoder.flush()? {
            Some(rows) => self.convert(&rows, records).map(drop),
            None => Ok(()),
        }
    }
}

impl Records for Layout {
    fn whole(&self, text: &[u8], most: usize) -> Vec<Range<usize>> {
        let options = &self.csv.options;
        if options.multiline == Some(false) {
            let is_comment = |line: &Range<usize>| {
                let first = text.get(line.start).copied();
                first.is_some() && first == options.comment
            };
            let mut lines = rescue::lines(text, usize::MAX);
            lines.retain(|line| !is_comment(line));
            lines.truncate(most);
            return lines;
        }
        let mut parser = parser(options);
        let mut found = Vec::new();
        let mut at = 0;
        while found.len() < most {
            let Some((end, _)) = next_end(&mut parser, text, at) else {
                break;
            };
            let between = text.get(at..end).unwrap_or_default().iter();
            let blank = between.take_while(|byte| matches!(byte, b'\n' | b'\r'));
            found.push(at + blank.count()..end);
            at = end;
        }
        found
    }

    fn read(&self, text: &[u8], records: usize) -> DfResult<Option<RecordBatch>> {
        let mut decoder = self.decoder(&self.decoded, false, records);
        let mut rest = text;
        while !rest.is_empty() && decoder.capacity() > 0 {
            let used = decoder.decode(rest)?.max(1);
            rest = rest.get(used..).unwrap_or_default();
        }
        let unclosed = || Complaint::plain(UNCLOSED).into_datafusion();
        let decoded = decoder.flush().map_err(|error| match error {
            ArrowError::CsvError(text) if text == PART_WAY => unclosed(),
            error => error.into(),
        })?;
        let decoded = decoded.filter(|rows| rows.num_rows() == records);
        let rows = self.convert(&decoded.ok_or_else(unclosed)?, 0)?;
        if rows.columns().iter().any(has_infinity) {
            self.check_infinities(std::iter::once(text), records as u64)?;
        }
        Ok(Some(rows))
    }

    /// A quote that is never closed takes the rest of the file with it, which is no matter of one record.
    fn finish(&self, text: &[u8]) -> DfResult<()> {
        let mut parser = parser(&self.csv.options);
        let closing = [text, &[self.csv.options.quote, b'\n']].concat();
        match next_end(&mut parser, &closing, 0) {
            None => Ok(()),
            Some(_) => Err(to_datafusion(unclosed(0))),
        }
    }

    fn reason(&self, error: DataFusionError) -> DfResult<String> {
        diagnose::reason(error, &self.wanted)
    }

    fn endless(&self, name: &str) -> DataFusionError {
        to_datafusion(endless(name))
    }

    fn schema(&self) -> &SchemaRef {
        &self.projected
    }
}

/// What Arrow takes records apart with.
fn parser(options: &CsvOptions) -> csv_core::Reader {
    csv_core::ReaderBuilder::new()
        .delimiter(options.delimiter)
        .quote(options.quote)
        .escape(options.escape)
        .comment(options.comment)
        .build()
}

/// Those records of `text` that have as many values as the first, and no others.
pub(super) fn regular(options: &CsvOptions, text: &[u8]) -> Vec<u8> {
    let mut parser = parser(options);
    let (mut kept, mut at, mut wanted) = (Vec::new(), 0, None);
    while let Some((end, fields)) = next_end(&mut parser, text, at) {
        let record = text.get(at..end).unwrap_or_default();
        let fits = *wanted.get_or_insert(fields) == fields;
        if fits && std::str::from_utf8(record).is_ok() {
            kept.extend_from_slice(record);
        }
        at = end;
    }
    kept
}

/// Where the record ends that starts at `at`, and how many values it has; none where it does not end in `text`.
fn next_end(parser: &mut csv_core::Reader, text: &[u8], mut at: usize) -> Option<(usize, usize)> {
    // What the values are does not matter here.
    let (mut values, mut ends, mut fields) = ([0; 1024], [0; 64], 0);
    loop {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let (result, used, _, ended) = parser.read_record(rest, &mut values, &mut ends);
        at += used;
        fields += ended;
        match result {
            ReadRecordResult::Record => return Some((at, fields)),
            ReadRecordResult::InputEmpty | ReadRecordResult::End => return None,
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
        }
    }
}

fn has_infinity(column: &ArrayRef) -> bool {
    match column.data_type() {
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>().values();
            values.iter().any(|value| value.is_infinite())
        }
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>().values();
            values.iter().any(|value| value.is_infinite())
        }
        DataType::Float16 => {
            let values = column.as_primitive::<Float16Type>().values();
            values.iter().any(|value| value.is_infinite())
        }
        _ => false,
    }
}

/// What the decoder has and has not seen yet.
struct Reading {
    layout: Layout,
    decoder: Decoder,
    feed: Feed,
    /// The last byte of the text so far.
    last: u8,
    probed: bool,
    records: u64,
    name: String,
    /// None where a record that cannot be read ends the run.
    rescue: Option<Rescue>,
}

impl Reading {
    async fn batch(&mut self) -> DfResult<Option<RecordBatch>> {
        loop {
            while self.feed.pending().is_empty() {
                let Some(chunk) = self.feed.next_chunk().await? else {
                    return self.last_batch();
                };
                self.last = chunk.last().copied().unwrap_or(self.last);
                self.feed.push(chunk);
            }
            let used = self.decoder.decode(self.feed.pending())?;
            self.feed.advance(used);
            if self.feed.is_endless() {
                return Err(to_datafusion(endless(&self.name)));
            }
            if used > 0 && !self.feed.is_long() {
                continue; // the batch is not full
            }
            match self.flush() {
                // Within a quoted newline: the record goes on.
                Err(error) if used > 0 && is_part_way(&error) => {}
                Ok(None) if used > 0 => {}
                flushed => return flushed,
            }
        }
    }

    /// The next batch, without records that cannot be read where the input leaves them out.
    async fn sound_batch(&mut self) -> DfResult<Option<RecordBatch>> {
        self.header().await?;
        loop {
            let (rescue, error) = match (self.batch().await, &mut self.rescue) {
                (Err(error), Some(rescue)) => (rescue, error),
                (batch, _) => return batch,
            };
            let rows = rescue.recover(&mut self.feed, &self.layout, error).await?;
            self.begin_again();
            if rows.is_some() {
                return Ok(rows);
            }
        }
    }

    /// Reads the names of the columns by themselves: where they are wrong, so is the file, and no record of it is.
    async fn header(&mut self) -> DfResult<()> {
        let Some(rescue) = self.rescue.as_mut().filter(|_| self.layout.header) else {
            return Ok(());
        };
        self.layout.header = false;
        if let Some(header) = rescue.header(&mut self.feed, &self.layout).await? {
            self.layout
                .decoder(&self.layout.decoded, true, 1)
                .decode(&header)?;
        }
        self.begin_again();
        Ok(())
    }

    /// Starts to decode at a record.
    fn begin_again(&mut self) {
        let layout = &self.layout;
        self.decoder = layout.decoder(&layout.decoded, false, layout.batch_size);
        self.last = self.feed.pending().last().copied().unwrap_or(b'\n');
    }

    /// The records that the decoder holds.
    fn flush(&mut self) -> DfResult<Option<RecordBatch>> {
        let Some(decoded) = self.decoder.flush()? else {
            return Ok(None);
        };
        let rows = self.layout.convert(&decoded, self.records)?;
        if rows.columns().iter().any(has_infinity) {
            self.layout
                .check_infinities(self.feed.batch(), self.records)?;
        }
        if let Some(rescue) = &mut self.rescue {
            rescue.pass(self.feed.batch(), rows.num_rows());
        }
        self.feed.begin_batch();
        self.records += rows.num_rows() as u64;
        Ok(Some(rows))
    }

    /// Whether a record that cannot be read ends with its line.
    fn is_by_line(&self) -> bool {
        self.rescue.is_some() && self.layout.csv.options.multiline == Some(false)
    }

    /// The records before the end of the text, unless a quote is open there.
    ///
    /// The decoder takes such a quote for closed by the end, and does not tell. Hence the probe: behind a
    /// whole record, a quote opens a value; within a quoted one, it closes it, and a newline ends the record.
    fn last_batch(&mut self) -> DfResult<Option<RecordBatch>> {
        if self.decoder.capacity() == 0 {
            return self.flush(); // full by the last byte
        }
        if !matches!(self.last, b'\n' | b'\r') {
            self.last = b'\n';
            self.decoder.decode(b"\n")?;
        }
        let flushed = self.flush();
        let batch = flushed.map_err(|error| {
            if is_part_way(&error) && !self.is_by_line() {
                to_datafusion(unclosed(self.records))
            } else {
                error
            }
        })?;
        if std::mem::replace(&mut self.probed, true) {
            return Ok(None);
        }
        let capacity = self.decoder.capacity();
        let quote = self.layout.csv.options.quote;
        match self.decoder.decode(&[quote, b'\n']) {
            Ok(_) if self.decoder.capacity() == capacity => Ok(batch),
            _ => Err(to_datafusion(unclosed(self.records))),
        }
    }
}

fn is_part_way(error: &DataFusionError) -> bool {
    let DataFusionError::ArrowError(error, _) = error else {
        return false;
    };
    matches!(error.as_ref(), ArrowError::CsvError(text) if text == PART_WAY)
}

fn unclosed(records: u64) -> Error {
    Error::input(format!(
        "a quote in the record after the first {records} is never closed"
    ))
    .hint("close it, or set `quote` to a character that does not occur if quotes mean nothing here")
}

fn endless(name: &str) -> Error {
    Error::input(format!(
        "a record in `{name}` takes more than {RECORD_BYTES_MAX} bytes"
    ))
    .hint("is a quote opened and never closed, or `delimiter` or `quote` wrong?")
}
