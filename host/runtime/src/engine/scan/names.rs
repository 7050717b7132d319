//! Whether the names of columns are the data's own, where policies mask columns by name.
//!
//! Parquet, Arrow and JSON carry a name with each value. In CSV the first line does, but only for who reads it as it
//! was written: another delimiter makes one column of all, a comment skips the line of names, a schema names the columns
//! of a file without. So there is one way to read CSV whose columns may be masked, and names that show
//! that it is the wrong one are refused.

use arrow::csv::reader::Format;
use arrow::datatypes::Schema;
use datafusion::object_store::ObjectMeta;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::Files;
use super::schema::head;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::{Compression, CsvOptions, Input, InputFormat};

/// What may separate values. None of it stands in a name, so that a line has one reading.
const DELIMITERS: &str = ",;\t|";

/// What other formats begin with: a line of JSON is no header.
const STRANGE: &str = "\"{[\u{FEFF}";

/// Bytes of a line of names: a thousand names of 64 bytes.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Headers that are fetched at once.
const FETCHES_MAX: usize = 32;

/// Refuses options by which the line of names could be read as something else, before anything is read.
pub(super) fn check_options(input: &Input) -> Result<()> {
    let InputFormat::Csv(options) = &input.format else {
        return Ok(());
    };
    match odd_option(options) {
        None => Ok(()),
        Some(option) => Err(refused(&format!(
            "input `{}` sets `{option}`, by which columns could get other names",
            input.name
        ))),
    }
}

/// Refuses an input whose columns may have other names in its files than in `schema`.
pub(super) async fn check(input: &Input, files: &Files, schema: &Schema) -> Result<()> {
    let InputFormat::Csv(options) = &input.format else {
        return Ok(());
    };
    let is_odd = |c: char| c.is_control() || DELIMITERS.contains(c) || STRANGE.contains(c);
    let mut names = schema.fields().iter().map(|field| field.name());
    if names.any(|name| name.contains(is_odd)) {
        return Err(refused(&format!(
            "the first line of input `{}` does not look like names of columns",
            input.name
        )));
    }
    if options.compression != Compression::None {
        // Read from its start to its end by one reader, which looks at the names first.
        return Ok(());
    }
    // The pieces of a file are read side by side: its rows must not be faster than its names.
    stream::iter(&files.objects)
        .map(|object| check_header(input, files, object, schema))
        .boxed()
        .buffer_unordered(FETCHES_MAX)
        .try_collect::<()>()
        .await
}

fn odd_option(options: &CsvOptions) -> Option<&'static str> {
    let odd = [
        (!options.header, "header"),
        (
            !DELIMITERS.contains(char::from(options.delimiter)),
            "delimiter",
        ),
        (options.quote != b'"', "quote"),
        (options.escape.is_some(), "escape"),
        (options.comment.is_some(), "comment"),
        // A record that starts within another's value has any names.
        (options.multiline == Some(false), "multiline"),
    ];
    odd.into_iter()
        .find_map(|(is_odd, name)| is_odd.then_some(name))
}

async fn check_header(
    input: &Input,
    files: &Files,
    object: &ObjectMeta,
    schema: &Schema,
) -> Result<()> {
    let InputFormat::Csv(options) = &input.format else {
        return Ok(());
    };
    let text = head(input, files, object, HEADER_BYTES_MAX).await?;
    if text.is_empty() {
        return Ok(());
    }
    let format = Format::default()
        .with_header(true)
        .with_delimiter(options.delimiter);
    let found = format.infer_schema(text.as_slice(), Some(0));
    let names = found
        .as_ref()
        .map(|(found, _)| found.fields().iter().map(|field| field.name()));
    let wanted = schema.fields().iter().map(|field| field.name());
    if names.is_ok_and(|names| names.eq(wanted)) {
        return Ok(());
    }
    let name = files.name(object);
    Err(refused(&format!(
        "the first line of `{name}` does not name the columns of the input"
    ))
    .fact("file", &name))
}

fn refused(message: &str) -> Error {
    Error::new(ErrorKind::Policy, message).hint(
        "policies may mask columns here by the names that the files give them: CSV is read with `header`, one of `,`, \
         `;`, `|` and tab as `delimiter`, and as RFC 4180 quotes; a declared schema has the names of the files",
    )
}

/// An error about a value, without the value.
pub(super) fn discreet(error: Error) -> Error {
    if error.kind() != ErrorKind::Input {
        return error;
    }
    let discreet = Error::input("what stands there does not fit its column, and is not shown");
    let hint = "policies may mask columns here; who may read them all is told what is wrong";
    let facts = error.facts().iter();
    facts
        .filter(|(name, _)| matches!(*name, "file" | "line"))
        .fold(discreet, |discreet, (name, value)| {
            discreet
                .fact(name, value)
                .context(format!("read {name} `{value}`"))
        })
        .hint(hint)
}

#[cfg(test)]
mod tests;
