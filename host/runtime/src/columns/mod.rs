//! Columns between the host, where they are Arrow arrays, and a guest, where they are flat buffers.
//!
//! The flat form is that of the interface `columns` in `wit/transform.wit`: schemas as pre-order lists of
//! fields whose types are format strings, arrays as pre-order lists of buffers. On the way out nothing is
//! copied where Arrow's buffers already have that form. On the way in everything is hostile: each byte
//! that is kept is copied once, into memory of the host, and checked there before an Arrow array exists
//! around it, so that a guest which changes its memory meanwhile changes nothing.
//!
//! Errors of [`flatten_schema`] are of kind `Input`: the data has a column that no transform can be given.
//! Errors of what reads from a guest are of kind `Trap`: the transform broke the contract.

mod assemble;
mod flatten;
mod format;
mod leaf;
mod nested;
mod schema;
mod selection;
mod size;
#[cfg(test)]
mod tests;

pub use assemble::{GuestArray, assemble};
pub use flatten::{FlatArray, flatten};
pub use schema::{FlatField, flatten_schema, parse_field};
pub use selection::Selection;
pub use size::unpacked_bytes;

use crate::error::{Error, ErrorKind};

/// Characters of a name that a message quotes: enough to recognise it, too few to flood a log.
const QUOTED_CHARS: usize = 64;

/// A rule of the contract that a guest broke.
fn broken(rule: impl Into<String>) -> Error {
    Error::new(ErrorKind::Trap, rule)
}

/// What every error about a broken rule begins with, and what to do about it. Limits are no rules.
fn blame(error: Error) -> Error {
    if error.kind() != ErrorKind::Trap {
        return error;
    }
    error
        .context("the transform broke the contract")
        .hint("this is a mistake in the plugin, not in the data: report it to the plugin's author")
}

/// A guest's text for a message: shortened, without control characters, in backticks.
fn quoted(text: &str) -> String {
    let mut kept: String = text
        .chars()
        .take(QUOTED_CHARS)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(QUOTED_CHARS).is_some() {
        kept.push('…');
    }
    format!("`{kept}`")
}
