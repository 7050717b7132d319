//! A TOML document whose every value knows where it stands, and the problems found in it.

mod fields;
mod problems;

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use fields::Fields;
pub(crate) use problems::{Problems, hint_at};

use super::parameter::{ParameterType, Value};
use super::quantity;
use crate::error::{Error, Result};

/// Bytes of a file that are accepted. People write these files; ten thousand columns need less.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    String(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// A date, a time or both, as written.
    Datetime(String),
    Array(Vec<Node>),
    Table(Vec<Entry>),
    /// What a placeholder became.
    Given(Value),
    /// A placeholder that is not filled in yet: fits everywhere, and yields nothing.
    Pending,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) span: Range<usize>,
    pub(crate) value: Node,
}

/// Reads a document.
///
/// # Errors
///
/// Fails with every syntax error of the text.
pub(crate) fn parse(text: &str, origin: &str) -> Result<Node> {
    if text.len() > BYTES_MAX {
        let max = quantity::format_size(BYTES_MAX as u64);
        return Err(Error::input(format!("`{origin}` is larger than {max}")));
    }
    let problems = Problems::default();
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        problems.add(&error.span().unwrap_or(0..0), error.message());
    }
    problems.into_result(text, origin)?;
    let problems = Problems::default();
    let node = Node {
        span: 0..text.len(),
        kind: convert_table(table.into_inner(), &problems),
    };
    problems.into_result(text, origin)?;
    Ok(node)
}

fn convert(value: Spanned<DeValue<'_>>, problems: &Problems) -> Node {
    let span = value.span();
    let kind = match value.into_inner() {
        DeValue::String(text) => Kind::String(text.into_owned()),
        DeValue::Integer(integer) => {
            let value = i64::from_str_radix(integer.as_str(), integer.radix());
            if value.is_err() {
                problems.add(&span, "integer does not fit 64 bits");
            }
            Kind::Integer(value.unwrap_or_default())
        }
        DeValue::Float(float) => Kind::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Kind::Bool(value),
        DeValue::Datetime(value) => Kind::Datetime(value.to_string()),
        DeValue::Array(values) => Kind::Array(
            values
                .into_iter()
                .map(|value| convert(value, problems))
                .collect(),
        ),
        DeValue::Table(table) => convert_table(table, problems),
    };
    Node { span, kind }
}

fn convert_table(table: DeTable<'_>, problems: &Problems) -> Kind {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| Entry {
            span: key.span(),
            key: key.into_inner().into_owned(),
            value: convert(value, problems),
        })
        .collect();
    // In the order of the file, which the map does not keep.
    entries.sort_by_key(|entry| entry.span.start);
    Kind::Table(entries)
}

impl Node {
    /// What it is, with its article.
    pub(crate) const fn description(&self) -> &'static str {
        match &self.kind {
            Kind::String(_) => "a string",
            Kind::Integer(_) => "an integer",
            Kind::Float(_) => "a float",
            Kind::Bool(_) => "a boolean",
            Kind::Datetime(_) => "a date or time",
            Kind::Array(_) => "an array",
            Kind::Table(_) => "a table",
            Kind::Given(_) => "a parameter",
            Kind::Pending => "a placeholder",
        }
    }

    const fn is_pending(&self) -> bool {
        matches!(self.kind, Kind::Pending)
    }

    fn mismatch<T>(&self, expected: &str, problems: &Problems) -> Option<T> {
        if !self.is_pending() {
            let found = match &self.kind {
                Kind::Given(value) => format!("`{}`", quantity::clip(&value.to_string())),
                _ => self.description().to_owned(),
            };
            problems.add(&self.span, format!("expected {expected}, found {found}"));
        }
        None
    }

    /// A string, or any parameter as text.
    pub(crate) fn string(&self, problems: &Problems) -> Option<String> {
        match &self.kind {
            Kind::String(text) => Some(text.clone()),
            Kind::Given(value) => Some(value.to_string()),
            _ => self.mismatch("a string", problems),
        }
    }

    pub(crate) fn bool(&self, problems: &Problems) -> Option<bool> {
        match &self.kind {
            Kind::Bool(value) | Kind::Given(Value::Bool(value)) => Some(*value),
            _ => self.mismatch("`true` or `false`", problems),
        }
    }

    /// An integer within bounds.
    pub(crate) fn integer(&self, min: u64, max: u64, problems: &Problems) -> Option<u64> {
        let (Kind::Integer(value) | Kind::Given(Value::Int(value))) = &self.kind else {
            return self.mismatch("an integer", problems);
        };
        match u64::try_from(*value) {
            Ok(value) if (min..=max).contains(&value) => Some(value),
            _ => {
                let message = format!("`{value}` is out of bounds, expected {min} to {max}");
                problems.add(&self.span, message);
                None
            }
        }
    }

    /// One ASCII character, as its byte.
    pub(crate) fn character(&self, problems: &Problems) -> Option<u8> {
        let text = self.string(problems)?;
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Some(*byte),
            _ => {
                let message = format!(
                    "`{}` is not one ASCII character other than a line end",
                    quantity::clip(&text)
                );
                problems.add(&self.span, message);
                None
            }
        }
    }

    /// One of some words.
    pub(crate) fn choice<T: Copy>(&self, words: &[(&str, T)], problems: &Problems) -> Option<T> {
        let text = self.string(problems)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| *word);
            let message = format!("unknown value `{}`", quantity::clip(&text));
            problems.add_unknown(&self.span, message, &text, &known.collect::<Vec<_>>());
        }
        found.map(|(_, value)| *value)
    }

    /// The elements of an array.
    pub(crate) fn array(&self, expected: &str, problems: &Problems) -> Option<&[Self]> {
        match &self.kind {
            Kind::Array(values) => Some(values),
            _ => self.mismatch(expected, problems),
        }
    }

    pub(crate) fn strings(&self, problems: &Problems) -> Option<Vec<String>> {
        let values = self.array("an array of strings", problems)?;
        let strings: Vec<_> = values.iter().map(|value| value.string(problems)).collect();
        strings.into_iter().collect()
    }

    /// The entries of a table.
    pub(crate) fn table(&self, what: &str, problems: &Problems) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Table(entries) => Some(entries),
            _ => self.mismatch(&format!("a table for {what}"), problems),
        }
    }

    /// A value of a parameter's type; an integer is a float as well.
    pub(crate) fn value(&self, ty: ParameterType, problems: &Problems) -> Option<Value> {
        let value = match (&self.kind, ty) {
            (Kind::Integer(value), ParameterType::Int) => Some(Value::Int(*value)),
            (Kind::Integer(value), ParameterType::Float) => ty.parse(&value.to_string()).ok(),
            (Kind::Float(value), ParameterType::Float) if value.is_finite() => {
                Some(Value::Float(*value))
            }
            (Kind::Bool(value), ParameterType::Bool) => Some(Value::Bool(*value)),
            (Kind::Datetime(text), ParameterType::Date | ParameterType::Timestamp) => {
                ty.parse(text).ok()
            }
            (
                Kind::String(text),
                ParameterType::String
                | ParameterType::Uri
                | ParameterType::Date
                | ParameterType::Timestamp,
            ) => match ty.parse(text) {
                Ok(value) => Some(value),
                Err(message) => {
                    problems.add(&self.span, message);
                    return None;
                }
            },
            _ => None,
        };
        value.or_else(|| self.mismatch(ty.expectation(), problems))
    }

    /// The value as JSON.
    pub(crate) fn json(&self, problems: &Problems) -> Option<serde_json::Value> {
        match &self.kind {
            Kind::String(text) | Kind::Datetime(text) => Some(text.clone().into()),
            Kind::Integer(value) => Some((*value).into()),
            Kind::Float(value) if value.is_finite() => Some((*value).into()),
            Kind::Float(_) => self.mismatch("a finite number", problems),
            Kind::Bool(value) => Some((*value).into()),
            Kind::Array(values) => {
                let values: Vec<_> = values.iter().map(|value| value.json(problems)).collect();
                values
                    .into_iter()
                    .collect::<Option<Vec<_>>>()
                    .map(Into::into)
            }
            Kind::Table(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|entry| Some((entry.key.clone(), entry.value.json(problems)?)))
                    .collect();
                entries
                    .into_iter()
                    .collect::<Option<serde_json::Map<_, _>>>()
                    .map(Into::into)
            }
            Kind::Given(value) => Some(value.to_json()),
            Kind::Pending => None,
        }
    }
}
