//! What was decided, for whoever has to know afterwards: a line of JSON for each decision, each tied to the one before.
//!
//! ```json
//! {"n":0,"previous":"00…","type":"head","time":"…","format":1,"run":"r-1","application":"sales-etl","hash":"5d…"}
//! {"n":1,"previous":"5d…","type":"decision","time":"…","principal":"run r-1 of application:sales-etl","step":"etl",…,"hash":"a1…"}
//! {"n":2,"previous":"a1…","type":"repeat","time":"…","of":1,"count":999999,"hash":"07…"}
//! {"n":3,"previous":"07…","type":"close","time":"…","decisions":1000000,"hash":"c4…"}
//! ```
//!
//! `hash` is the last field, and the SHA-256 of the line before it. Lines are ASCII: what is not, and every control
//! character, is escaped, so that no name forges a line. Runs follow each other in a file, and the chain goes on from one
//! to the next. A chain shows what was changed by whoever could not change all that follows; against one who could,
//! the last hash is kept elsewhere.
//!
//! Equal decisions are folded: the first stands in full before anything is done by it, the others are counted, and the
//! counts are written when the run ends, or before when [`FOLDED_MAX`] different ones are being counted.

mod line;
mod log;
mod verify;

use std::fmt;

use super::Layer;
use super::decide::{Decision, StatementRef, Verdict};
use super::principal::Principal;
use super::request::{Context, Known, Request};
use super::vocabulary::KEYS;
use crate::error::Result;

pub use line::{Decided, Deciding, Entry, FORMAT, LINE_BYTES_MAX};
pub use log::{AuditLog, Clock, FOLDED_MAX, RECORDS_MAX};
pub use verify::{Tail, Verified, entries, verify};

/// A decision and who asked for it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// In whose name.
    pub principal: &'a Principal,
    /// The step whose transform asked; none where the host itself did.
    pub step: Option<&'a str>,
    /// What was asked, and what is known of it.
    pub request: &'a Request,
    /// What was decided.
    pub decision: &'a Decision,
}

/// Keeps what was decided. Asked from many threads.
pub trait Audit: fmt::Debug + Send + Sync {
    /// Keeps one decision, before anything is done by it.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be kept. Then nothing may be done by it, and the run fails: nothing is done unaudited.
    fn record(&self, record: &Record<'_>) -> Result<()>;

    /// Whether all that was decided is kept: asked before a run commits, as a guest may go on after it was refused.
    ///
    /// # Errors
    ///
    /// Fails with the first failure of [`record`](Self::record).
    fn check(&self) -> Result<()>;
}

/// Keeps nothing: for runs that nobody wants to know of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unaudited;

impl Audit for Unaudited {
    fn record(&self, _: &Record<'_>) -> Result<()> {
        Ok(())
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }
}

impl Context {
    /// What is known, by the names of conditions, as text.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        self.0.iter().filter_map(|(attribute, value)| {
            let key = KEYS.iter().find(|key| key.attribute == *attribute)?;
            let value = match value {
                Known::Text(text) | Known::Date(text) | Known::Address(text) => text.clone(),
                Known::Number(number) => number.to_string(),
                Known::Bool(truth) => truth.to_string(),
            };
            Some((key.name, value))
        })
    }
}

/// The statements that decided, each with its layer: those that deny, or else, of what is allowed, those that allow.
fn deciding(decision: &Decision) -> impl Iterator<Item = (Layer, &StatementRef)> {
    let wanted = if decision.allowed {
        Verdict::Allows
    } else {
        Verdict::Denies
    };
    let layers = decision.layers.iter();
    let layers = layers.filter(move |of| of.verdict == wanted);
    layers.flat_map(|of| of.statements.iter().map(|statement| (of.layer, statement)))
}

#[cfg(test)]
mod tests;
