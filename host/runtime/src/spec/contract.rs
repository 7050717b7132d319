//! What an application expects of columns and rows, so that what breaks it never becomes visible.

pub(super) mod read;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;

use super::application::Input;
use super::document::Problems;
use super::uri::Uri;
use crate::error::Result;

/// The columns that are expected, and which changes of them are forgiven.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// The columns.
    pub schema: ExpectedSchema,
    /// The changes.
    pub compatibility: Compatibility,
}

/// Where expected columns stand.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpectedSchema {
    /// In the application file.
    Here(SchemaRef),
    /// In this file, which [`parse_schema`](super::parse_schema) reads.
    File(Uri),
}

/// How columns that are found may differ from those that are expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compatibility {
    /// The same columns in the same order.
    #[default]
    Exact,
    /// Rows as they are found can be read as those that are expected: columns may be new.
    Forward,
    /// Rows as they are expected could be read as those that are found: columns may be gone.
    Backward,
    /// In any way; the differences are told.
    Any,
}

impl Compatibility {
    /// The word for it in an application file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Forward => "forward",
            Self::Backward => "backward",
            Self::Any => "any",
        }
    }
}

/// The rules on the rows of an output, and the file that they stand in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    list: Vec<Rule>,
    origin: String,
    text: Arc<str>,
}

impl Rules {
    /// Without a file: for what is wrong with them, see [`in_file`](Self::in_file).
    pub(super) fn new(list: Vec<Rule>) -> Self {
        Self {
            list,
            ..Self::default()
        }
    }

    /// The same, which stand in the file `origin` with this text.
    pub(super) fn in_file(mut self, origin: &str, text: &str) -> Self {
        // Most applications have no rules, and need no copy of their text.
        if !self.list.is_empty() {
            (self.origin, self.text) = (origin.to_owned(), text.into());
        }
        self
    }

    /// The rules, in the order of the file.
    #[must_use]
    pub fn list(&self) -> &[Rule] {
        &self.list
    }

    /// The same, and that there is no null in these columns.
    pub(crate) fn with_not_null(mut self, columns: &[&str]) -> Self {
        let implied = columns.iter().map(|column| Rule::not_null(column));
        let implied: Vec<_> = implied.filter(|rule| !self.has(rule)).collect();
        self.list.extend(implied);
        self
    }

    fn has(&self, wanted: &Rule) -> bool {
        self.list.iter().any(|rule| {
            let texts = |rule: &Rule| rule.columns.first().map(|column| column.text.clone());
            (&rule.kind, rule.severity, rule.allow) == (&wanted.kind, wanted.severity, wanted.allow)
                && rule.columns.len() == wanted.columns.len()
                && texts(rule) == texts(wanted)
        })
    }

    /// Fails if there are problems with the rules, each with its line.
    pub(crate) fn refuse(&self, problems: Problems) -> Result<()> {
        problems.into_result(&self.text, &self.origin)
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Unique among the rules.
    pub name: String,
    /// What has to hold.
    pub kind: RuleKind,
    /// Of which columns; none where it is about the whole output.
    pub columns: Vec<Written>,
    /// What happens if it does not hold.
    pub severity: Severity,
    /// How many rows may violate it.
    pub allow: Allowance,
    pub(crate) span: Range<usize>,
}

impl Rule {
    /// The rule that a column has no null, which stands nowhere.
    fn not_null(column: &str) -> Self {
        Self {
            name: format!("{}({column})", RuleKind::NotNull.as_str()),
            kind: RuleKind::NotNull,
            columns: vec![Written {
                text: column.to_owned(),
                span: 0..0,
            }],
            severity: Severity::Fail,
            allow: Allowance::Rows(0),
            span: 0..0,
        }
    }
}

/// A text of the application file, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub text: String,
    pub(crate) span: Range<usize>,
}

/// What has to hold. A null violates [`NotNull`](Self::NotNull) and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleKind {
    /// No value is null.
    NotNull,
    /// No two rows have the same values.
    Unique,
    /// Values are within bounds, which belong to them. NaN is never.
    Range {
        /// The least.
        min: Option<Written>,
        /// The largest.
        max: Option<Written>,
    },
    /// Texts in which the pattern is found.
    Regex(Written),
    /// Values are among these.
    AcceptedValues(Vec<Written>),
    /// Values are among those of a column of other data.
    References {
        /// The data.
        to: Box<Input>,
        /// Its column.
        field: Written,
    },
    /// The output has so many rows.
    RowCount {
        /// At least.
        min: u64,
        /// At most.
        max: u64,
    },
    /// The latest instant is at most so long before the start of the run.
    Freshness(Duration),
}

impl RuleKind {
    /// The word for it in an application file.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NotNull => "not-null",
            Self::Unique => "unique",
            Self::Range { .. } => "range",
            Self::Regex(_) => "regex",
            Self::AcceptedValues(_) => "accepted-values",
            Self::References { .. } => "references",
            Self::RowCount { .. } => "row-count",
            Self::Freshness(_) => "freshness",
        }
    }
}

/// What happens if a rule does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Severity {
    /// The run fails, and nothing becomes visible.
    #[default]
    Fail,
    /// It is told.
    Warn,
}

impl Severity {
    /// The word for it in an application file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
        }
    }
}

/// How many rows may violate a rule that still holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowance {
    /// So many.
    Rows(u64),
    /// So much of those that it looked at, from zero to one.
    Share(f64),
}

impl Allowance {
    /// Whether a rule holds of which `violations` of the `checked` rows are none.
    #[must_use]
    pub fn forgives(self, violations: u64, checked: u64) -> bool {
        match self {
            Self::Rows(rows) => violations <= rows,
            Self::Share(share) => violations as f64 <= share * checked as f64,
        }
    }
}
