//! What a run was allowed, and denied: gathered beside the audit, for its receipt.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::policy::{Audit, Record};

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
    /// Whether it was allowed.
    pub allowed: bool,
    /// How often it was decided.
    pub times: u64,
}

/// Tells an audit, and counts what was asked for.
#[derive(Debug)]
pub(super) struct Accessed {
    audit: Arc<dyn Audit>,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    /// By action, resource and step, and whether it was allowed.
    times: BTreeMap<(String, String, Option<String>, bool), u64>,
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
        let accesses = accesses.map(|((action, resource, step, allowed), &times)| Access {
            action: action.clone(),
            resource: resource.clone(),
            step: step.clone(),
            allowed: *allowed,
            times,
        });
        (accesses.collect(), counted.others)
    }
}

impl Audit for Accessed {
    fn record(&self, record: &Record<'_>) -> Result<()> {
        self.audit.record(record)?;
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (
            record.request.action().to_string(),
            record.request.resource().to_string(),
            record.step.map(str::to_owned),
            record.decision.allowed,
        );
        if counted.times.len() >= ACCESSES_MAX && !counted.times.contains_key(&key) {
            counted.others += 1;
        } else {
            *counted.times.entry(key).or_default() += 1;
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        self.audit.check()
    }
}
