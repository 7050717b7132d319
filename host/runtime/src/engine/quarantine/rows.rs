//! Bad rows, and what the dataset says of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, Int64Array, Int64Builder, StringBuilder, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::writer::LineDelimited;
use arrow::json::{WriterBuilder, writer::Writer};
use arrow::record_batch::RecordBatch;

use crate::error::{Error, Result};

/// Bytes that are kept of a record or a row. One that is longer is found again by its place.
const ORIGINAL_BYTES_MAX: usize = 64 * 1024;

/// Bytes that are kept of a reason.
const REASON_BYTES_MAX: usize = 4 * 1024;

/// A row that is left out.
#[derive(Clone, Debug)]
pub(in crate::engine) struct BadRow {
    pub(in crate::engine) place: Place,
    pub(in crate::engine) reason: String,
    pub(in crate::engine) original: Original,
}

/// Where a bad row stood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) enum Place {
    /// A record of an input.
    Record {
        input: Arc<str>,
        file: Arc<str>,
        /// Counted from one.
        line: u64,
        /// Of its first byte, in the file's text once that is not compressed any more.
        offset: u64,
    },
    /// A row that reached a step.
    Row {
        step: Arc<str>,
        partition: usize,
        /// In its partition, counted from zero.
        row: u64,
    },
}

/// What the row was.
#[derive(Clone, Debug)]
pub(in crate::engine) enum Original {
    /// The record as it stands in the file.
    Record(Vec<u8>),
    /// The row that reached the step, as an object of JSON.
    Row(String),
    /// Not kept, for a reason that the dataset tells.
    Absent(String),
}

/// The columns of the dataset: one schema for all inputs and steps.
pub(super) fn schema() -> SchemaRef {
    let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
    let number = |name| Field::new(name, DataType::Int64, true);
    Arc::new(Schema::new(vec![
        text("run", false),
        text("input", true),
        text("step", true),
        text("file", true),
        number("line"),
        number("offset"),
        number("partition"),
        number("row"),
        text("reason", false),
        text("original", true),
        Field::new("original_bytes", DataType::Binary, true),
        text("note", true),
    ]))
}

/// `rows` in the columns of the dataset.
pub(super) fn batch(run: &str, rows: Vec<BadRow>) -> Result<RecordBatch> {
    let mut columns = Columns::default();
    for row in rows {
        columns.push(run, row);
    }
    columns.finish()
}

#[derive(Default)]
struct Columns {
    run: StringBuilder,
    input: StringBuilder,
    step: StringBuilder,
    file: StringBuilder,
    /// Line, offset, partition and row.
    numbers: [Int64Builder; 4],
    reason: StringBuilder,
    original: StringBuilder,
    bytes: BinaryBuilder,
    note: StringBuilder,
}

impl Columns {
    fn push(&mut self, run: &str, row: BadRow) {
        self.run.append_value(run);
        let (input, step, file, numbers) = match &row.place {
            Place::Record {
                input,
                file,
                line,
                offset,
            } => (
                Some(input),
                None,
                Some(file),
                [Some(*line), Some(*offset), None, None],
            ),
            Place::Row {
                step,
                partition,
                row,
            } => (
                None,
                Some(step),
                None,
                [None, None, Some(*partition as u64), Some(*row)],
            ),
        };
        self.input.append_option(input);
        self.step.append_option(step);
        self.file.append_option(file);
        for (column, number) in self.numbers.iter_mut().zip(numbers) {
            column.append_option(number.map(u64::cast_signed));
        }
        self.reason.append_value(row.reason);
        let (text, bytes, note) = shown(row.original);
        self.original.append_option(text);
        self.bytes.append_option(bytes);
        self.note.append_option(note);
    }

    fn finish(mut self) -> Result<RecordBatch> {
        let [line, offset, partition, row] = self.numbers.each_mut().map(Int64Builder::finish);
        let number = |column: Int64Array| Arc::new(column) as ArrayRef;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.run.finish()),
            Arc::new(self.input.finish()),
            Arc::new(self.step.finish()),
            Arc::new(self.file.finish()),
            number(line),
            number(offset),
            number(partition),
            number(row),
            Arc::new(self.reason.finish()),
            Arc::new(self.original.finish()),
            Arc::new(self.bytes.finish()),
            Arc::new(self.note.finish()),
        ];
        RecordBatch::try_new(schema(), columns)
            .map_err(|error| Error::internal("put bad rows together").source(error))
    }
}

/// The text of an original, or its bytes where they are no text, and what there is to say about it.
fn shown(original: Original) -> (Option<String>, Option<Vec<u8>>, Option<String>) {
    match original {
        Original::Absent(note) => (None, None, Some(note)),
        Original::Row(text) => {
            let (text, note) = cut(text.into_bytes());
            (Some(lossless(text)), None, note)
        }
        Original::Record(bytes) => {
            let (bytes, note) = cut(bytes);
            match String::from_utf8(bytes) {
                Ok(text) => (Some(text), None, note),
                // Cut within a character.
                Err(error) if note.is_some() && error.utf8_error().error_len().is_none() => {
                    (Some(lossless(error.into_bytes())), None, note)
                }
                Err(error) => (None, Some(error.into_bytes()), note),
            }
        }
    }
}

/// The text that `bytes` begin with, which end at most within a character.
fn lossless(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let end = error.utf8_error().valid_up_to();
        let mut bytes = error.into_bytes();
        bytes.truncate(end);
        String::from_utf8(bytes).unwrap_or_default()
    })
}

fn cut(mut bytes: Vec<u8>) -> (Vec<u8>, Option<String>) {
    let length = bytes.len();
    if length <= ORIGINAL_BYTES_MAX {
        return (bytes, None);
    }
    bytes.truncate(ORIGINAL_BYTES_MAX);
    let note = format!("the first {ORIGINAL_BYTES_MAX} of {length} bytes");
    (bytes, Some(note))
}

/// As much of a reason as is kept.
pub(super) fn brief(mut reason: String) -> String {
    if reason.len() > REASON_BYTES_MAX {
        reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
        reason.push('…');
    }
    reason
}

/// The rows of `batch` with these numbers, as objects of JSON.
pub(in crate::engine) fn json(batch: &RecordBatch, rows: &[usize]) -> Vec<Original> {
    match lines(batch, rows) {
        Ok(lines) if lines.len() == rows.len() => lines.into_iter().map(Original::Row).collect(),
        Ok(_) => vec![Original::Absent("the row has no columns".to_owned()); rows.len()],
        Err(error) => {
            let note = format!("not kept: {error}");
            vec![Original::Absent(note); rows.len()]
        }
    }
}

fn lines(batch: &RecordBatch, rows: &[usize]) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let indices = rows.iter().map(|&row| u32::try_from(row));
    let indices = indices.collect::<Result<Vec<_>, _>>()?;
    let taken = take_record_batch(batch, &UInt32Array::from(indices))?;
    let mut text = Vec::new();
    let mut writer: Writer<_, LineDelimited> = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build(&mut text);
    writer.write(&taken)?;
    writer.finish()?;
    drop(writer);
    let text = String::from_utf8(text)?;
    Ok(text.lines().map(str::to_owned).collect())
}
