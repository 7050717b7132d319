//! Runs a fixture: its input through the one step, into a folder that is read back.

use std::path::Path;

use sluicegate::error::{Error, ErrorKind, Result};
use sluicegate::run;

use crate::plugin::fixture::row::Row;
use crate::plugin::fixture::stage::Stage;
use crate::plugin::fixture::{Actual, Case};
use crate::{place, run::runtime};

/// Runs the component at `plugin` over the fixture; yields what it gave, and what was wrong with its requests. An error
/// of this function is not the transform's.
pub(super) fn execute(plugin: &Path, case: &Case) -> Result<(Actual, Vec<String>)> {
    let stage = Stage::new(case, true)?;
    let application = stage.application(plugin)?;
    let done = runtime(1)?.block_on(run::execute(application, stage.options()?));
    let actual = match done {
        Ok(summary) => {
            let mut rows = Vec::new();
            for file in &summary.files {
                let text = place::read_text(&stage.output().join(&file.path))?;
                rows.extend(Row::parse_all(&text, &file.path)?);
            }
            let rejected = summary.steps.iter().flat_map(|step| &step.rejected);
            Actual::Rows(rows, rejected.map(Row::of).collect(), stage.objects()?)
        }
        Err(error) => Actual::Failed(advised(error)),
    };
    Ok((actual, stage.problems()))
}

/// What the step does not declare is declared by the fixture.
fn advised(error: Error) -> Error {
    if error.kind() != ErrorKind::Policy && error.hints().is_empty() {
        return error;
    }
    let is_step = |hint: &String| hint.contains("steps.") || hint.contains("in the step");
    if !error.hints().iter().any(is_step) {
        return error;
    }
    error.hint("the step of a fixture is `[step]` in its `access.toml`")
}
