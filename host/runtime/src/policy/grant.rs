//! The proof that something was allowed.

use std::fmt;
use std::marker::PhantomData;

use super::decide::{Decision, Snapshot};
use super::request::{Context, Request};
use super::resource::Resource;
use super::vocabulary::Action;
use crate::error::{Error, ErrorKind, Result};

/// An action as a type; see [`act`](super::act).
pub trait Act {
    /// The action.
    const ACTION: Action;
}

/// The proof that a decision allowed the action `A` on one resource.
///
/// Whatever acts takes one of these in place of a name: only [`Snapshot::grant`] makes them, so that code which
/// forgets to ask does not compile, and what is opened is what was decided about. It cannot be copied, sent over a
/// wire or made by hand:
///
/// ```compile_fail
/// use sluicegate::policy::{Granted, act};
/// let forged = Granted::<act::ObjectGet> { resource: todo!(), decision: todo!(), action: todo!() };
/// ```
pub struct Granted<A: Act> {
    resource: Resource,
    decision: Decision,
    action: PhantomData<A>,
}

impl<A: Act> Granted<A> {
    /// What may be acted on, in the form that was decided about.
    #[must_use]
    pub const fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Why.
    #[must_use]
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }
}

impl<A: Act> fmt::Debug for Granted<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Granted({} {})", A::ACTION, self.resource)
    }
}

impl Snapshot {
    /// Decides whether `A` is allowed on a resource, and proves it.
    ///
    /// # Errors
    ///
    /// Fails with [`ErrorKind::Policy`] where it is denied: who, what, which layer, the nearest statement, and the
    /// smallest statement that would allow it. Fails with [`ErrorKind::Input`] where the resource is malformed.
    pub fn grant<A: Act>(&self, resource: &str, context: Context) -> Result<Granted<A>> {
        self.grant_on(Resource::parse(resource, A::ACTION)?, context)
    }

    /// As [`grant`](Self::grant), for a resource in canonical form.
    ///
    /// # Errors
    ///
    /// As [`grant`](Self::grant).
    pub fn grant_on<A: Act>(&self, resource: Resource, context: Context) -> Result<Granted<A>> {
        let request = Request::on(A::ACTION, resource, context)?;
        let decision = self.decide(&request);
        self.prove(request, decision)
    }

    /// The proof of a decision about `A`, or why there is none.
    pub(super) fn prove<A: Act>(&self, request: Request, decision: Decision) -> Result<Granted<A>> {
        if decision.allowed {
            return Ok(Granted {
                resource: request.resource,
                decision,
                action: PhantomData,
            });
        }
        let explanation = self.explain(&request, decision);
        let error = Error::new(ErrorKind::Policy, explanation.headline());
        let error = error
            .fact("principal", self.principal())
            .fact("action", request.action)
            .fact("resource", &request.resource);
        Err(explanation.advice().into_iter().fold(error, Error::hint))
    }
}
