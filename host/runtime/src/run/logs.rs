//! Gathers what the transforms of a run say, up to a bound.

use std::sync::{Arc, Mutex, PoisonError};

use super::LogLine;
use crate::sandbox::{Level, LogSink};

/// Messages that a run keeps. Each instance is bounded already, but a run may have many.
const LINES_MAX: usize = 10_000;

/// The messages of a run, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Logs(Arc<Mutex<Vec<LogLine>>>);

impl Logs {
    /// Where the guests of `step` write to.
    pub(super) fn of(&self, step: &str) -> Arc<dyn LogSink> {
        Arc::new(StepLogs {
            step: step.to_owned(),
            lines: Arc::clone(&self.0),
        })
    }

    pub(super) fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct StepLogs {
    step: String,
    lines: Arc<Mutex<Vec<LogLine>>>,
}

impl LogSink for StepLogs {
    fn log(&self, level: Level, message: &str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < LINES_MAX {
            lines.push(LogLine {
                step: self.step.clone(),
                level: level.as_str().to_owned(),
                message: message.to_owned(),
            });
        }
    }
}
