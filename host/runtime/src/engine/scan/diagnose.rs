//! Turns a complaint about a record into one that names the file, the line, the column, what was expected
//! and what stood there.
//!
//! Readers report places relative to where they started, and Arrow's decoders as text only, so the text is
//! taken apart here, in one place, against the pinned version; the tests beside this file notice a change.

use std::fmt;
use std::sync::LazyLock;

use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::object_store::path::Path;
use datafusion::object_store::{GetOptions, GetRange, ObjectStore};
use futures::TryStreamExt;
use regex::{Captures, Regex};

use super::exact::Misfit;
use crate::engine::error::from_reading;
use crate::error::{Error, ErrorKind};
use crate::spec::InputFormat;

/// Characters of a wrong value that a message repeats.
const SHOWN_CHARS_MAX: usize = 80;

/// What to do about a wrong value of CSV.
const VALUE_HINT: &str =
    "mend the row, or declare the column as `utf8` in `schema`, or add the word to `nulls`";

/// A pattern that is a constant of this file.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static VALUE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?s)^Error while parsing value '(?<value>.*)' as type '(?<type>[^']*)' for column (?<column>\d+) at line (?<line>\d+)\.",
    )
});
static FIELD: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?s)^whilst decoding field '(?<field>[^']*)': (?<rest>.*)$"));
static STRANGE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?s)^column '(?<column>.*)' missing from schema$"));
static COUNT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^incorrect number of fields for line (?<line>\d+), expected (?<want>\d+) got (?<got>.*)$",
    )
});
static UTF8: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"^Encountered invalid UTF-8 data for line (?<line>\d+) and field (?<field>\d+)$")
});
static HEADER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?s)^CSV header does not match schema at column (?<column>\d+): expected (?<want>.*) but found (?<got>.*)$",
    )
});

/// Which decoder complains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Diagnosis {
    Csv,
    Other,
}

/// Where the decoder had started.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) name: String,
    pub(super) path: Path,
    pub(super) offset: u64,
}

impl Diagnosis {
    pub(super) const fn new(format: &InputFormat) -> Self {
        match format {
            InputFormat::Csv(_) => Self::Csv,
            _ => Self::Other,
        }
    }

    /// The error for the person who has to mend the file.
    pub(super) async fn explain(
        self,
        error: DataFusionError,
        start: &Start,
        schema: &Schema,
        store: &dyn ObjectStore,
    ) -> Error {
        let complaint = match carried(error) {
            Ok(complaint) => complaint,
            Err(error) => {
                let error = from_reading(error, &start.name);
                if error.kind() != ErrorKind::Input {
                    return error.context(format!("read `{}`", start.name));
                }
                let found = Complaint::of(&error.to_string(), schema);
                let Some(complaint) = found.filter(|_| self == Self::Csv) else {
                    return located(error, &start.name);
                };
                complaint
            }
        };
        let line = lines_before(store, start).await + complaint.line;
        let mut explained = Error::input(complaint.what)
            .hint(complaint.hint)
            .fact("file", &start.name)
            .fact("line", line)
            .context(format!("read `{}`, line {line}", start.name));
        if let Some(column) = complaint.column {
            explained = explained.fact("column", column);
        }
        explained
    }
}

/// What is wrong with the record that `error` is about; `error` itself where it is about something else.
pub(super) fn reason(error: DataFusionError, schema: &Schema) -> Result<String, DataFusionError> {
    match carried(error) {
        Ok(complaint) => Ok(complaint.what),
        Err(DataFusionError::ArrowError(error, _)) => {
            let text = error.to_string();
            let complaint = Complaint::of(&text, schema);
            Ok(complaint.map_or(text, |complaint| complaint.what))
        }
        Err(other) => Err(other),
    }
}

/// The complaint that a reader of ours made itself.
fn carried(error: DataFusionError) -> Result<Complaint, DataFusionError> {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Complaint>() {
            Ok(complaint) => Ok(*complaint),
            Err(inner) => Err(DataFusionError::External(inner)),
        },
        other => Err(other),
    }
}

/// An error about a file as a whole.
pub(super) fn located(error: Error, name: &str) -> Error {
    error.fact("file", name).context(format!("read `{name}`"))
}

/// What is wrong with a record, and where.
#[derive(Debug)]
pub(super) struct Complaint {
    /// Counted from one, at the start of the range that was read.
    line: u64,
    column: Option<String>,
    what: String,
    hint: &'static str,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Complaint {}

impl Complaint {
    /// A value of CSV that does not fit the column `index` of `schema`.
    pub(super) fn misfit(line: u64, schema: &Schema, index: usize, misfit: &Misfit) -> Self {
        let column = schema.fields().get(index).map(|field| field.name().clone());
        Self {
            hint: VALUE_HINT,
            ..Self::in_record(line, column.unwrap_or_default(), misfit)
        }
    }

    /// A value of JSON that does not fit its column.
    pub(super) fn in_record(line: u64, column: String, misfit: &Misfit) -> Self {
        Self {
            line,
            what: wants(&column, &misfit.wanted.to_string(), &misfit.value),
            column: Some(column),
            hint: "mend the record, or declare the column with a type that holds the value in `schema`",
        }
    }

    /// A record of which no more is known than that it is wrong.
    pub(super) fn plain(what: &str) -> Self {
        Self {
            line: 0,
            column: None,
            what: what.to_owned(),
            hint: "mend the record",
        }
    }

    /// What Arrow's decoder says of a record of JSON.
    pub(super) fn record(line: u64, error: &ArrowError) -> Self {
        let text = match error {
            ArrowError::JsonError(text) => text.clone(),
            other => other.to_string(),
        };
        let (mut path, mut rest) = (Vec::new(), text.as_str());
        while let Some(found) = FIELD.as_ref().and_then(|pattern| pattern.captures(rest)) {
            path.push(found.name("field").map_or("", |field| field.as_str()));
            rest = found.name("rest").map_or("", |rest| rest.as_str());
        }
        if let Some(found) = STRANGE.as_ref().and_then(|pattern| pattern.captures(rest)) {
            path.push(found.name("column").map_or("", |column| column.as_str()));
            let column = path.join(".");
            return Self {
                line,
                what: format!(
                    "column `{column}` was in none of the records that the schema is inferred from"
                ),
                column: Some(column),
                hint: "raise `infer_rows`, or declare the columns with `schema`: those that it does not name are \
                       left out",
            };
        }
        let shown: String = rest.chars().take(SHOWN_CHARS_MAX).collect();
        let column = (!path.is_empty()).then(|| path.join("."));
        Self {
            line,
            what: match &column {
                Some(column) => format!("column `{column}`: {shown}"),
                None => shown,
            },
            column,
            hint: "mend the record, or declare the column as it is in `schema`",
        }
    }

    pub(super) fn into_datafusion(self) -> DataFusionError {
        DataFusionError::External(Box::new(self))
    }

    fn of(text: &str, schema: &Schema) -> Option<Self> {
        // Arrow puts the kind of its error before the text.
        let text = text.split_once(" error: ").map_or(text, |(_, text)| text);
        Self::value(text, schema)
            .or_else(|| Self::count(text))
            .or_else(|| Self::utf8(text, schema))
            .or_else(|| Self::header(text))
    }

    fn value(text: &str, schema: &Schema) -> Option<Self> {
        let found = VALUE.as_ref()?.captures(text)?;
        let column = name(schema, number(&found, "column")?)?;
        Some(Self {
            line: number(&found, "line")? + 1,
            what: wants(&column, &found["type"], &found["value"]),
            column: Some(column),
            hint: VALUE_HINT,
        })
    }

    fn count(text: &str) -> Option<Self> {
        let found = COUNT.as_ref()?.captures(text)?;
        Some(Self {
            line: number(&found, "line")?,
            column: None,
            what: format!(
                "expected {} fields, but the row has {}",
                &found["want"], &found["got"]
            ),
            hint: "mend the row; check `delimiter` and `quote` if many rows fail",
        })
    }

    fn utf8(text: &str, schema: &Schema) -> Option<Self> {
        let found = UTF8.as_ref()?.captures(text)?;
        let field: u64 = number(&found, "field")?;
        let column = name(schema, field.checked_sub(1)?)?;
        Some(Self {
            line: number(&found, "line")?,
            what: format!("column `{column}` wants text in UTF-8, but there stand other bytes"),
            column: Some(column),
            hint: "convert the file to UTF-8, for example with `iconv -f latin1 -t utf-8`",
        })
    }

    fn header(text: &str) -> Option<Self> {
        let found = HEADER.as_ref()?.captures(text)?;
        let got = found["got"]
            .trim_start_matches("Some(")
            .trim_end_matches(')');
        let number: u64 = number(&found, "column")?;
        Some(Self {
            line: 1,
            column: None,
            what: format!(
                "column {} of the header should be {}, but is {got}",
                number + 1,
                &found["want"]
            ),
            hint: "all files of an input need the same columns in the same order; `header = false` ignores names",
        })
    }
}

fn wants(column: &str, wanted: &str, value: &str) -> String {
    let shown: String = value.chars().take(SHOWN_CHARS_MAX).collect();
    format!("column `{column}` wants {wanted}, but there stands `{shown}`")
}

fn number(found: &Captures<'_>, group: &str) -> Option<u64> {
    found.name(group)?.as_str().parse().ok()
}

fn name(schema: &Schema, index: u64) -> Option<String> {
    let index = usize::try_from(index).ok()?;
    Some(schema.fields().get(index)?.name().clone())
}

/// Counts the lines before a range. Only done once something is wrong.
pub(super) async fn lines_before(store: &dyn ObjectStore, start: &Start) -> u64 {
    if start.offset == 0 {
        return 0;
    }
    let options = GetOptions::new().with_range(Some(GetRange::Bounded(0..start.offset)));
    let Ok(found) = store.get_opts(&start.path, options).await else {
        return 0;
    };
    let counted = found.into_stream().try_fold(0, |lines, chunk| async move {
        Ok(lines + memchr::memchr_iter(b'\n', &chunk).count() as u64)
    });
    counted.await.unwrap_or(0)
}

#[cfg(test)]
mod tests;
