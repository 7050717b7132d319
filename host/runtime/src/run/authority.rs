//! In whose name a run acts, and what it may do.

use std::sync::Arc;

use super::contract::scorecard_file;
use super::execute::Execution;
use super::incremental::bookmark_file;
use super::{Options, needs};
use crate::engine::Quarantine;
use crate::error::{Error, Result};
use crate::policy::{Context, Guard, Policies, PolicyFile, Principal, Resource, RunIdentity, act};
use crate::spec::{Application, Mode};
use crate::storage::{Place, canonical};

/// The error with a denial and its cure as a hint, or with the cure alone where it tells of the denial already.
pub(super) fn told(error: Error, denial: &Error) -> Error {
    if error.to_string().contains(denial.message()) {
        let known = error.hints().to_vec();
        let new = denial.hints().iter().filter(|hint| !known.contains(hint));
        return new.cloned().fold(error, Error::hint);
    }
    let mut text = format!("a transform was denied: {denial}");
    for hint in denial.hints() {
        text.push_str("\n  ");
        text.push_str(&hint.replace('\n', "\n  "));
    }
    error.hint(text)
}

/// Decides in the name of the run: by the policies that are given, and never beyond what its application declares.
pub(super) fn guard(application: &Application, options: &Options) -> Result<Guard> {
    let principal = Principal::run(RunIdentity {
        id: options.run_id.clone(),
        application: application.name.clone(),
        compartment: options.compartment.clone(),
        submitter: options.submitter.clone(),
        tags: application.tags.clone(),
    })?;
    let given = options.policies.as_ref();
    let given = given.map(|given| given.borrow().clone());
    let policies = policies(application, options, given.as_ref())?;
    let snapshot = policies.snapshot(&principal)?;
    Ok(Guard::new(snapshot, Arc::clone(&options.audit)))
}

/// The policies that were given, if any were, bounded by what the application declares.
pub(super) fn policies(
    application: &Application,
    options: &Options,
    given: Option<&Policies>,
) -> Result<Policies> {
    let needs = needs(application, |uri| canonical(uri, &options.environment))?;
    let declared = PolicyFile::declared(&application.name, &needs);
    Ok(match given {
        Some(given) => given.with(declared),
        None => Policies::new(vec![PolicyFile::unwritten(&application.name), declared]),
    })
}

impl Execution {
    /// Asks for what the commit will do, so that it is not refused after all the work.
    pub(super) fn may_write(&self, place: &Place) -> Result<()> {
        let output = &self.application.output;
        let named = |name: String| {
            let key = place.key(&name).unwrap_or_default();
            let uri = canonical(&place.uri, &self.options.environment);
            Resource::object(&uri, &place.full(&key))
        };
        let part = format!(
            "part-00000-000-{}{}",
            self.options.run_id,
            output.format.extension()
        );
        self.guard
            .grant::<act::ObjectCreate>(named(part)?, Context::default())?;
        let run = &self.options.run_id;
        let bad = self.application.keeps_bad_rows();
        let bad = bad.then(|| Quarantine::file(run));
        let checks = !self.application.output.rules.list().is_empty();
        let checks = checks.then(|| scorecard_file(run));
        let bookmark = output.mode == Mode::Incremental;
        let bookmark = bookmark.then(|| bookmark_file(run));
        for beside in bad.into_iter().chain(checks).chain(bookmark) {
            self.guard
                .grant::<act::ObjectCreate>(named(beside)?, Context::default())?;
        }
        if !output.mode.takes_existing() {
            return Ok(());
        }
        let marker = named("_SUCCESS".to_owned())?;
        let context = Context::default;
        self.guard
            .grant::<act::ObjectOverwrite>(marker.clone(), context())?;
        if output.mode.replaces() {
            self.guard.grant::<act::ObjectDelete>(marker, context())?;
        }
        Ok(())
    }
}
