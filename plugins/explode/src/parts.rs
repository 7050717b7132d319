//! Parts that wait to be emitted.

use sluicegate_guest::array::builder::StringBuilder;
use sluicegate_guest::{Fault, Output};

/// A batch is emitted from so many rows on, so that one with very many parts does not grow without bound.
const N_ROWS_FULL: usize = 65_536;
/// A batch is emitted from so many bytes of parts on, for the same reason.
const N_BYTES_FULL: usize = 4 << 20;

/// Parts, each with the row it comes from.
#[derive(Debug, Default)]
pub struct Parts {
    rows: Vec<u32>,
    parts: StringBuilder,
}

impl Parts {
    /// Adds a part, `None` for null.
    pub fn push(&mut self, row: u32, part: Option<&str>) {
        self.rows.push(row);
        self.parts.append_option(part);
    }

    /// Whether it is time to emit.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= N_ROWS_FULL || self.parts.values_slice().len() >= N_BYTES_FULL
    }

    /// Emits the parts, if there are any.
    pub fn emit(mut self, out: &mut Output<'_>) -> Result<(), Fault> {
        match self.rows.is_empty() {
            true => Ok(()),
            false => out.take(self.rows, &[&self.parts.finish()]),
        }
    }
}
