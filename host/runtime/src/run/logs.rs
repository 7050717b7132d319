//! Gathers what the transforms of a run say, up to a bound.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::LogLine;
use super::access::Redactor;
use crate::error::Error;
use crate::sandbox::{Level, LogSink};

/// Messages that a run keeps. Each instance is bounded already, but a run may have many.
const LINES_MAX: usize = 10_000;

/// The messages of a run, oldest first.
#[derive(Clone, Default)]
pub(super) struct Logs {
    lines: Arc<Mutex<Vec<LogLine>>>,
    /// What must not be shown; nothing before the run has its secrets.
    redactor: Arc<OnceLock<Redactor>>,
}

impl std::fmt::Debug for Logs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logs").finish_non_exhaustive()
    }
}

impl Logs {
    /// Where the guests of `step` write to.
    pub(super) fn of(&self, step: &str) -> Arc<dyn LogSink> {
        Arc::new(StepLogs {
            step: step.to_owned(),
            logs: self.clone(),
        })
    }

    /// From now on, hides secrets.
    pub(super) fn redact(&self, redactor: Redactor) {
        drop(self.redactor.set(redactor));
    }

    /// An error without secrets; what caused it is left out where there are any, since its text is not ours.
    pub(super) fn clean_error(&self, error: Error) -> Error {
        match self.redactor.get() {
            Some(redactor) if !redactor.is_empty() => {
                error.map_texts(|text| redactor.clean(text).into_owned())
            }
            _ => error,
        }
    }

    /// A text without secrets.
    pub(super) fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redactor.get() {
            Some(redactor) => redactor.clean(text),
            None => Cow::Borrowed(text),
        }
    }

    pub(super) fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
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
