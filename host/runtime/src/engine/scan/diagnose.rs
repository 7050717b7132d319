//! Turns a decoder's complaint about a record into one that names the file, the line, the column, what
//! was expected and what stood there.
//!
//! Decoders report places relative to where they started and as text only, so the text is taken apart
//! here, in one place, against the pinned version of Arrow; the tests beside this file notice a change.

use std::sync::LazyLock;

use arrow::datatypes::Schema;
use datafusion::object_store::path::Path;
use datafusion::object_store::{GetOptions, GetRange, ObjectStore};
use futures::TryStreamExt;
use regex::{Captures, Regex};

use crate::error::{Error, ErrorKind};
use crate::spec::InputFormat;

/// Characters of a wrong value that a message repeats.
const SHOWN_CHARS_MAX: usize = 80;

/// A pattern that is a constant of this file.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static VALUE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?s)^Error while parsing value '(?<value>.*)' as type '(?<type>[^']*)' for column (?<column>\d+) at line (?<line>\d+)\.",
    )
});
static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"(?s)^Error parsing column (?<column>\d+) at line (?<line>\d+): (?<why>.*)$")
});
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
        error: Error,
        start: &Start,
        schema: &Schema,
        store: &dyn ObjectStore,
    ) -> Error {
        if error.kind() != ErrorKind::Input {
            return error.context(format!("read `{}`", start.name));
        }
        let text = error.to_string();
        let Some(complaint) = Complaint::of(&text, schema).filter(|_| self == Self::Csv) else {
            return error
                .fact("file", &start.name)
                .context(format!("read `{}`", start.name));
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

struct Complaint {
    /// Counted from one, at the start of the range that was read.
    line: u64,
    column: Option<String>,
    what: String,
    hint: &'static str,
}

impl Complaint {
    fn of(text: &str, schema: &Schema) -> Option<Self> {
        // Arrow puts the kind of its error before the text.
        let text = text.split_once(" error: ").map_or(text, |(_, text)| text);
        Self::value(text, schema)
            .or_else(|| Self::date(text, schema))
            .or_else(|| Self::count(text))
            .or_else(|| Self::utf8(text, schema))
            .or_else(|| Self::header(text))
    }

    fn value(text: &str, schema: &Schema) -> Option<Self> {
        let found = VALUE.as_ref()?.captures(text)?;
        let column = name(schema, number(&found, "column")?)?;
        let value: String = found["value"].chars().take(SHOWN_CHARS_MAX).collect();
        Some(Self {
            line: number(&found, "line")? + 1,
            what: format!(
                "column `{column}` wants {}, but there stands `{value}`",
                &found["type"]
            ),
            column: Some(column),
            hint: "mend the row, or declare the column as `utf8` in `schema`, or add the word to `nulls`",
        })
    }

    fn date(text: &str, schema: &Schema) -> Option<Self> {
        let found = DATE.as_ref()?.captures(text)?;
        let column = name(schema, number(&found, "column")?)?;
        Some(Self {
            line: number(&found, "line")? + 1,
            what: format!("column `{column}`: {}", &found["why"]),
            column: Some(column),
            hint: "mend the row, or declare the column as `utf8` in `schema`",
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

fn number(found: &Captures<'_>, group: &str) -> Option<u64> {
    found.name(group)?.as_str().parse().ok()
}

fn name(schema: &Schema, index: u64) -> Option<String> {
    let index = usize::try_from(index).ok()?;
    Some(schema.fields().get(index)?.name().clone())
}

/// Counts the lines before a range. Only done once something is wrong.
async fn lines_before(store: &dyn ObjectStore, start: &Start) -> u64 {
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
