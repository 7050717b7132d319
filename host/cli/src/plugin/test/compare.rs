//! What a fixture gave beside what it expects, in words.

use std::fmt::Write as _;

use serde_json::Value;
use similar::TextDiff;

use crate::plugin::fixture::objects::Objects;
use crate::plugin::fixture::row::{Row, text};
use crate::plugin::fixture::{Actual, Case};

/// Differences that are shown; the others are counted.
const SHOWN_MAX: usize = 20;

/// Lines around a difference.
const CONTEXT: usize = 2;

/// How `actual` differs from what the fixture expects; empty if it does not.
pub(super) fn differences(case: &Case, actual: &Actual) -> String {
    let expected = &case.expected;
    match (actual, &expected.error) {
        (Actual::Rows(rows, ..), Some(error)) => format!(
            "expected the error\n  {error}\nbut it succeeded with {} rows",
            rows.len()
        ),
        (Actual::Failed(error), Some(part)) if error.to_string().contains(part) => String::new(),
        (Actual::Failed(error), Some(part)) => {
            format!("expected the error\n  {part}\nbut it failed to {error}")
        }
        (Actual::Failed(error), None) => {
            let mut text = format!("failed to {error}");
            for hint in error.hints() {
                // Writing to a string does not fail.
                let _ = write!(text, "\nhint: {hint}");
            }
            text
        }
        (Actual::Rows(rows, rejected, objects), None) => {
            let rows = listed("expected.ndjson", expected.rows.as_deref(), rows);
            // Whoever does not speak of rejected rows expects none.
            let rejects = expected.rejects.as_deref().unwrap_or_default();
            let rejected = listed("expected-rejects.ndjson", Some(rejects), rejected);
            rows + &rejected + &differing(&expected.objects, objects)
        }
    }
}

fn listed(file: &str, expected: Option<&[Row]>, actual: &[Row]) -> String {
    let Some(expected) = expected else {
        return format!("there is no {file}, nor an expected-error.txt; --update writes it\n");
    };
    if expected == actual {
        return String::new();
    }
    let values = if expected.len() == actual.len() {
        by_value(expected, actual)
    } else {
        Vec::new()
    };
    if values.is_empty() {
        return by_line(file, expected, actual);
    }
    let mut difference = format!("{file}: {} values differ\n", values.len());
    cut(&mut difference, &values);
    difference
}

fn by_line(file: &str, expected: &[Row], actual: &[Row]) -> String {
    let (left, right) = (text(expected), text(actual));
    let diff = TextDiff::from_lines(&left, &right);
    let mut unified = diff.unified_diff();
    let unified = unified.context_radius(CONTEXT).to_string();
    let mut difference = format!(
        "{file}: {} rows expected (-), {} came (+)\n",
        expected.len(),
        actual.len()
    );
    let lines: Vec<_> = unified.lines().map(str::to_owned).collect();
    cut(&mut difference, &lines);
    difference
}

/// The objects that differ, with their lines where they are text.
fn differing(expected: &Objects, actual: &Objects) -> String {
    let mut lines = Vec::new();
    for (path, contents) in expected.beside(actual) {
        match contents {
            (Some(expected), Some(actual)) if expected == actual => {}
            (Some(expected), Some(actual)) => {
                lines.push(format!("  `{path}` differs: expected (-), came (+)"));
                lines.extend(by_text(expected, actual));
            }
            (Some(_), None) => lines.push(format!("  `{path}` is not there")),
            (None, Some(actual)) => {
                lines.push(format!("  `{path}` came and was not expected"));
                lines.extend(by_text(&[], actual));
            }
            (None, None) => {}
        }
    }
    let mut difference = String::new();
    if !lines.is_empty() {
        difference.push_str("expected-objects:\n");
        cut(&mut difference, &lines);
    }
    difference
}

/// The lines that differ, or the sizes of what is no text.
fn by_text(expected: &[u8], actual: &[u8]) -> Vec<String> {
    let (Ok(left), Ok(right)) = (str::from_utf8(expected), str::from_utf8(actual)) else {
        let (expected, actual) = (expected.len(), actual.len());
        return vec![format!("    {expected} bytes expected, {actual} came")];
    };
    let diff = TextDiff::from_lines(left, right);
    let mut unified = diff.unified_diff();
    let unified = unified.context_radius(CONTEXT).to_string();
    unified.lines().map(|line| format!("    {line}")).collect()
}

/// The values that differ in as many rows.
fn by_value(expected: &[Row], actual: &[Row]) -> Vec<String> {
    let mut lines = Vec::new();
    for (row, (expected, actual)) in expected.iter().zip(actual).enumerate() {
        let (expected, actual) = (&expected.value, &actual.value);
        for name in names(expected, actual) {
            let (left, right) = (expected.get(&name), actual.get(&name));
            if left != right {
                let (left, right) = (shown(left), shown(right));
                lines.push(format!(
                    "  row {row}, `{name}`: expected {left}, got {right}"
                ));
            }
        }
    }
    lines
}

/// The names of both objects, each once.
fn names(left: &Value, right: &Value) -> Vec<String> {
    let keys = |value: &Value| {
        let object = value.as_object().cloned().unwrap_or_default();
        object.into_iter().map(|(name, _)| name)
    };
    let mut names: Vec<_> = keys(left).collect();
    for name in keys(right) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}

/// Writes the first lines and how many more there are.
fn cut(text: &mut String, lines: &[String]) {
    for line in lines.iter().take(SHOWN_MAX) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{line}");
    }
    if let Some(more @ 1..) = lines.len().checked_sub(SHOWN_MAX) {
        let _ = writeln!(text, "  and {more} more lines");
    }
}
