//! What a transform reaches that is called without a run.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Options;
use super::access::{self, Reach, Vault};
use super::authority::guard;
use super::held::Held;
use crate::error::{Error, Result};
use crate::limits::HttpLimits;
use crate::network::Budget;
use crate::sandbox::{Access, LogSink, Offers};
use crate::spec::Application;
use crate::storage::{Meter, SideObjects, Stores};

/// Who answers the transform of the first step of `application` where it is called without a run, again and again, and
/// what it is linked to. Nothing that it writes ever appears, and its requests are not counted.
///
/// # Errors
///
/// As [`execute`](super::execute) where it fails before the first row.
pub async fn reach(application: &Application, options: &Options) -> Result<(Offers, Access)> {
    let step = application.steps.first();
    let step = step.ok_or_else(|| Error::internal("an application without a step"))?;
    let guard = guard(application, options)?;
    let vault = Vault::open(application, options, &guard, &BTreeSet::new()).await?;
    let meter = Arc::new(Meter::default());
    let limits = HttpLimits {
        requests: u64::MAX,
        ..application.limits.http.clone()
    };
    let reach = Reach {
        stores: &Stores::new(options.environment.clone(), meter, guard.clone()),
        guard: &guard,
        held: &Held::default(),
        side: &Arc::new(SideObjects::new(application.limits.objects)),
        written: &Arc::default(),
        vault: &Arc::new(vault),
        bytes_max: application.limits.output_bytes,
        has_policies: options.policies.is_some(),
        budget: &Arc::new(Budget::new(limits, Arc::new(|| false))),
        stand_in: options.stand_in.as_ref(),
    };
    let logs: Arc<dyn LogSink> = options.progress.logs().of(&step.name);
    let access = access::access(step, &reach, &logs).await?;
    Ok((access::offers(&step.access), access))
}
