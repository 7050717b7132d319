//! What a run reads, and the plan on top of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::access::{self, Reach, Vault};
use super::execute::Execution;
use super::masks::{Folders, Masks};
use super::open::{files_of, with_schema};
use super::plugin_bytes;
use crate::engine::{LogicalPlan, Watch};
use crate::error::{Error, Result, ResultExt};
use crate::spec::Source;

impl Execution {
    /// The plan of the application: its inputs, and its steps on top of them.
    pub(super) async fn plan(&self) -> Result<LogicalPlan> {
        let (inputs, vault) = self.inputs().await?;
        let mut steps: Vec<LogicalPlan> = Vec::new();
        for step in &self.application.steps {
            let below = source(&inputs, &steps, step.from)?;
            let component = plugin_bytes(&self.stores, &step.plugin, &step.name).await?;
            let sandbox = self.sandbox.clone();
            let cancelled = self.cancelled();
            let offers = access::offers(&step.access);
            let load = move || sandbox.load_unless(&component, offers, &*cancelled);
            let plugin = tokio::task::spawn_blocking(load)
                .await
                .map_err(|error| Error::internal("compile a plugin").source(error))?
                .with_context(|| {
                    format!("load the plugin `{}` of step `{}`", step.plugin, step.name)
                })?;
            let profile = self.options.profile.as_ref();
            let logs = self.options.progress.logs().of(&step.name);
            let reach = Reach {
                guard: &self.guard,
                held: &self.held,
                stores: &self.stores,
                side: &self.side,
                vault: &vault,
                written: &self.written,
                bytes_max: self.application.limits.output_bytes,
                has_policies: self.options.policies.is_some(),
                budget: &self.budget,
                stand_in: self.options.stand_in.as_ref(),
            };
            let log_bytes = self.application.limits.guest.log_bytes;
            let said = self.options.progress.logs();
            let watch = Watch {
                access: access::access(step, &reach, &logs).await?,
                logs: said.asking(&step.name, &self.guard, log_bytes),
                cancel: self.cancelled(),
                profile: profile.map(|profile| profile.step(&step.name)),
                keeping: self.keeping.clone(),
            };
            steps.push(self.engine.transform(step, plugin, watch, below).await?);
        }
        source(&inputs, &steps, self.application.output.from)
    }

    /// The inputs as the run may see them, and its secrets.
    async fn inputs(&self) -> Result<(Vec<LogicalPlan>, Arc<Vault>)> {
        let (application, guard) = (&self.application, &self.guard);
        let mut opened = Vec::new();
        let mut bytes = 0;
        for (index, input) in application.inputs.iter().enumerate() {
            let mut files = files_of(&self.stores, &input.name, &input.uri).await?;
            bytes += files.objects.iter().map(|object| object.size).sum::<u64>();
            let folders = Folders::of(&files, &self.options.environment)?;
            files.discreet = !folders.masked(guard)?.is_empty();
            let discreet = guard.snapshot().denies_columns();
            let input = with_schema(&self.stores, input.clone(), discreet).await?;
            let input = self.engine.open(index, &input, &files).await?;
            let columns = input.columns();
            let masks = Masks::decide(guard, &folders, &columns)?;
            let (asking, before) = (guard.clone(), masks.clone());
            let again = move || before.still(&Masks::decide(&asking, &folders, &columns)?);
            self.held.keep(again);
            opened.push((input, masks));
        }
        let total = &self.options.progress.bytes_total;
        total.store(bytes, Ordering::Relaxed);
        let hashing = opened
            .iter()
            .flat_map(|(_, masks)| masks.secrets())
            .collect();
        let vault = Vault::open(application, &self.options, guard, &hashing).await?;
        let masked = opened
            .into_iter()
            .map(|(input, masks)| {
                input.scan(&masks.ready(application, guard, &self.held, &vault)?)
            })
            .collect::<Result<Vec<_>>>()?;
        self.compare_inputs(&masked).await?;
        Ok((masked, Arc::new(vault)))
    }
}

fn source(inputs: &[LogicalPlan], steps: &[LogicalPlan], from: Source) -> Result<LogicalPlan> {
    let found = match from {
        Source::Input(index) => inputs.get(index),
        Source::Step(index) => steps.get(index),
    };
    found
        .cloned()
        .ok_or_else(|| Error::internal("an application reads from a source that it does not have"))
}
