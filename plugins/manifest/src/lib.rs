//! Enriches rows from a lookup object by key, and writes a manifest of the keys that it saw beside the output.

mod lookup;

use std::collections::BTreeMap;
use std::io::Write;

use serde::{Deserialize, Serialize};
use sluicegate_guest::array::{Array, BooleanArray, StringArray};
use sluicegate_guest::objects::Folder;
use sluicegate_guest::prelude::*;

use lookup::Lookup;

/// Keys that a manifest counts: each stands in memory until the end.
const N_KEYS_MAX: usize = 100_000;

/// What an application may set.
#[derive(Clone, Debug, Deserialize)]
pub struct Params {
    /// The column of keys: text or integers.
    key: String,
    /// The lookup object, CSV or JSON by its ending, and the folder that it is in.
    lookup: String,
    #[serde(default = "lookup_folder")]
    lookup_folder: String,
    /// The field of keys in the lookup; `key` unless given.
    lookup_key: Option<String>,
    /// The fields of the lookup that become columns.
    fields: Vec<String>,
    /// What becomes of rows whose key the lookup does not have.
    #[serde(default)]
    unmatched: Unmatched,
    /// The manifest, and the folder that it goes to.
    #[serde(default = "manifest")]
    manifest: String,
    #[serde(default = "manifest_folder")]
    manifest_folder: String,
    /// Whether it may take the place of an older one.
    #[serde(default)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unmatched {
    /// The added columns are null.
    #[default]
    Null,
    /// They are rejected.
    Reject,
}

fn lookup_folder() -> String {
    "lookup".to_owned()
}

fn manifest() -> String {
    "manifest.json".to_owned()
}

fn manifest_folder() -> String {
    "manifest".to_owned()
}

/// What the manifest says.
#[derive(Debug, Default, Serialize)]
struct Counts {
    rows: u64,
    /// Rows without a key, or with one that the lookup does not have.
    unmatched: u64,
    /// Rows of each key.
    keys: BTreeMap<String, u64>,
}

/// Reads the column of keys alone.
#[derive(Debug)]
pub struct Manifest {
    key: Key,
    params: Params,
    /// Read before the first batch.
    lookup: Option<Lookup>,
    counts: Counts,
}

/// The column of keys.
#[derive(Debug)]
enum Key {
    Text(Column<Text>),
    Integers(Column<Integers>),
}

impl Transform for Manifest {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        let is_integer = plan.field(&params.key)?.data_type().is_integer();
        let key = if is_integer {
            Key::Integers(plan.read(&params.key)?)
        } else {
            Key::Text(plan.read(&params.key)?)
        };
        plan.pass_all();
        for field in &params.fields {
            plan.compute(Field::new(field, DataType::Utf8, true));
        }
        Ok(Self {
            key,
            params,
            lookup: None,
            counts: Counts::default(),
        })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        let lookup = match self.lookup.take() {
            Some(lookup) => lookup,
            None => self.read()?,
        };
        let keys = self.key.of(batch);
        let mut found: Vec<Option<&[Option<String>]>> = Vec::with_capacity(keys.len());
        for (row, key) in keys.into_iter().enumerate() {
            let fields = key.as_deref().and_then(|key| lookup.get(key));
            found.push(fields);
            self.counts.unmatched += u64::from(fields.is_none());
            if fields.is_none() && self.params.unmatched == Unmatched::Reject {
                out.reject(row, self.unmatched(key.as_deref()));
            }
            self.count(key)?;
        }
        let rejects = self.params.unmatched == Unmatched::Reject;
        let kept = found.iter().map(|row| Some(row.is_some() || !rejects));
        let kept = Filter::from(&kept.collect::<BooleanArray>());
        let column = |field: usize| -> StringArray {
            let rows = kept.rows().map(|row| found.get(row).copied().flatten());
            rows.map(|fields| fields.and_then(|fields| fields.get(field).cloned().flatten()))
                .collect()
        };
        let columns: Vec<StringArray> = (0..self.params.fields.len()).map(column).collect();
        let columns: Vec<&dyn Array> = columns.iter().map(|column| column as &dyn Array).collect();
        out.filter(&kept, &columns)?;
        self.lookup = Some(lookup);
        Ok(())
    }

    fn finish(&mut self, _: &mut Output<'_>) -> Result<(), Fault> {
        let folder = Folder::open(&self.params.manifest_folder)?;
        let path = &self.params.manifest;
        let mut writer = match self.params.overwrite {
            true => folder.overwrite(path)?,
            false => folder.create(path)?,
        };
        let counts = serde_json::to_writer_pretty(&mut writer, &self.counts);
        counts.map_err(std::io::Error::from)?;
        writer.write_all(b"\n")?;
        writer.finish()?;
        Ok(())
    }
}

impl Manifest {
    fn read(&self) -> Result<Lookup, Fault> {
        let params = &self.params;
        let key = params.lookup_key.as_ref().unwrap_or(&params.key);
        let folder = Folder::open(&params.lookup_folder)?;
        Lookup::read(&folder, &params.lookup, key, &params.fields)
    }

    fn unmatched(&self, key: Option<&str>) -> String {
        match key {
            Some(key) => format!("`{key}` is not in `{}`", self.params.lookup),
            None => format!("`{}` is null", self.params.key),
        }
    }

    fn count(&mut self, key: Option<String>) -> Result<(), Fault> {
        self.counts.rows += 1;
        let Some(key) = key else { return Ok(()) };
        *self.counts.keys.entry(key).or_default() += 1;
        if self.counts.keys.len() > N_KEYS_MAX {
            let key = &self.params.key;
            return Err(Fault::data(format!(
                "column `{key}` has more than {N_KEYS_MAX} distinct keys, which are too many for a manifest"
            )));
        }
        Ok(())
    }
}

impl Key {
    fn of(&self, batch: &Batch) -> Vec<Option<String>> {
        match self {
            Self::Text(column) => {
                let texts = batch.column(*column);
                texts.iter().map(|text| text.map(str::to_owned)).collect()
            }
            Self::Integers(column) => {
                let integers = batch.column(*column);
                integers.iter().map(|key| Some(key?.to_string())).collect()
            }
        }
    }
}

sluicegate_guest::export!(Manifest);

#[cfg(test)]
mod tests;
