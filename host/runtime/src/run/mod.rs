//! One execution of an application: resolves, plans, executes, commits, reports.

mod progress;
mod summary;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use progress::Progress;
pub use summary::{FileSummary, LogLine, StepSummary, Summary};

use arrow::array::RecordBatch;

use crate::error::{Error, Result};
use crate::spec::Application;

/// What a run needs beside its application.
#[derive(Debug)]
pub struct Options {
    /// Names the run in its output and its logs; unique.
    pub run_id: String,
    /// The environment that storage credentials and endpoints are taken from.
    pub environment: BTreeMap<String, String>,
    /// Where compiled plugins are kept; none compiles each time.
    pub cache: Option<PathBuf>,
    /// Threads for guests and partitions; zero takes one per core.
    pub threads: usize,
    /// Whether the summary carries the executed plan with its metrics.
    pub explain: bool,
    /// What an observer may watch, and cancel the run by.
    pub progress: Arc<Progress>,
}

/// Executes `application` and commits its output.
///
/// # Errors
///
/// Fails without leaving anything under the output's final name.
pub async fn execute(_application: Application, _options: Options) -> Result<Summary> {
    Err(Error::internal("not built yet"))
}

/// The first rows of an input, without running anything. `uri` may be relative to the folder `base`;
/// credentials and endpoints are taken from `environment`.
///
/// # Errors
///
/// Fails where the input is missing, malformed or in no known format.
pub async fn head(
    _uri: &str,
    _base: &Path,
    _rows: usize,
    _environment: BTreeMap<String, String>,
) -> Result<Vec<RecordBatch>> {
    Err(Error::internal("not built yet"))
}
