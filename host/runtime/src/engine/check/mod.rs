//! Rules on the rows of an output, looked at batch by batch while they are written.
//!
//! Each partition keeps its own tallies, which are put together when all have ended; only the keys of what has to be
//! unique are shared. The result is the same for every way of cutting the rows into batches and partitions.

mod bounds;
mod compile;
mod keys;
mod known;
mod newest;
mod sample;
mod scorecard;
mod seen;
mod texts;
mod together;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

use self::bounds::Bounds;
use self::compile::Compiler;
use self::keys::Seeds;
use self::known::Known;
use self::newest::{Found, Newest};
use self::seen::Seen;
use self::together::{Together, Verdicts};
use crate::error::{Error, Result};
use crate::spec::{Allowance, Problems, Rule, Rules, Severity};

pub(crate) use self::compile::referred;
pub(crate) use self::scorecard::scorecard;

/// What one rule found, over all partitions.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The rule's name.
    pub rule: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its columns; none where it is about the whole output.
    pub columns: Vec<String>,
    /// `fail` or `warn`.
    pub severity: &'static str,
    /// Rows that it looked at: where a null does not matter to it, those with a value.
    pub checked: u64,
    /// Rows that violate it; of a rule about the whole output, one.
    pub violations: u64,
    /// Whether there are no more than it allows.
    pub passed: bool,
    /// The first rows that violate it; of rows that should be unique, some of the keys that come again.
    pub sample: Vec<Value>,
}

impl Checked {
    /// What violates the rule, if anything does, for people.
    #[must_use]
    pub fn told(&self) -> String {
        let Self {
            rule,
            kind,
            violations,
            checked,
            ..
        } = self;
        match *kind {
            "row-count" => format!("`{rule}`: {checked} rows in all"),
            "freshness" => format!("`{rule}`: the newest row is too old"),
            "unique" => format!("`{rule}`: {violations} of {checked} rows come again"),
            _ => format!("`{rule}`: {violations} of {checked} rows violate it"),
        }
    }
}

/// All rules of an output.
#[derive(Debug)]
pub(crate) struct Checks {
    list: Vec<Check>,
    /// Rules on a column of texts, by the column.
    together: Vec<Together>,
    seeds: Seeds,
    ended: Mutex<Vec<(usize, Vec<Tally>)>>,
}

/// One rule.
#[derive(Debug)]
struct Check {
    rule: String,
    kind: &'static str,
    names: Vec<String>,
    severity: Severity,
    allow: Allowance,
    columns: Vec<usize>,
    test: Test,
    /// Whether it is looked at together with others on its column.
    is_of_texts: bool,
}

/// What is looked at.
#[derive(Debug)]
enum Test {
    NotNull,
    Unique(Seen),
    Range(Bounds),
    Known(Known),
    RowCount(u64, u64),
    Freshness(Newest),
}

/// What one rule found in one partition.
#[derive(Debug, Default)]
struct Tally {
    checked: u64,
    violations: u64,
    sample: Vec<Value>,
    /// Keys that came again, in an order that does not depend on the rows'.
    again: BTreeMap<u64, Value>,
    newest: Option<Found>,
}

impl Checks {
    /// Compiles rules for rows of a schema; `referred` are the columns that some refer to, by the rule's place. Problems
    /// are added to `problems`, and the checks are then incomplete.
    pub(super) fn new(
        rules: &Rules,
        schema: &Schema,
        referred: &BTreeMap<usize, Field>,
        context: (SystemTime, u64, &Arc<dyn MemoryPool>),
        problems: &Problems,
    ) -> Result<Self> {
        let (started, keys_max, pool) = context;
        let seeds = Seeds::random()?;
        let compiler = Compiler {
            schema,
            keys_max,
            started,
            problems,
            seeds: &seeds,
        };
        let mut list = Vec::with_capacity(rules.list().len());
        for (at, rule) in rules.list().iter().enumerate() {
            let memory = MemoryConsumer::new(format!("keys of the rule `{}`", rule.name));
            let memory = memory.register(pool);
            list.extend(compiler.check(rule, referred.get(&at), &memory)?);
        }
        Ok(Self {
            together: Together::all(&mut list, schema),
            list,
            seeds,
            ended: Mutex::default(),
        })
    }

    /// Adds values of the column that the rule at a place refers to.
    pub(crate) fn learn(&mut self, rule: usize, column: &ArrayRef) -> Result<()> {
        match self.list.get_mut(rule).map(|check| &mut check.test) {
            Some(Test::Known(known)) => known.learn(column),
            _ => Err(Error::internal("a rule that refers to nothing learns")),
        }
    }

    /// Begins a partition.
    pub(super) fn partition(&self) -> Partition<'_> {
        let tallies = self.list.iter().map(|_| Tally::default()).collect();
        let together = self.together.iter();
        Partition {
            checks: self,
            tallies,
            verdicts: together.map(|_| Verdicts::default()).collect(),
        }
    }

    /// What the rules found in all partitions that ended, in the order of the rules.
    pub(crate) fn outcome(&self) -> Vec<Checked> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended = std::mem::take(&mut *ended);
        ended.sort_by_key(|(partition, _)| *partition);
        let mut all: Vec<_> = self.list.iter().map(|_| Tally::default()).collect();
        for (_, tallies) in ended {
            for (all, tally) in all.iter_mut().zip(tallies) {
                all.add(tally);
            }
        }
        let both = self.list.iter().zip(all);
        both.map(|(check, tally)| check.outcome(tally)).collect()
    }
}

/// The rules at work in one partition.
pub(super) struct Partition<'a> {
    checks: &'a Checks,
    tallies: Vec<Tally>,
    verdicts: Vec<Verdicts>,
}

impl Partition<'_> {
    /// Looks at the next rows.
    pub(super) fn look(&mut self, batch: &RecordBatch) -> Result<()> {
        let alone = self.checks.list.iter().zip(&mut self.tallies);
        let mut alone = alone.filter(|(check, _)| !check.is_of_texts);
        alone.try_for_each(|(check, tally)| check.look(batch, tally))?;
        let together = self.checks.together.iter().zip(&mut self.verdicts);
        for (together, verdicts) in together {
            together.look(batch, self.checks, verdicts, &mut self.tallies);
        }
        Ok(())
    }

    /// Hands over what was found in the partition of this number.
    pub(super) fn end(self, number: usize) {
        let ended = &self.checks.ended;
        let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push((number, self.tallies));
    }
}

impl Check {
    fn new(rule: &Rule, columns: Vec<usize>, test: Test) -> Self {
        Self {
            rule: rule.name.clone(),
            kind: rule.kind.as_str(),
            names: rule.columns.iter().map(|name| name.text.clone()).collect(),
            severity: rule.severity,
            allow: rule.allow,
            columns,
            test,
            is_of_texts: false,
        }
    }

    fn look(&self, batch: &RecordBatch, tally: &mut Tally) -> Result<()> {
        let rows = batch.num_rows();
        let columns = self
            .columns
            .iter()
            .filter_map(|at| batch.columns().get(*at));
        let columns: Vec<_> = columns.map(spelt_out).collect();
        let nulls = keys::nulls(&columns);
        let values = rows
            - nulls
                .as_ref()
                .map_or(0, arrow::buffer::NullBuffer::null_count);
        let Some(first) = columns.first() else {
            tally.checked += rows as u64;
            return Ok(());
        };
        let mut violating = match &self.test {
            Test::NotNull => {
                tally.checked += rows as u64;
                if let Some(nulls) = nulls {
                    let rows: Vec<_> = (0..rows).filter(|row| nulls.is_null(*row)).collect();
                    self.violated(batch, &rows, tally);
                }
                return Ok(());
            }
            Test::Unique(seen) => {
                let again = seen.add(&columns)?;
                tally.checked += values as u64;
                return tally.came_again(&columns, &self.names, &again);
            }
            Test::Freshness(_) => {
                Found::look(first, &mut tally.newest);
                tally.checked += values as u64;
                return Ok(());
            }
            Test::Range(bounds) => bounds.outside(first)?,
            Test::Known(known) => known.unknown(first)?,
            Test::RowCount(..) => return Ok(()),
        };
        tally.checked += values as u64;
        if let Some(nulls) = nulls {
            violating.retain(|row| nulls.is_valid(*row));
        }
        self.violated(batch, &violating, tally);
        Ok(())
    }

    /// Counts the rows that violate the rule, and keeps the first of them.
    fn violated(&self, batch: &RecordBatch, rows: &[usize], tally: &mut Tally) {
        tally.violations += rows.len() as u64;
        let wanted = sample::ROWS_MAX.saturating_sub(tally.sample.len());
        let shown = rows.iter().take(wanted);
        let shown = shown.map(|row| sample::row(batch, *row, &self.columns));
        tally.sample.extend(shown);
    }

    fn outcome(&self, mut tally: Tally) -> Checked {
        match &self.test {
            Test::RowCount(min, max) if !(*min..=*max).contains(&tally.checked) => {
                tally.violations = 1;
                tally.sample.push(json!({ "rows": tally.checked }));
            }
            Test::Freshness(newest) if !newest.is_met(tally.newest.as_ref()) => {
                tally.violations = 1;
                let shown = tally.newest.map_or(Value::Null, Found::shown);
                let name = self.names.first().cloned().unwrap_or_default();
                tally.sample.push(json!({ name: shown }));
            }
            _ => {}
        }
        tally.sample.extend(tally.again.into_values());
        Checked {
            rule: self.rule.clone(),
            kind: self.kind,
            columns: self.names.clone(),
            severity: self.severity.as_str(),
            checked: tally.checked,
            violations: tally.violations,
            passed: self.allow.forgives(tally.violations, tally.checked),
            sample: tally.sample,
        }
    }
}

impl Tally {
    /// Counts rows whose key was there before, and keeps some of the keys.
    fn came_again(&mut self, columns: &[ArrayRef], names: &[String], rows: &[usize]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.violations += rows.len() as u64;
        let at: UInt64Array = rows.iter().map(|row| *row as u64).collect();
        let columns: Vec<_> = columns
            .iter()
            // Of values that are the same, one form is shown, whichever row had which.
            .map(|column| take(&keys::canonical(column), &at, None))
            .collect::<std::result::Result<_, _>>()
            .map_err(|cause| Error::internal("show rows that come again").source(cause))?;
        let order = keys::order(&columns)?;
        let mut seen = BTreeSet::new();
        for (row, order) in order.into_iter().enumerate() {
            let last = self.again.last_key_value().map(|(last, _)| *last);
            let is_shown =
                self.again.len() < sample::ROWS_MAX || last.is_some_and(|last| order < last);
            if !is_shown || !seen.insert(order) || self.again.contains_key(&order) {
                continue;
            }
            let values = columns.iter().map(|column| sample::value(column, row));
            let key = names.iter().cloned().zip(values).collect();
            self.again.insert(order, Value::Object(key));
            self.bound();
        }
        Ok(())
    }

    fn bound(&mut self) {
        while self.again.len() > sample::ROWS_MAX {
            self.again.pop_last();
        }
    }

    /// Adds what the partition behind found.
    fn add(&mut self, other: Self) {
        self.checked += other.checked;
        self.violations += other.violations;
        self.sample.extend(other.sample);
        self.sample.truncate(sample::ROWS_MAX);
        self.again.extend(other.again);
        self.bound();
        self.newest = Found::newer(self.newest.take(), other.newest);
    }
}

/// The column with the values of a dictionary in place of their numbers.
fn spelt_out(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        arrow::datatypes::DataType::Dictionary(..) => keys::canonical(column),
        _ => Arc::clone(column),
    }
}

#[cfg(test)]
mod tests;
