//! What a run was allowed, and denied: gathered beside the audit, for its receipt.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::policy::audit::Decided;
use crate::policy::{Audit, Record, Use};

/// Different accesses that are told; the others are counted. A run over a dataset of more files has most of them in the
/// list of its inputs.
const ACCESSES_MAX: usize = 1_000;

/// Something that was asked for, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// As policies name it, such as `object:get`.
    pub action: String,
    /// As policies name it.
    pub resource: String,
    /// The step whose transform asked; none where the host itself did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What was known of the request, such as its host and method.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
    /// Whether it was allowed.
    pub allowed: bool,
    /// How often it was decided.
    pub times: u64,
}

impl Access {
    /// What a policy would have to allow; none where it was denied, or where nobody has to allow it.
    ///
    /// # Errors
    ///
    /// Fails where the texts are not those of a receipt of ours.
    pub fn to_use(&self) -> Result<Option<Use>> {
        if !self.allowed {
            return Ok(None);
        }
        Use::of(&Decided {
            principal: String::new(),
            step: self.step.clone(),
            action: self.action.clone(),
            resource: self.resource.clone(),
            context: self.context.clone(),
            allowed: true,
            by: Vec::new(),
            missing: Vec::new(),
            errors: Vec::new(),
        })
    }
}

/// What was asked for, by whom, and whether it was allowed.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    action: String,
    resource: String,
    step: Option<String>,
    context: BTreeMap<String, String>,
    allowed: bool,
}

/// Tells an audit, and counts what was asked for.
#[derive(Debug)]
pub(super) struct Accessed {
    audit: Arc<dyn Audit>,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    times: BTreeMap<Asked, u64>,
    others: u64,
}

impl Accessed {
    /// Tells `audit`.
    pub(super) fn new(audit: Arc<dyn Audit>) -> Self {
        let counted = Mutex::default();
        Self { audit, counted }
    }

    /// What was asked for so far, in order, and how many decisions were about others.
    pub(super) fn told(&self) -> (Vec<Access>, u64) {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let accesses = counted.times.iter();
        let accesses = accesses.map(|(asked, &times)| Access {
            action: asked.action.clone(),
            resource: asked.resource.clone(),
            step: asked.step.clone(),
            context: asked.context.clone(),
            allowed: asked.allowed,
            times,
        });
        (accesses.collect(), counted.others)
    }
}

impl Audit for Accessed {
    fn record(&self, record: &Record<'_>) -> Result<()> {
        self.audit.record(record)?;
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let request = record.request;
        let context = request.context().entries();
        let asked = Asked {
            action: request.action().to_string(),
            resource: request.resource().to_string(),
            step: record.step.map(str::to_owned),
            context: context
                .filter(|(key, _)| *key != "time:now")
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
            allowed: record.decision.allowed,
        };
        if counted.times.len() >= ACCESSES_MAX && !counted.times.contains_key(&asked) {
            counted.others += 1;
        } else {
            *counted.times.entry(asked).or_default() += 1;
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        self.audit.check()
    }
}
