//! Hashes, redacts or truncates columns, irreversibly; the masked column stands in the place of the original.

mod digest;

use serde::Deserialize;
use sluicegate_guest::array::{Array, StringArray};
use sluicegate_guest::prelude::*;
use sluicegate_guest::rows;

use digest::Digest;

/// What an application may set.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Params {
    /// Columns of text or integers to replace by a keyed hash.
    hash: Vec<String>,
    /// Columns of any type to replace by `redaction`; they never enter the sandbox.
    redact: Vec<String>,
    /// Columns of text to cut after `keep` characters.
    truncate: Vec<String>,
    /// The key of the hash, at least 16 bytes.
    key: String,
    /// How many hexadecimal digits of the hash to keep, 16 to 64.
    digits: usize,
    /// What stands in a redacted column.
    redaction: String,
    /// How many characters a truncated column keeps.
    keep: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            hash: Vec::new(),
            redact: Vec::new(),
            truncate: Vec::new(),
            key: String::new(),
            digits: 64,
            redaction: "***".to_owned(),
            keep: 1,
        }
    }
}

/// Masks the columns that its parameters name.
#[derive(Debug)]
pub struct Mask {
    masks: Vec<Source>,
    digest: Digest,
    redaction: String,
    keep: usize,
}

#[derive(Debug)]
enum Source {
    HashText(Column<Text>),
    HashIntegers(Column<Integers>),
    Truncate(Column<Text>),
    Redact,
}

impl Transform for Mask {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        plan.pass_all().stateless();
        let mut masks = Vec::new();
        for name in &params.hash {
            masks.push(match plan.field(name)?.data_type().is_integer() {
                true => Source::HashIntegers(plan.read(name)?),
                false => Source::HashText(plan.read(name)?),
            });
            plan.replace(Field::new(
                name,
                DataType::Utf8,
                plan.field(name)?.is_nullable(),
            ));
        }
        for name in &params.truncate {
            masks.push(Source::Truncate(plan.read(name)?));
            plan.replace(Field::new(
                name,
                DataType::Utf8,
                plan.field(name)?.is_nullable(),
            ));
        }
        for name in &params.redact {
            plan.field(name)?;
            masks.push(Source::Redact);
            plan.replace(Field::new(name, DataType::Utf8, false));
        }
        if masks.is_empty() {
            return Err(Fault::invalid(
                "no column to mask; set `hash`, `redact` or `truncate`",
            ));
        }
        let digest = match params.hash.is_empty() {
            true => Digest::unused(),
            false => Digest::new(&params.key, params.digits)?,
        };
        Ok(Self {
            masks,
            digest,
            redaction: params.redaction,
            keep: params.keep,
        })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        let masked: Vec<_> = self
            .masks
            .iter()
            .map(|source| self.masked(source, batch))
            .collect();
        let masked: Vec<&dyn Array> = masked.iter().map(|array| array as _).collect();
        out.all(&masked)
    }
}

impl Mask {
    fn masked(&self, source: &Source, batch: &Batch) -> StringArray {
        match source {
            Source::HashText(column) => self.digest.column(batch.column(*column).iter()),
            Source::HashIntegers(column) => {
                let texts: Vec<_> = batch
                    .column(*column)
                    .iter()
                    .map(|value| value.map(|value| value.to_string()))
                    .collect();
                self.digest.column(texts.iter().map(Option::as_deref))
            }
            Source::Truncate(column) => {
                rows::map(&batch.column(*column), |text| first_chars(text, self.keep))
            }
            Source::Redact => std::iter::repeat_n(Some(&self.redaction), batch.n_rows()).collect(),
        }
    }
}

/// The first `n` characters of a text.
fn first_chars(text: &str, n: usize) -> &str {
    text.char_indices()
        .nth(n)
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}

sluicegate_guest::export!(Mask);

#[cfg(test)]
mod tests;
