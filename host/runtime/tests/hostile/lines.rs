//! What guests say, for a test to read.

use std::sync::Mutex;

use sluicegate::sandbox::{Level, LogSink};

/// Keeps messages, oldest first.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<(Level, String)>>);

impl Lines {
    pub(crate) fn take(&self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl LogSink for Lines {
    fn log(&self, level: Level, message: &str) {
        self.0.lock().unwrap().push((level, message.to_owned()));
    }
}
