//! What is wrong with a document, each problem with the line it stands in.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::spec::nearest::nearest;
use crate::spec::quantity::clip;

/// Problems that are reported; the others are counted.
const REPORTED_MAX: usize = 20;

/// Characters of a line that are shown, around the problem.
const LINE_CHARS_MAX: usize = 100;

/// Known names that are listed in full when none is near.
const LISTED_MAX: usize = 24;

#[derive(Debug)]
struct Problem {
    span: Range<usize>,
    message: String,
    hint: Option<String>,
    /// Whether the marked text must not be shown.
    secret: bool,
}

/// A list that grows while a document is read.
#[derive(Debug, Default)]
pub(crate) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(crate) fn add(&self, span: &Range<usize>, message: impl Into<String>) {
        self.push(span, message.into(), None);
    }

    pub(crate) fn add_with_hint(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(span, message.into(), Some(hint.into()));
    }

    /// `message` says that `name` is none of the known; hints at the nearest, and else lists them.
    pub(crate) fn add_unknown(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        name: &str,
        known: &[&str],
    ) {
        self.push(span, message.into(), hint_at(name, known));
    }

    /// As `add_with_hint`, for a text that carries credentials: it is not shown.
    pub(crate) fn add_secret(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let (message, hint) = (message.into(), Some(hint.into()));
        self.0.borrow_mut().push(Problem {
            span: span.clone(),
            message,
            hint,
            secret: true,
        });
    }

    fn push(&self, span: &Range<usize>, message: String, hint: Option<String>) {
        self.0.borrow_mut().push(Problem {
            span: span.clone(),
            message,
            hint,
            secret: false,
        });
    }

    /// Fails if there are any, with all of them in the order of the text.
    pub(crate) fn into_result(self, text: &str, origin: &str) -> Result<()> {
        let mut problems = self.0.into_inner();
        problems.sort_by_key(|problem| problem.span.start);
        problems.dedup_by(|a, b| a.span == b.span && a.message == b.message);
        let Some(first) = problems.first() else {
            return Ok(());
        };
        let place = Place::of(&first.span, text);
        let (line, column) = (place.line, place.column);
        let error = if let [only] = problems.as_slice() {
            let error = Error::input(render(only, text, origin));
            only.hint.iter().fold(error, Error::hint)
        } else {
            Error::input(render_all(&problems, text, origin))
        };
        Err(error
            .fact("file", origin)
            .fact("line", line)
            .fact("column", column))
    }
}

/// The likeliest of the known names, or all of them if none is alike and they are few.
pub(crate) fn hint_at(name: &str, known: &[&str]) -> Option<String> {
    if let Some(nearest) = nearest(name, known.iter().copied()) {
        return Some(format!("did you mean `{nearest}`?"));
    }
    let listed = known
        .iter()
        .map(|name| format!("`{}`", clip(name)))
        .collect::<Vec<_>>();
    (1..=LISTED_MAX)
        .contains(&listed.len())
        .then(|| format!("known: {}", listed.join(", ")))
}

fn render_all(problems: &[Problem], text: &str, origin: &str) -> String {
    let mut all = format!("{} problems in `{origin}`", problems.len());
    for problem in problems.iter().take(REPORTED_MAX) {
        all.push('\n');
        all.push_str(&render(problem, text, origin));
        if let Some(hint) = &problem.hint {
            all.push_str("\n  hint: ");
            all.push_str(hint);
        }
    }
    if let Some(more) = problems
        .len()
        .checked_sub(REPORTED_MAX)
        .filter(|more| *more > 0)
    {
        let _ = write!(all, "\nand {more} more");
    }
    all
}

fn render(problem: &Problem, text: &str, origin: &str) -> String {
    let place = Place::of(&problem.span, text);
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    let shown = if problem.secret {
        place.masked()
    } else {
        place.shown
    };
    format!(
        "{origin}:{number}:{column}: {message}\n  {number} | {shown}\n  {gutter} | {indent}{marks}",
        column = place.column,
        message = problem.message,
        indent = " ".repeat(place.indent),
        marks = "^".repeat(place.marked),
    )
}

/// Where a problem stands, for people.
struct Place {
    /// From one.
    line: usize,
    /// In characters, from one.
    column: usize,
    /// The line, or a window of it.
    shown: String,
    /// Characters before the marks.
    indent: usize,
    marked: usize,
}

impl Place {
    fn of(span: &Range<usize>, text: &str) -> Self {
        let start = floor(text, span.start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(line_start..).unwrap_or_default();
        let line = line
            .split('\n')
            .next()
            .unwrap_or_default()
            .trim_end_matches('\r');
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        let end = floor(text, span.end.max(start)).min(line_start + line.len());
        let width = text
            .get(start..end)
            .unwrap_or_default()
            .chars()
            .count()
            .max(1);
        // A window that shows some of what stands before the problem.
        let skipped = if column < LINE_CHARS_MAX / 2 {
            0
        } else {
            column - LINE_CHARS_MAX / 4
        };
        let shown: String = line
            .chars()
            .skip(skipped)
            .take(LINE_CHARS_MAX)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let indent = column - skipped;
        Self {
            line: before.matches('\n').count() + 1,
            column: column + 1,
            marked: width.min(LINE_CHARS_MAX.saturating_sub(indent)).max(1),
            shown,
            indent,
        }
    }

    /// The line with what is marked made unreadable.
    fn masked(&self) -> String {
        let marked = self.indent..self.indent + self.marked;
        let mask = |(at, c)| if marked.contains(&at) { '*' } else { c };
        self.shown.chars().enumerate().map(mask).collect()
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
