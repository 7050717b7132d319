//! What a step can reach beyond its columns: who answers its transform.

mod http;
mod objects;
mod secrets;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::runtime::Handle;

pub(super) use self::http::trusting;
use self::objects::StepObjects;
pub(super) use self::secrets::{Redactor, Vault, fetch};
use super::held::Held;
use crate::error::Result;
use crate::network::{Budget, StandIn};
use crate::policy::{Action, Context, Guard, Resource, act};
use crate::sandbox::{Access, LogSink, Offers};
use crate::spec::{Numbers, Step, StepAccess, WallClock};
use crate::storage::{SideObjects, Stores};

/// What all steps of a run share.
pub(super) struct Reach<'a> {
    pub(super) guard: &'a Guard,
    pub(super) held: &'a Held,
    pub(super) stores: &'a Stores,
    pub(super) side: &'a Arc<SideObjects>,
    pub(super) vault: &'a Arc<Vault>,
    /// Bytes that the run has written, and may write.
    pub(super) written: &'a Arc<AtomicU64>,
    pub(super) bytes_max: u64,
    /// Whether somebody else than the application wrote policies.
    pub(super) has_policies: bool,
    /// Requests that the run has left.
    pub(super) budget: &'a Arc<Budget>,
    /// Who answers requests in place of the network, if somebody does.
    pub(super) stand_in: Option<&'a Arc<StandIn>>,
}

/// The interfaces that a step is linked to: those of which it declares something.
pub(super) fn offers(access: &StepAccess) -> Offers {
    Offers {
        objects: !access.objects.is_empty(),
        secrets: !access.secrets.is_empty(),
        http: !access.http.is_empty(),
    }
}

/// Who answers the transform of a step, in whose name the policies are asked.
///
/// # Errors
///
/// Fails where a folder cannot be opened, or where the policies refuse a clock or random numbers.
pub(super) async fn access(
    step: &Step,
    reach: &Reach<'_>,
    logs: &Arc<dyn LogSink>,
) -> Result<Access> {
    let guard = reach.guard.of_step(&step.name);
    let declared = &step.access;
    if declared.clock == WallClock::Real {
        let clock = Resource::parse("clock:wall", Action::ClockRead)?;
        let held = reach.held;
        held.grant::<act::ClockRead>(&guard, clock, Context::default())?;
    }
    if declared.random == Numbers::Real {
        let random = Resource::parse("random:secure", Action::RandomRead)?;
        let held = reach.held;
        held.grant::<act::RandomRead>(&guard, random, Context::default())?;
    }
    let mut access = Access {
        clock: declared.clock == WallClock::Real,
        random: declared.random == Numbers::Real,
        runtime: Some(Handle::current()),
        ..Access::default()
    };
    if !declared.objects.is_empty() {
        access.objects = Some(Arc::new(StepObjects::open(step, &guard, reach, logs)?));
    }
    if !declared.secrets.is_empty() {
        let readable = secrets::Readable::new(step, guard.clone(), reach.vault, logs);
        access.secrets = Some(Arc::new(readable));
    }
    if !declared.http.is_empty() {
        access.http = Some(http::outgoing(&declared.http, guard, reach).await?);
    }
    Ok(access)
}
