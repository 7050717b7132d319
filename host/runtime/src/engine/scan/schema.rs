//! The schema of an input: given, stored in the files, or inferred from a bounded number of rows.
//!
//! Inference is a guess from the first rows. Where a later value does not fit, or a later record has a column
//! that the first ones had not, the run fails. A declared schema is no guess.

use std::io::Cursor;
use std::sync::Arc;

use arrow::csv::reader::Format;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::json::reader::infer_json_schema_from_iterator;
use datafusion::catalog::Session;
use datafusion::object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore as _};
use futures::TryStreamExt;

use super::csv::{null_pattern, regular};
use super::decompress::TextStore;
use super::merge::{self, Found, Types};
use super::names::discreet;
use super::{Files, ipc, parquet, text_compression};
use crate::error::{Error, Result};
use crate::spec::{Compression, CsvOptions, Input, InputFormat, JsonOptions, SchemaSource};
use crate::storage::storage_error;

/// Bytes of uncompressed text that inference looks at, however many rows were asked for.
const INFER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Files that inference looks at.
const INFER_FILES_MAX: usize = 8;

/// The schema of the files of `input`, without partition columns.
pub(super) async fn of(input: &Input, files: &Files, session: &dyn Session) -> Result<SchemaRef> {
    match &input.format {
        InputFormat::Csv(CsvOptions {
            schema: SchemaSource::Explicit(schema),
            ..
        })
        | InputFormat::Json(JsonOptions {
            schema: SchemaSource::Explicit(schema),
            ..
        }) => Ok(Arc::clone(schema)),
        InputFormat::Parquet => parquet::schema(files, session).await,
        InputFormat::Arrow => ipc::schema(files).await,
        InputFormat::Csv(_) | InputFormat::Json(_) => inferred(input, files).await,
    }
}

async fn inferred(input: &Input, files: &Files) -> Result<SchemaRef> {
    let mut schemas = Vec::new();
    let mut rows = match &input.format {
        InputFormat::Csv(CsvOptions {
            schema: SchemaSource::Infer { rows },
            ..
        })
        | InputFormat::Json(JsonOptions {
            schema: SchemaSource::Infer { rows },
            ..
        }) => *rows,
        _ => {
            return Err(Error::internal(
                "a schema file was not read before its input",
            ));
        }
    };
    for object in files.objects.iter().take(INFER_FILES_MAX) {
        let text = head(input, files, object, INFER_BYTES_MAX).await?;
        // Records that will be left out say nothing of the others.
        let lenient = input.bad_rows.leaves_out();
        let (schema, seen) = match &input.format {
            InputFormat::Csv(options) if lenient => {
                csv(options, &regular(options, &ended(text)), rows)
            }
            InputFormat::Csv(options) => csv(options, &text, rows),
            InputFormat::Json(options) => json(options, lenient, &text, rows),
            InputFormat::Parquet | InputFormat::Arrow => break,
        }
        .map_err(|error| {
            let name = files.name(object);
            let mut error = Error::input(arrow_text(&error)).fact("file", &name);
            if files.discreet {
                error = discreet(error);
            }
            error
                .context(format!("infer the schema of `{name}`"))
                .hint("declare it with `schema` or `schema_file`")
        })?;
        schemas.push(Found {
            name: files.name(object),
            schema,
        });
        rows = rows.saturating_sub(seen);
        if rows == 0 {
            break;
        }
    }
    let merged = merge::schemas(&schemas, Types::Inferred).map_err(|error| {
        error.context(format!(
            "merge the schemas of the files of input `{}`",
            input.name
        ))
    })?;
    if merged.fields().is_empty() {
        return Err(
            Error::input(format!("input `{}` has no columns", input.name))
                .hint("is the file empty? give it a header, or declare the columns with `schema`"),
        );
    }
    if matches!(input.format, InputFormat::Csv(_)) {
        let fields: Vec<_> = merged.fields().iter().map(|field| known(field)).collect();
        return Ok(Arc::new(Schema::new(fields)));
    }
    Ok(merged)
}

/// At most `bytes_max` first bytes of a file, uncompressed, cut behind a whole line.
pub(super) async fn head(
    input: &Input,
    files: &Files,
    object: &ObjectMeta,
    bytes_max: usize,
) -> Result<Vec<u8>> {
    let failed = |error| {
        let name = files.name(object);
        storage_error(&name, error)
            .fact("file", &name)
            .context(format!("read `{name}`"))
    };
    let options = GetOptions::new().with_range(Some(GetRange::Offset(0)));
    let options = if object.size == 0 {
        GetOptions::new()
    } else {
        options
    };
    let compression = text_compression(&input.format).unwrap_or(Compression::None);
    let store = TextStore::new(Arc::clone(&files.store), compression);
    let found = store.get_opts(&object.location, options).await;
    let mut chunks = found.map_err(failed)?.into_stream();
    let mut text = Vec::new();
    while text.len() < bytes_max {
        match chunks.try_next().await.map_err(failed)? {
            Some(chunk) => text.extend_from_slice(&chunk),
            None => return Ok(text),
        }
    }
    text.truncate(bytes_max);
    let line_end = memchr::memrchr(b'\n', &text).map_or(text.len(), |at| at + 1);
    text.truncate(line_end);
    Ok(text)
}

/// The last record of a file may have no end.
fn ended(mut text: Vec<u8>) -> Vec<u8> {
    text.push(b'\n');
    text
}

fn csv(options: &CsvOptions, text: &[u8], rows: usize) -> Result<(Schema, usize), ArrowError> {
    let mut format = Format::default()
        .with_header(options.header)
        .with_delimiter(options.delimiter)
        .with_quote(options.quote);
    if let Some(escape) = options.escape {
        format = format.with_escape(escape);
    }
    if let Some(comment) = options.comment {
        format = format.with_comment(comment);
    }
    if let Some(pattern) =
        null_pattern(&options.nulls).map_err(|e| ArrowError::CsvError(e.to_string()))?
    {
        format = format.with_null_regex(pattern);
    }
    format.infer_schema(Cursor::new(text), Some(rows))
}

/// The type to read a column of CSV with.
///
/// A column without a single value could be anything; text holds whatever comes. Times get at least
/// microseconds, or a later value with a finer one would not fit.
fn known(field: &Field) -> Field {
    let data_type = match field.data_type() {
        DataType::Null => DataType::Utf8,
        DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond, zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        other => other.clone(),
    };
    Field::new(field.name(), data_type, true)
}

fn json(
    options: &JsonOptions,
    lenient: bool,
    text: &[u8],
    rows: usize,
) -> Result<(Schema, usize), ArrowError> {
    let mut seen = 0;
    let values = Values {
        text,
        at: 0,
        array: options.array,
        lenient,
    };
    let values = values.take(rows).inspect(|_| seen += 1);
    let schema = infer_json_schema_from_iterator(values)?;
    Ok((schema, seen))
}

/// The values of newline-delimited JSON, or of one JSON array, as far as the text goes.
struct Values<'a> {
    text: &'a [u8],
    at: usize,
    array: bool,
    /// Whether lines are passed over that hold no object.
    lenient: bool,
}

impl Iterator for Values<'_> {
    type Item = Result<serde_json::Value, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.at;
            match self.value()? {
                Ok(value) if value.is_object() || !self.lenient => return Some(Ok(value)),
                Err(error) if !self.lenient => return Some(Err(error)),
                _ => {
                    let rest = self.text.get(start..)?;
                    let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
                    let blank = blank.count();
                    let line = memchr::memchr(b'\n', rest.get(blank..)?)?;
                    self.at = start + blank + line + 1;
                }
            }
        }
    }
}

impl Values<'_> {
    fn value(&mut self) -> Option<Result<serde_json::Value, ArrowError>> {
        let rest = self.text.get(self.at..)?;
        let between =
            |byte: &u8| byte.is_ascii_whitespace() || (self.array && b"[,".contains(byte));
        let skip = rest.iter().take_while(|byte| between(byte)).count();
        let rest = rest.get(skip..)?;
        if rest.is_empty() || (self.array && rest.first() == Some(&b']')) {
            return None;
        }
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter();
        match values.next()? {
            Ok(value) => {
                self.at += skip + values.byte_offset();
                Some(Ok(value))
            }
            Err(error) if error.is_eof() => None, // the head of a longer file ends here
            Err(error) => Some(Err(ArrowError::JsonError(error.to_string()))),
        }
    }
}

fn arrow_text(error: &ArrowError) -> String {
    match error {
        ArrowError::CsvError(text)
        | ArrowError::JsonError(text)
        | ArrowError::ParseError(text)
        | ArrowError::SchemaError(text) => text.clone(),
        other => other.to_string(),
    }
}
