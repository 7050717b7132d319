//! Sets of policies that are asked only where they may match.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    AuthorizationError, Authorizer, Decision, Entities, Entity, EntityUid, Policy, PolicyId,
    PolicySet, PrincipalConstraint, Request, ResourceConstraint,
};

use crate::error::{Error, Result};

/// What the head of a policy may name as its resource for a request: nothing, the resource itself, or what it is in.
pub(super) type Targets = Vec<Option<EntityUid>>;

/// Policies by the entity that their head says the resource is or is in; under none, those about any. All others
/// cannot match, so that a request costs what the policies about it do, however many there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Slices(HashMap<Option<EntityUid>, PolicySet>);

/// What policies say of a request.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) allowing: Vec<PolicyId>,
    /// Where there is any, those that allow are not all told.
    pub(super) denying: Vec<PolicyId>,
    pub(super) errors: Vec<AuthorizationError>,
}

impl Slices {
    /// # Errors
    ///
    /// Fails where there is a policy of the same id, which is a bug.
    pub(super) fn add(&mut self, policy: Policy) -> Result<()> {
        let slice = self.0.entry(target_of(&policy)).or_default();
        let added = slice.add(policy);
        added.map_err(|cause| Error::internal(cause.to_string()))
    }

    /// Asks all that may be about one of `targets`.
    pub(super) fn ask(&self, request: &Request, entities: &Entities, targets: &Targets) -> Answer {
        let authorizer = Authorizer::new();
        let mut answer = Answer::default();
        for policies in targets.iter().filter_map(|target| self.0.get(target)) {
            let found = authorizer.is_authorized(request, policies, entities);
            let diagnostics = found.diagnostics();
            match found.decision() {
                Decision::Allow => answer.allowing.extend(diagnostics.reason().cloned()),
                Decision::Deny => answer.denying.extend(diagnostics.reason().cloned()),
            }
            answer.errors.extend(diagnostics.errors().cloned());
        }
        answer
    }
}

/// Whether the head of a policy leaves it open that it is about the principal. `own` are the principal and what it is in.
pub(super) fn may_be_about(
    policy: &Policy,
    principal: &EntityUid,
    own: &HashSet<EntityUid>,
) -> bool {
    match policy.principal_constraint() {
        PrincipalConstraint::Any => true,
        PrincipalConstraint::In(uid) | PrincipalConstraint::Eq(uid) => own.contains(&uid),
        PrincipalConstraint::Is(ty) => principal.type_name() == &ty,
        PrincipalConstraint::IsIn(ty, uid) => principal.type_name() == &ty && own.contains(&uid),
    }
}

/// What the head of a policy says of resources.
pub(super) fn target_of(policy: &Policy) -> Option<EntityUid> {
    match policy.resource_constraint() {
        ResourceConstraint::In(uid)
        | ResourceConstraint::Eq(uid)
        | ResourceConstraint::IsIn(_, uid) => Some(uid),
        ResourceConstraint::Any | ResourceConstraint::Is(_) => None,
    }
}

/// The principal and whatever it is in.
pub(super) fn uids_of(entity: &Entity) -> HashSet<EntityUid> {
    let (own, _, parents) = entity.clone().into_inner();
    parents.into_iter().chain([own]).collect()
}
