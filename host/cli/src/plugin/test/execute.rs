//! Runs a fixture: its input through the one step, into a folder that is read back.

use std::path::Path;
use std::sync::Arc;

use sluicegate::error::{Error, ErrorKind, Result};
use sluicegate::run::{self, LogLine};

use crate::plugin::fixture::row::Row;
use crate::plugin::fixture::stage::Stage;
use crate::plugin::fixture::{Actual, Case};
use crate::{place, run::runtime};

/// What came of a fixture.
pub(super) struct Executed {
    pub(super) actual: Actual,
    /// What was wrong with the transform's requests.
    pub(super) problems: Vec<String>,
    /// Requests that were denied.
    pub(super) denials: Vec<String>,
    /// What the transform said.
    pub(super) logs: Vec<LogLine>,
}

/// Runs the component at `plugin` over the fixture. An error of this function is not the transform's.
pub(super) fn execute(plugin: &Path, case: &Case) -> Result<Executed> {
    let stage = Stage::new(case, true)?;
    let application = stage.application(plugin)?;
    let options = stage.options()?;
    let progress = Arc::clone(&options.progress);
    let (actual, logs) = match runtime(1)?.block_on(run::execute(application, options)) {
        Ok(summary) => {
            let mut rows = Vec::new();
            for file in &summary.files {
                let text = place::read_text(&stage.output().join(&file.path))?;
                rows.extend(Row::parse_all(&text, &file.path)?);
            }
            let rejected = summary.steps.iter().flat_map(|step| &step.rejected);
            let rejected = rejected.map(Row::of).collect();
            let actual = Actual::Rows(rows, rejected, stage.objects()?);
            (actual, summary.logs)
        }
        Err(error) => (Actual::Failed(advised(error)), progress.take_logs()),
    };
    Ok(Executed {
        actual,
        problems: stage.problems(),
        denials: stage.denials(),
        logs,
    })
}

/// What a step would declare is declared by the fixture.
fn advised(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Policy => error.hint("the step of a fixture is `[step]` in its `access.toml`"),
        _ => error,
    }
}
