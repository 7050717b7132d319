//! What is expected of inputs and of the output: compared before the run, and decided about before the commit.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use futures::TryStreamExt;

use super::drift;
use super::execute::Execution;
use super::masks::{Folders, Masks};
use super::open::{files_of, schema_of, with_schema};
use crate::engine::{
    Checked, Checks, Engine, LogicalPlan, Planned, Sink, WrittenFile, file_beside, referred,
    scorecard,
};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::sandbox::Level;
use crate::spec::{
    Application, Compatibility, Contract, ExpectedSchema, Input, Problems, RuleKind, Rules,
};

/// Rules that an error tells in full; the others are counted.
const TOLD_MAX: usize = 20;

/// The data that a rule refers to, of which no row was read.
struct Referred {
    rule: usize,
    plan: LogicalPlan,
}

impl Execution {
    /// Compares columns with a contract, of `what`, such as `input sales`.
    ///
    /// # Errors
    ///
    /// `Contract` with all differences, where the contract's rule does not forgive one of them.
    pub(super) async fn compare(
        &self,
        what: &str,
        contract: Option<&Contract>,
        found: &Schema,
    ) -> Result<()> {
        let Some(contract) = contract else {
            return Ok(());
        };
        let expected = self.expected(what, contract).await?;
        self.compare_with(what, (contract, &expected), found)
    }

    fn compare_with(
        &self,
        what: &str,
        (contract, expected): (&Contract, &Schema),
        found: &Schema,
    ) -> Result<()> {
        let (changes, forgiven) = drift::compare(expected, found, contract.compatibility);
        if forgiven {
            let logs = self.options.progress.logs().of(what);
            for change in changes.iter().take(drift::TOLD_MAX) {
                logs.log(Level::Info, &format!("differs from its contract: {change}"));
            }
            return Ok(());
        }
        Err(broken(what, contract, &changes))
    }

    /// Compares the columns of all inputs, as the run sees them, with their contracts.
    pub(super) async fn compare_inputs(&self, inputs: &[LogicalPlan]) -> Result<()> {
        for (input, plan) in self.application.inputs.iter().zip(inputs) {
            let what = format!("input {}", input.name);
            let found = plan.schema().as_arrow();
            self.compare(&what, input.contract.as_ref(), found).await?;
        }
        Ok(())
    }

    async fn expected(&self, what: &str, contract: &Contract) -> Result<SchemaRef> {
        match &contract.schema {
            ExpectedSchema::Here(schema) => Ok(Arc::clone(schema)),
            ExpectedSchema::File(uri) => {
                let discreet = self.guard.snapshot().denies_columns();
                let schema = schema_of(&self.stores, uri, discreet).await;
                schema.with_context(|| format!("read the contract of {what}"))
            }
        }
    }

    /// The rules on the output, whose columns are compared with their contract. Whether one that is never null has no
    /// null is a rule: its rows tell, where its type does not.
    pub(super) async fn rules(&self, found: &Schema) -> Result<Rules> {
        let output = &self.application.output;
        let rules = output.rules.clone();
        let Some(contract) = &output.contract else {
            return Ok(rules);
        };
        let what = "the output";
        let expected = self.expected(what, contract).await?;
        if matches!(
            contract.compatibility,
            Compatibility::Backward | Compatibility::Any
        ) {
            self.compare_with(what, (contract, &expected), found)?;
            return Ok(rules);
        }
        let fields = expected.fields().iter();
        let nullable = fields
            .clone()
            .map(|field| field.as_ref().clone().with_nullable(true));
        let nullable = Schema::new(nullable.collect::<Vec<_>>());
        self.compare_with(what, (contract, &nullable), found)?;
        let never = fields.filter(|field| !field.is_nullable());
        let never: Vec<_> = never.map(|field| field.name().as_str()).collect();
        Ok(rules.with_not_null(&never))
    }

    /// The rules on the rows of a plan, with the values that some of them refer to.
    ///
    /// # Errors
    ///
    /// Fails where the columns are not those of the contract; and with all that is wrong with the rules, each with its
    /// line.
    pub(super) async fn checks(&self, plan: &Planned) -> Result<Option<Checks>> {
        let rules = &self.rules(&plan.schema()).await?;
        if rules.list().is_empty() {
            return Ok(None);
        }
        let problems = Problems::default();
        let (mut others, mut fields) = (Vec::new(), BTreeMap::new());
        for (at, rule) in rules.list().iter().enumerate() {
            let RuleKind::References { to, field } = &rule.kind else {
                continue;
            };
            let doing = || format!("open what the rule `{}` refers to", rule.name);
            let (plan, schema) = self
                .open_referred(at, to, &field.text)
                .await
                .with_context(doing)?;
            let Some(found) = referred(&schema, field, &problems) else {
                continue;
            };
            fields.insert(at, found.clone());
            let plan = Engine::column(plan, &field.text)?;
            others.push(Referred { rule: at, plan });
        }
        let started = self.options.started;
        let schema = plan.schema();
        let checks = self
            .engine
            .checks(rules, &schema, (&fields, started), &problems);
        let mut checks = checks?;
        rules.refuse(problems)?;
        for other in others {
            let name = rules
                .list()
                .get(other.rule)
                .map_or("", |rule| rule.name.as_str());
            let doing = || format!("read what the rule `{name}` refers to");
            self.learn(&mut checks, other).await.with_context(doing)?;
        }
        Ok(Some(checks))
    }

    /// Opens data as an input is opened. Nothing is compared with a column that a policy masks: whether a row breaks the
    /// rule would tell its values.
    async fn open_referred(
        &self,
        rule: usize,
        to: &Input,
        field: &str,
    ) -> Result<(LogicalPlan, Schema)> {
        let (guard, application) = (&self.guard, &self.application);
        let mut files = files_of(&self.stores, &to.name, &to.uri).await?;
        let folders = Folders::of(&files, &self.options.environment)?;
        files.discreet = !folders.masked(guard)?.is_empty();
        let discreet = guard.snapshot().denies_columns();
        let input = with_schema(&self.stores, to.clone(), discreet).await?;
        let opened = self
            .engine
            .open(application.inputs.len() + rule, &input, &files)
            .await?;
        let columns = vec![field.to_owned()];
        let masks = Masks::decide(guard, &folders, &columns)?;
        if !masks.is_empty() {
            let message = format!("a policy masks the column `{field}`");
            return Err(Error::new(ErrorKind::Policy, message)
                .fact("column", field)
                .hint("a rule compares with values as they are: refer to other data"));
        }
        let (asking, before) = (guard.clone(), masks);
        self.held
            .keep(move || before.still(&Masks::decide(&asking, &folders, &columns)?));
        let plan = opened.scan(&BTreeMap::new())?;
        let schema = plan.schema().as_arrow().clone();
        let what = format!("input {}", to.name);
        self.compare(&what, to.contract.as_ref(), &schema).await?;
        Ok((plan, schema))
    }

    /// Reads the values that a rule refers to.
    async fn learn(&self, checks: &mut Checks, other: Referred) -> Result<()> {
        let plan = self.engine.plan(&other.plan).await?;
        for partition in 0..plan.partitions() {
            let mut rows = plan.execute(partition)?;
            while let Some(batch) = rows.try_next().await? {
                if let Some(column) = batch.columns().first() {
                    checks.learn(other.rule, column)?;
                }
                // Whoever may cancel the run waits on the same thread.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// What the rules found, and the scorecard that appears with the output.
    ///
    /// # Errors
    ///
    /// `Contract` where a rule is broken that must hold.
    pub(super) async fn conclude(
        &self,
        sink: &Arc<Sink>,
    ) -> Result<(Vec<Checked>, Option<WrittenFile>)> {
        let Some(checks) = &sink.checks else {
            return Ok((Vec::new(), None));
        };
        let mut checks = checks.outcome();
        gate(&self.application, &checks)?;
        let rows = scorecard(&sink.run_id, &checks)?;
        let file = sink
            .write_aside(SCORECARD, &rows)
            .await
            .context("write the scorecard")?;
        let logs = self.options.progress.logs();
        for value in checks.iter_mut().flat_map(|check| &mut check.sample) {
            *value = logs.clean_json(value);
        }
        Ok((checks, file))
    }
}

/// Where the scorecards of a dataset are.
const SCORECARD: &str = "_sluice/checks/";

/// The name of a run's scorecard, below the output.
pub(super) fn scorecard_file(run_id: &str) -> String {
    file_beside(SCORECARD, run_id)
}

/// The error that tells how columns differ from a contract.
fn broken(what: &str, contract: &Contract, changes: &[String]) -> Error {
    let mut message = format!("the columns of {what} are not those of its contract");
    for change in changes.iter().take(drift::TOLD_MAX) {
        let _ = write!(message, "\n  {change}");
    }
    if let Some(more @ 1..) = changes.len().checked_sub(drift::TOLD_MAX) {
        let _ = write!(message, "\n  and {more} more");
    }
    let rule = contract.compatibility;
    let forgives = match rule {
        Compatibility::Exact => "no change",
        Compatibility::Forward => "columns that are new or narrower",
        Compatibility::Backward | Compatibility::Any => "columns that are gone or wider",
    };
    let place = match &contract.schema {
        ExpectedSchema::Here(_) => "under `contract`".to_owned(),
        ExpectedSchema::File(uri) => format!("in `{uri}`"),
    };
    Error::new(ErrorKind::Contract, message)
        .fact("compatibility", rule.as_str())
        .hint(format!(
            "if the change is meant, mend the schema {place}; `compatibility = \"{}\"` forgives {forgives}",
            rule.as_str()
        ))
}

/// Fails where a rule is broken that must hold, with all that are.
fn gate(application: &Application, checks: &[Checked]) -> Result<()> {
    let is_gate = |check: &&Checked| !check.passed && check.severity == "fail";
    let broken: Vec<_> = checks.iter().filter(is_gate).collect();
    if broken.is_empty() {
        return Ok(());
    }
    let (count, all) = (broken.len(), checks.len());
    let mut message = format!("{count} of {all} rules do not hold, and nothing was written");
    for check in broken.iter().take(TOLD_MAX) {
        let _ = write!(message, "\n  {}", check.told());
        for row in &check.sample {
            let _ = write!(message, "\n    {row}");
        }
    }
    if let Some(more @ 1..) = count.checked_sub(TOLD_MAX) {
        let _ = write!(message, "\n  and {more} more");
    }
    let rules: Vec<_> = broken.iter().map(|check| check.rule.as_str()).collect();
    Err(Error::new(ErrorKind::Contract, message)
        .fact("rules", rules.join(", "))
        .hint("mend the data or the transform; `allow` forgives some rows, and `severity = \"warn\"` lets the output appear all the same")
        .context(format!("check the output `{}`", application.output.uri)))
}
