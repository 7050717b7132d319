//! Splits a text column into rows: one for each part, the other columns repeated.

mod parts;

use serde::Deserialize;
use sluicegate_guest::prelude::*;

use parts::Parts;

/// What an application may set.
#[derive(Clone, Debug, Deserialize)]
pub struct Params {
    /// The column to split.
    column: String,
    /// What stands between two parts.
    #[serde(default = "comma")]
    separator: String,
    /// A new column for the parts; without it, they take the place of the column.
    #[serde(rename = "as")]
    name: Option<String>,
    /// Whether white space around a part is removed.
    #[serde(default = "yes")]
    trim: bool,
    /// Whether empty parts and nulls give no row.
    #[serde(default = "yes")]
    drop_empty: bool,
}

fn comma() -> String {
    ",".to_owned()
}

const fn yes() -> bool {
    true
}

/// Reads the column to split alone.
#[derive(Debug)]
pub struct Explode {
    text: Column<Text>,
    params: Params,
}

impl Transform for Explode {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        if params.separator.is_empty() {
            return Err(Fault::invalid("parameter `separator` is empty"));
        }
        let text = plan.read(&params.column)?;
        plan.pass_all().stateless();
        match &params.name {
            Some(name) => plan.compute(Field::new(name, DataType::Utf8, true)),
            None => plan.replace(Field::new(&params.column, DataType::Utf8, true)),
        };
        Ok(Self { text, params })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        let mut parts = Parts::default();
        for (row, text) in (0..).zip(batch.column(self.text).iter()) {
            match text {
                Some(text) => self.split(row, text, &mut parts),
                None if self.params.drop_empty => {}
                None => parts.push(row, None),
            }
            if parts.is_full() {
                std::mem::take(&mut parts).emit(out)?;
            }
        }
        parts.emit(out)
    }
}

impl Explode {
    fn split(&self, row: u32, text: &str, parts: &mut Parts) {
        for part in text.split(&self.params.separator) {
            let part = if self.params.trim { part.trim() } else { part };
            if !(part.is_empty() && self.params.drop_empty) {
                parts.push(row, Some(part));
            }
        }
    }
}

sluicegate_guest::export!(Explode);

#[cfg(test)]
mod tests;
