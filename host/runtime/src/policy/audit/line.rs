//! One line of an audit file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Record, deciding};
use crate::error::{Error, Result};
use crate::policy::{Decision, RESOURCE_BYTES_MAX, TEXT_BYTES_MAX};

/// The version of the format, which each head says.
pub const FORMAT: u32 = 1;

/// Bytes of a line: all texts at their longest, each character of them escaped.
pub const LINE_BYTES_MAX: usize = 256 * 1024;

/// Bytes that a line keeps of a resource, as it is shown: all.
const RESOURCE_SHOWN_MAX: usize = RESOURCE_BYTES_MAX + 64;

/// Statements of a decision that a line names, and failures: more of them say nothing else.
const STATEMENTS_TOLD: usize = 8;

/// Before the hash at the end of a line.
const HASH_FIELD: &[u8] = b",\"hash\":\"";

/// After it.
const END: &[u8] = b"\"}";

/// Digits of a hash.
const HASH_DIGITS: usize = 64;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Entry {
    /// A run starts.
    Head {
        /// The version of the format.
        format: u32,
        /// The run's id.
        run: String,
        /// The run's application.
        application: String,
    },
    /// Something was decided.
    Decision(Decided),
    /// A decision was made again.
    Repeat {
        /// The number of its line.
        of: u64,
        /// How often, since it or its last repetition was told.
        count: u64,
    },
    /// The run is over.
    Close {
        /// All its decisions, repetitions included.
        decisions: u64,
    },
}

/// A decision as a line tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// In whose name.
    pub principal: String,
    /// The step whose transform asked; none where the host itself did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What was asked.
    pub action: String,
    /// On what.
    pub resource: String,
    /// What was known of the request, but the time, which the line says.
    pub context: BTreeMap<String, String>,
    /// Whether it was allowed.
    pub allowed: bool,
    /// The statements that decided; without any, nothing allowed it.
    pub by: Vec<Deciding>,
    /// The layers that would have had to allow it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What failed while it was decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// A statement that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deciding {
    /// Its layer.
    pub layer: String,
    /// Its id.
    pub sid: String,
    /// `file:line`.
    pub place: String,
}

impl Deciding {
    /// The statements that decided: those that deny, or else, of what is allowed, those that allow.
    #[must_use]
    pub fn of(decision: &Decision) -> Vec<Self> {
        let by = deciding(decision).take(STATEMENTS_TOLD);
        by.map(|(layer, statement)| Self {
            layer: layer.to_string(),
            sid: cut(&statement.sid),
            place: cut(&statement.place),
        })
        .collect()
    }
}

impl Decided {
    /// What a line keeps of a decision; long texts are cut.
    pub(super) fn new(record: &Record<'_>) -> Self {
        let decision = record.decision;
        let context = record.request.context.entries();
        let missing = decision.missing();
        let errors = decision.errors.iter().take(STATEMENTS_TOLD);
        Self {
            principal: cut(&record.principal.to_string()),
            step: record.step.map(cut),
            action: record.request.action().to_string(),
            resource: shorten(&record.request.resource().to_string(), RESOURCE_SHOWN_MAX),
            context: context
                .filter(|(key, _)| *key != "time:now")
                .map(|(key, value)| (key.to_owned(), cut(&value)))
                .collect(),
            allowed: decision.allowed,
            by: Deciding::of(decision),
            missing: missing.iter().map(ToString::to_string).collect(),
            errors: errors.map(|error| cut(error)).collect(),
        }
    }
}

/// As much of a text as a condition could compare with.
fn cut(text: &str) -> String {
    shorten(text, TEXT_BYTES_MAX)
}

fn shorten(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes);
    text.get(..end).unwrap_or_default().to_owned() + "…"
}

/// A line and what ties it to the others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    /// Its number in the file, from zero.
    pub(super) n: u64,
    /// The hash of the line before it; zeros at the start.
    pub(super) previous: String,
    /// When.
    pub(super) time: String,
    #[serde(flatten)]
    pub(super) entry: Entry,
}

/// What the first line of a file names as the hash of the one before it.
pub(super) fn genesis() -> String {
    "0".repeat(HASH_DIGITS)
}

impl Line {
    /// The text of the line, its end included, and its hash.
    pub(super) fn seal(&self) -> Result<(String, String)> {
        let text = serde_json::to_string(self)
            .map_err(|cause| Error::internal(cause.to_string()).context("write an audit line"))?;
        let mut text = ascii(text.strip_suffix('}').unwrap_or(&text));
        let hash = hex::encode(Sha256::digest(text.as_bytes()));
        // Writing to a string does not fail.
        let _ = writeln!(text, ",\"hash\":\"{hash}\"}}");
        if text.len() > LINE_BYTES_MAX {
            return Err(Error::internal("an audit line is longer than its parts"));
        }
        Ok((text, hash))
    }

    /// Reads a line without its end. None where it is not as it was written.
    pub(super) fn open(line: &[u8]) -> Option<(Self, String)> {
        let rest = line.strip_suffix(END)?;
        let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(HASH_DIGITS)?)?;
        let body = rest.strip_suffix(HASH_FIELD)?;
        let hash = hex::encode(Sha256::digest(body));
        if hash.as_bytes() != digits {
            return None;
        }
        let mut text = str::from_utf8(body).ok()?.to_owned();
        text.push('}');
        Some((serde_json::from_str(&text).ok()?, hash))
    }
}

/// JSON with what is not ASCII, or steers a terminal, escaped. Such characters stand in its texts alone.
fn ascii(json: &str) -> String {
    let mut text =
        String::with_capacity(json.len() + HASH_FIELD.len() + HASH_DIGITS + END.len() + 1);
    for c in json.chars() {
        if matches!(c, ' '..='~') {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}
