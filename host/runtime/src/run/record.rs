//! What a run notes of itself, for its receipt.

use std::sync::PoisonError;

use arrow::datatypes::Fields;
use chrono::DateTime;

use super::execute::Execution;
use super::receipt::{
    ColumnLineage, InputFile, InputReceipt, OutputReceipt, Receipt, StepReceipt, time,
};
use super::threads;
use crate::engine::{BadKind, Files, LogicalPlan, Planned, origins};
use crate::error::Result;
use crate::sandbox::Plugin;
use crate::spec::{Input, Numbers, ObjectAction, Partitions, SchemaColumn, Step, WallClock};
use crate::storage::DataFile;

/// What was known when the run was planned.
#[derive(Debug, Default)]
pub(super) struct Noted {
    inputs: Vec<InputReceipt>,
    steps: Vec<StepReceipt>,
    lineage: Vec<ColumnLineage>,
}

/// What a receipt says of an input; the columns are said once it is scanned.
pub(super) fn input(input: &Input, files: &Files, masked: Vec<String>) -> InputReceipt {
    InputReceipt {
        name: input.name.clone(),
        uri: input.uri.to_string(),
        format: input.format.as_str().to_owned(),
        columns: Vec::new(),
        unreadable: 0,
        // Names of folders hold values of columns.
        files: match input.partitions {
            Partitions::None => Some(listed(files)),
            _ if masked.is_empty() => Some(listed(files)),
            _ => None,
        },
        masked,
    }
}

fn listed(files: &Files) -> Vec<InputFile> {
    files.objects.iter().map(InputFile::of).collect()
}

/// What a receipt says of a step before it has done anything.
pub(super) fn step(step: &Step, plugin: &Plugin) -> StepReceipt {
    StepReceipt {
        name: step.name.clone(),
        plugin: step.plugin.to_string(),
        sha256: plugin.digest().to_owned(),
        ..StepReceipt::default()
    }
}

fn columns(fields: &Fields) -> Vec<SchemaColumn> {
    let fields = fields.iter();
    fields.map(|field| SchemaColumn::from(&**field)).collect()
}

impl Execution {
    /// Notes the inputs, and the plans of their rows.
    pub(super) fn note_inputs(&self, mut inputs: Vec<InputReceipt>, scans: &[LogicalPlan]) {
        for (input, scan) in inputs.iter_mut().zip(scans) {
            input.columns = columns(scan.schema().fields());
        }
        self.noted().inputs = inputs;
    }

    /// Notes which files of the input are read, where it is not all.
    pub(super) fn note_processed(&self, files: &Files) {
        for input in &mut self.noted().inputs {
            input.files = input.files.is_some().then(|| listed(files));
        }
    }

    /// Notes the steps, and the plan of the output.
    pub(super) fn note_steps(&self, steps: Vec<StepReceipt>, plan: &LogicalPlan) {
        let lineage = origins(plan).into_iter().map(|origins| ColumnLineage {
            column: origins.column,
            same: origins.same,
            from: origins
                .from
                .into_iter()
                .map(|from| (from.input, from.column))
                .collect(),
        });
        let mut noted = self.noted();
        noted.steps = steps;
        noted.lineage = lineage.collect();
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known before the first row is read; of a run that is done again, what was known then.
    pub(super) fn receipt(&self, plan: &Planned) -> Result<Receipt> {
        if let Some(replayed) = &self.replay {
            return Ok(Receipt::clone(replayed));
        }
        let (application, options) = (&self.application, &self.options);
        let noted = std::mem::take(&mut *self.noted());
        let parameters = application.parameters.iter();
        Ok(Receipt {
            format: Receipt::FORMAT,
            sluice: env!("CARGO_PKG_VERSION").to_owned(),
            run: options.run_id.clone(),
            application: application.name.clone(),
            origin: application.origin.clone(),
            parameters: parameters
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
            submitter: options.submitter.clone(),
            compartment: options.compartment.clone(),
            started: time(DateTime::from(options.started)),
            seconds: 0.0,
            threads: threads(options.threads),
            policies: self.policies()?.into_iter().collect(),
            undetermined: self.undetermined(),
            inputs: noted.inputs,
            steps: noted.steps,
            output: OutputReceipt {
                uri: application.output.uri.to_string(),
                format: application.output.format.as_str().to_owned(),
                mode: application.output.mode.as_str().to_owned(),
                columns: columns(plan.schema().fields()),
                lineage: noted.lineage,
                ..OutputReceipt::default()
            },
            accessed: Vec::new(),
            accessed_others: 0,
        })
    }

    /// What files say of where their rows come from, if they are to.
    pub(super) fn provenance(&self, receipt: &Receipt) -> Result<Option<String>> {
        if !self.application.output.provenance {
            return Ok(None);
        }
        let text = receipt.provenance().write()?;
        Ok(Some(self.options.progress.logs().clean(&text).into_owned()))
    }

    /// The receipt, now that all rows are written.
    pub(super) fn complete(
        &self,
        mut receipt: Receipt,
        plan: &Planned,
        files: Vec<DataFile>,
    ) -> Result<Receipt> {
        for (step, figures) in receipt.steps.iter_mut().zip(plan.steps()) {
            step.rows_in = figures.rows_in;
            step.rows_out = figures.rows_out;
            step.rows_rejected = figures.rows_rejected;
            step.rows_failed = figures.rows_failed;
        }
        for figures in self.engine.quarantine().figures() {
            let mut inputs = receipt.inputs.iter_mut();
            let named =
                inputs.find(|input| figures.kind == BadKind::Input && input.name == figures.name);
            if let Some(input) = named {
                input.unreadable = figures.rows;
            }
        }
        receipt.seconds = self.started.elapsed().as_secs_f64();
        receipt.output.rows_in = plan.rows_read();
        receipt.output.rows = files.iter().filter_map(|file| file.rows).sum();
        receipt.output.files = files;
        (receipt.accessed, receipt.accessed_others) = self.accessed.told();
        if receipt.inputs.iter().any(|input| input.files.is_none()) {
            let accessed = std::mem::take(&mut receipt.accessed);
            receipt.accessed_others += accessed.iter().map(|access| access.times).sum::<u64>();
        }
        let now = self.policies()?;
        receipt.policies.extend(now);
        receipt.policies.dedup();
        Ok(receipt)
    }

    /// A digest of the policies that decide at present.
    pub(super) fn policies(&self) -> Result<Option<String>> {
        let given = self.options.policies.as_ref();
        given.map(|given| given.borrow().digest()).transpose()
    }

    /// Why the run may do something else if it is run again.
    fn undetermined(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        for step in &self.application.steps {
            let (name, access) = (&step.name, &step.access);
            if access.clock == WallClock::Real {
                reasons.push(format!("step `{name}` sees the time"));
            }
            if access.random == Numbers::Real {
                reasons.push(format!("step `{name}` has random numbers of the system"));
            }
            if !access.http.is_empty() {
                reasons.push(format!("step `{name}` asks servers"));
            }
            let mut actions = access.objects.iter().flat_map(|grant| &grant.actions);
            if actions.any(|action| *action <= ObjectAction::Get) {
                reasons.push(format!("step `{name}` reads objects"));
            }
        }
        reasons
    }
}
