//! Adds fields from an HTTP API: one request for each key that was not asked for before.

mod answers;
mod api;

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use sluicegate_guest::array::{Array, BooleanArray, StringArray};
use sluicegate_guest::prelude::*;

use answers::{Answer, Answers};
use api::Api;

/// What an application may set.
#[derive(Clone, Debug, Deserialize)]
pub struct Params {
    /// Where a key is asked for; `{key}` stands for it.
    url: String,
    /// The column of keys: text or integers.
    key: String,
    /// The columns to add, each with its place in the response.
    fields: Vec<Field>,
    /// Headers of each request. Secrets are the host's to add.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// What becomes of rows whose key cannot be had.
    #[serde(default)]
    on_error: OnError,
    /// How long each part of a request may take.
    #[serde(default = "timeout_ms")]
    timeout_ms: u64,
}

/// A column to add.
#[derive(Clone, Debug, Deserialize)]
struct Field {
    column: String,
    /// Names joined by `.`; the column's own unless given.
    path: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnError {
    /// The run fails, transiently where another try may help.
    #[default]
    Fault,
    /// They are rejected.
    Reject,
    /// The added columns are null.
    Null,
}

const fn timeout_ms() -> u64 {
    10_000
}

/// Reads the column of keys alone.
#[derive(Debug)]
pub struct FetchEnrich {
    key: Key,
    api: Api,
    n_fields: usize,
    on_error: OnError,
    answers: Answers,
}

/// The column of keys.
#[derive(Debug)]
enum Key {
    Text(Column<Text>),
    Integers(Column<Integers>),
}

impl Transform for FetchEnrich {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        let is_integer = plan.field(&params.key)?.data_type().is_integer();
        let key = if is_integer {
            Key::Integers(plan.read(&params.key)?)
        } else {
            Key::Text(plan.read(&params.key)?)
        };
        plan.pass_all().stateless();
        for field in &params.fields {
            let column = sluicegate_guest::Field::new(&field.column, DataType::Utf8, true);
            plan.compute(column);
        }
        Ok(Self {
            key,
            n_fields: params.fields.len(),
            on_error: params.on_error,
            api: Api::new(params)?,
            answers: Answers::default(),
        })
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        let keys = self.key.of(batch);
        let mut answers: HashMap<&str, Result<Answer, String>> = HashMap::new();
        for key in keys.iter().flatten() {
            if !answers.contains_key(key.as_str()) {
                answers.insert(key, self.answer(key)?);
            }
        }
        let unknown: Answer = vec![None; self.n_fields].into();
        let mut rows: Vec<Option<&Answer>> = Vec::with_capacity(keys.len());
        for (row, key) in keys.iter().enumerate() {
            let answer = key.as_deref().and_then(|key| answers.get(key));
            match answer {
                None => rows.push(Some(&unknown)),
                Some(Ok(answer)) => rows.push(Some(answer)),
                Some(Err(why)) => {
                    out.reject(row, why.clone());
                    rows.push(None);
                }
            }
        }
        let kept: BooleanArray = rows.iter().map(|row| Some(row.is_some())).collect();
        let column = |field: usize| -> StringArray {
            let rows = rows.iter().flatten();
            rows.map(|answer| answer.get(field).cloned().flatten())
                .collect()
        };
        let columns: Vec<StringArray> = (0..self.n_fields).map(column).collect();
        let columns: Vec<&dyn Array> = columns.iter().map(|column| column as &dyn Array).collect();
        out.filter(&Filter::from(&kept), &columns)
    }
}

impl FetchEnrich {
    /// What is known of a key, or why the rows of it are rejected.
    fn answer(&mut self, key: &str) -> Result<Result<Answer, String>, Fault> {
        if let Some(known) = self.answers.get(key) {
            return Ok(Ok(known));
        }
        match self.api.fetch(key) {
            Ok(answer) => {
                self.answers.keep(key, &answer);
                Ok(Ok(answer))
            }
            Err(fault) => match self.on_error {
                OnError::Fault => Err(fault),
                OnError::Reject => Ok(Err(fault.message().to_owned())),
                OnError::Null => Ok(Ok(vec![None; self.n_fields].into())),
            },
        }
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

sluicegate_guest::export!(FetchEnrich);

#[cfg(test)]
mod tests;
