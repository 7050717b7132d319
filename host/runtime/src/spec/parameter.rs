//! Typed parameters of an application.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};

use super::quantity::clip;

/// What a parameter may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterType {
    /// Any text.
    String,
    /// A signed 64-bit integer.
    Int,
    /// A finite double.
    Float,
    /// `true` or `false`.
    Bool,
    /// A day, as in `2024-01-31`.
    Date,
    /// An instant, as in `2024-01-31T12:00:00Z`; UTC if no zone is said.
    Timestamp,
    /// The URI or the path of something.
    Uri,
}

impl ParameterType {
    /// Every type with its word in an application file.
    pub(super) const WORDS: [(&'static str, Self); 7] = [
        ("string", Self::String),
        ("int", Self::Int),
        ("float", Self::Float),
        ("bool", Self::Bool),
        ("date", Self::Date),
        ("timestamp", Self::Timestamp),
        ("uri", Self::Uri),
    ];

    /// Reads a value as a command line gives it.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        let value = match self {
            Self::String => Some(Value::String(text.to_owned())),
            Self::Int => text.parse().ok().map(Value::Int),
            Self::Float => text
                .parse()
                .ok()
                .filter(|f: &f64| f.is_finite())
                .map(Value::Float),
            Self::Bool => text.parse().ok().map(Value::Bool),
            Self::Date => text.parse().ok().map(Value::Date),
            Self::Timestamp => parse_timestamp(text).map(Value::Timestamp),
            Self::Uri => (!text.is_empty()).then(|| Value::Uri(text.to_owned())),
        };
        value.ok_or_else(|| format!("`{}` is not {}", clip(text), self.expectation()))
    }

    /// What a value of this type is, with its article.
    pub(super) const fn expectation(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Int => "an integer",
            Self::Float => "a finite number",
            Self::Bool => "`true` or `false`",
            Self::Date => "a date such as `2024-01-31`",
            Self::Timestamp => "a timestamp such as `2024-01-31T12:00:00Z`",
            Self::Uri => "a URI or a path",
        }
    }
}

fn parse_timestamp(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    text.replacen(' ', "T", 1)
        .parse::<NaiveDateTime>()
        .ok()
        .map(|local| local.and_utc())
}

/// A declared parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// `[a-z][a-z0-9_]*`.
    pub name: String,
    /// What it may hold.
    pub ty: ParameterType,
    /// What it holds when it is not given; a parameter without is required.
    pub default: Option<Value>,
    /// What it is for.
    pub description: String,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any text.
    String(String),
    /// A signed 64-bit integer.
    Int(i64),
    /// A finite double.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A day.
    Date(NaiveDate),
    /// An instant.
    Timestamp(DateTime<Utc>),
    /// The URI or the path of something, as given.
    Uri(String),
}

impl Value {
    /// What a transform is given: numbers and truth values as such, everything else as text.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Int(value) => (*value).into(),
            Self::Float(value) => (*value).into(),
            Self::Bool(value) => (*value).into(),
            other => other.to_string().into(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(value) | Self::Uri(value) => f.write_str(value),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::Date(value) => value.fmt(f),
            Self::Timestamp(value) => {
                f.write_str(&value.to_rfc3339_opts(SecondsFormat::AutoSi, true))
            }
        }
    }
}
