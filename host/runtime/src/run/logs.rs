//! Gathers what the transforms of a run say, up to a bound.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::thread;

use serde_json::Value;

use super::LogLine;
use super::access::Redactor;
use crate::error::{Error, Result};
use crate::policy::{Action, Context, Guard, Resource, Snapshot};
use crate::sandbox::{Level, LogSink};

/// Messages that a run keeps. Each instance is bounded already, but a run may have many.
const LINES_MAX: usize = 10_000;

/// The messages of a run, oldest first.
#[derive(Clone, Default)]
pub(super) struct Logs {
    lines: Arc<Mutex<Vec<LogLine>>>,
    /// What must not be shown; nothing before the run has its secrets.
    redactor: Arc<RwLock<Redactor>>,
}

impl std::fmt::Debug for Logs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logs").finish_non_exhaustive()
    }
}

impl Logs {
    /// Where the host writes what it has to say of `step`.
    pub(super) fn of(&self, step: &str) -> Arc<dyn LogSink> {
        Arc::new(StepLogs {
            step: step.to_owned(),
            logs: self.clone(),
        })
    }

    /// Where the guests of `step` write to, up to `bytes` each; `guard` decides whether they may.
    pub(super) fn asking(&self, step: &str, guard: &Guard, bytes: u64) -> Arc<dyn LogSink> {
        Arc::new(GuestLogs {
            logs: self.of(step),
            guard: guard.of_step(step),
            bytes,
            decided: Mutex::default(),
        })
    }

    /// From now on, hides a secret.
    pub(super) fn hide(&self, value: &str) {
        let mut redactor = self
            .redactor
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        redactor.add(value);
    }

    fn redactor(&self) -> RwLockReadGuard<'_, Redactor> {
        self.redactor.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error without secrets; what caused it is left out where there are any, since its text is not ours.
    pub(super) fn clean_error(&self, error: Error) -> Error {
        let redactor = self.redactor();
        if redactor.is_empty() {
            return error;
        }
        error.map_texts(|text| redactor.clean(text).into_owned())
    }

    /// A text without secrets.
    pub(super) fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.redactor().clean(text)
    }

    /// A value without secrets.
    pub(super) fn clean_json(&self, value: &Value) -> Value {
        let text = value.to_string();
        match self.clean(&text) {
            Cow::Borrowed(_) => value.clone(),
            Cow::Owned(clean) => serde_json::from_str(&clean).unwrap_or(Value::String(clean)),
        }
    }

    pub(super) fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct StepLogs {
    step: String,
    logs: Logs,
}

impl LogSink for StepLogs {
    fn log(&self, level: Level, message: &str) {
        let mut lines = self
            .logs
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if lines.len() < LINES_MAX {
            lines.push(LogLine {
                step: self.step.clone(),
                level: level.as_str().to_owned(),
                message: self.logs.clean(message).into_owned(),
            });
        }
    }
}

/// The messages of the guests of a step.
struct GuestLogs {
    logs: Arc<dyn LogSink>,
    guard: Guard,
    bytes: u64,
    /// What was decided of each level, and by which policies.
    decided: Mutex<BTreeMap<Level, (Arc<Snapshot>, bool)>>,
}

impl GuestLogs {
    fn decide(&self, level: Level) -> Result<bool> {
        let action = Action::LogWrite;
        let context = Context::default()
            .with(action, "log:level", level.as_str())?
            .with(action, "log:bytes", &self.bytes.to_string())?;
        let run = Resource::parse("log:run", action)?;
        let decision = self.guard.decide(action, run, context)?;
        if let Some(statement) = decision.determining().first().filter(|_| !decision.allowed) {
            let message = format!(
                "messages of level `{}` are dropped: statement {statement} denies them",
                level.as_str()
            );
            self.logs.log(Level::Warn, &message);
        }
        Ok(decision.allowed)
    }
}

impl LogSink for GuestLogs {
    fn log(&self, level: Level, message: &str) {
        self.logs.log(level, message);
    }

    fn takes(&self, level: Level) -> bool {
        let snapshot = self.guard.snapshot();
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((by, takes)) = decided.get(&level)
            && Arc::ptr_eq(by, &snapshot)
        {
            return *takes;
        }
        // A guest may be on a stack of its own, on which nothing can be decided; see `Guard`.
        let takes = thread::scope(|scope| {
            let deciding = thread::Builder::new().spawn_scoped(scope, || self.decide(level));
            let decision = deciding.map(thread::ScopedJoinHandle::join);
            matches!(decision, Ok(Ok(Ok(true))))
        });
        decided.insert(level, (snapshot, takes));
        takes
    }
}
