//! A lookup object: records of text by key.

use std::collections::HashMap;

use serde_json::{Map, Value};
use sluicegate_guest::Fault;
use sluicegate_guest::objects::Folder;

/// Bytes of a lookup object, all of which stand in memory.
const BYTES_MAX: usize = 16 << 20;

/// Fields by key; `None` where a record has none.
#[derive(Debug, Default)]
pub struct Lookup(HashMap<String, Vec<Option<String>>>);

impl Lookup {
    /// Reads an object: CSV with a header, or JSON, a list of objects. Of two records of a key, the later counts.
    pub fn read(folder: &Folder, path: &str, key: &str, fields: &[String]) -> Result<Self, Fault> {
        let bytes = folder.read_all(path, BYTES_MAX)?;
        let wrong = |error: String| Fault::data(format!("the lookup `{path}`: {error}"));
        match path.rsplit('.').next() {
            Some("csv") => Self::csv(&bytes, key, fields).map_err(wrong),
            Some("json") => Self::json(&bytes, key, fields).map_err(wrong),
            _ => Err(wrong("its name ends in neither .csv nor .json".to_owned())),
        }
    }

    /// The fields of a key.
    pub fn get(&self, key: &str) -> Option<&[Option<String>]> {
        self.0.get(key).map(Vec::as_slice)
    }

    fn csv(bytes: &[u8], key: &str, fields: &[String]) -> Result<Self, String> {
        let mut reader = csv::Reader::from_reader(bytes);
        let header = reader.headers().map_err(|error| error.to_string())?.clone();
        let place = |name: &str| {
            let found = header.iter().position(|known| known == name);
            let known = || header.iter().collect::<Vec<_>>().join("`, `");
            found.ok_or_else(|| format!("it has no field `{name}`; there are `{}`", known()))
        };
        let key = place(key)?;
        let fields: Vec<usize> = fields
            .iter()
            .map(|name| place(name))
            .collect::<Result<_, _>>()?;
        let mut lookup = Self::default();
        for record in reader.records() {
            let record = record.map_err(|error| error.to_string())?;
            let text = |at: usize| record.get(at).filter(|text| !text.is_empty());
            if let Some(key) = text(key) {
                let fields = fields.iter().map(|field| text(*field).map(str::to_owned));
                lookup.0.insert(key.to_owned(), fields.collect());
            }
        }
        Ok(lookup)
    }

    fn json(bytes: &[u8], key: &str, fields: &[String]) -> Result<Self, String> {
        let records: Vec<Map<String, Value>> =
            serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let mut lookup = Self::default();
        for record in &records {
            let text = |name: &str| match record.get(name)? {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            if let Some(key) = text(key) {
                lookup
                    .0
                    .insert(key, fields.iter().map(|field| text(field)).collect());
            }
        }
        Ok(lookup)
    }
}
