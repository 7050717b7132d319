//! What a run reads, and the plan on top of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::access::{self, Reach, Vault};
use super::execute::Execution;
use super::incremental::{Before, Listed};
use super::masks::{Folders, Masks};
use super::open::{files_of, named_files_of, with_schema};
use super::{plugin_bytes, record};
use crate::engine::{LogicalPlan, Watch};
use crate::error::{Error, Result, ResultExt};
use crate::spec::Source;

impl Execution {
    /// The plan of the application: its inputs, and its steps on top of them.
    ///
    /// Where it goes on from what the version `before` tells, its input is opened and not read yet.
    pub(super) async fn plan(
        &self,
        before: Option<&Before>,
    ) -> Result<(LogicalPlan, Option<Listed>)> {
        let (inputs, vault, listed) = self.inputs(before).await?;
        let mut steps: Vec<LogicalPlan> = Vec::new();
        let mut noted = Vec::new();
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
            self.same_plugin(step, &plugin)?;
            noted.push(record::step(step, &plugin));
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
        let plan = source(&inputs, &steps, self.application.output.from)?;
        self.note_steps(noted, &plan);
        Ok((plan, listed))
    }

    /// The inputs as the run may see them, and its secrets.
    async fn inputs(
        &self,
        before: Option<&Before>,
    ) -> Result<(Vec<LogicalPlan>, Arc<Vault>, Option<Listed>)> {
        let (application, guard) = (&self.application, &self.guard);
        let (mut opened, mut listed) = (Vec::new(), None);
        let mut noted = Vec::new();
        let mut bytes = 0;
        for (index, input) in application.inputs.iter().enumerate() {
            let mut files = match before {
                None => files_of(&self.stores, &input.name, &input.uri).await?,
                Some(_) => named_files_of(&self.stores, &input.name, &input.uri).await?,
            };
            self.only_replayed(input, &mut files)?;
            bytes += files.objects.iter().map(|object| object.size).sum::<u64>();
            let folders = Folders::of(&files, &self.options.environment)?;
            files.discreet = !folders.masked(guard)?.is_empty();
            let discreet = guard.snapshot().denies_columns();
            let declared = input;
            let input = with_schema(&self.stores, input.clone(), discreet).await?;
            let input = match before {
                None => self.engine.open(index, &input, &files).await?,
                Some(before) => {
                    let sample = before.sample(&input, &files);
                    let opening = self.engine.open_later(index, &input, &files, sample);
                    let (opened, later) = opening.await?;
                    listed = Some(Listed::new(&input, files.clone(), later)?);
                    opened
                }
            };
            let columns = input.columns();
            let masks = Masks::decide(guard, &folders, &columns)?;
            noted.push(record::input(declared, &files, masks.names()));
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
        let mut masked = Vec::with_capacity(opened.len());
        for (input, masks) in opened {
            let masks = masks.ready(application, guard, &self.held, &vault)?;
            if let Some(listed) = &mut listed {
                listed.add_masks(&masks)?;
            }
            masked.push(input.scan(&masks)?);
        }
        self.compare_inputs(&masked).await?;
        self.note_inputs(noted, &masked);
        Ok((masked, Arc::new(vault), listed))
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
