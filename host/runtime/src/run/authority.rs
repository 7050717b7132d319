//! In whose name a run acts, and what it may do.

use std::sync::Arc;

use super::execute::Execution;
use super::needs::named;
use super::{Options, needs};
use crate::error::{Error, Result};
use crate::policy::{Action, Context, Guard, Policies, PolicyFile, Principal, RunIdentity, act};
use crate::spec::Application;
use crate::storage::canonical;

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
    pub(super) fn may_write(&self) -> Result<()> {
        let canonical = |uri: &_| canonical(uri, &self.options.environment);
        let named = named(&self.application, &self.options.run_id, canonical)?;
        for (action, resource) in named {
            let (guard, context) = (&self.guard, Context::default());
            match action {
                Action::ObjectOverwrite => {
                    guard.grant::<act::ObjectOverwrite>(resource, context)?;
                }
                Action::ObjectDelete => {
                    guard.grant::<act::ObjectDelete>(resource, context)?;
                }
                _ => {
                    guard.grant::<act::ObjectCreate>(resource, context)?;
                }
            }
        }
        Ok(())
    }
}
