//! Runs a fixture: its input through the one step, into a folder that is read back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sluicegate::error::{Error, Result};
use sluicegate::limits::Limits;
use sluicegate::policy::Unaudited;
use sluicegate::run::{self, Options, Progress};
use sluicegate::spec::{
    Application, Compression, Mode, Output, OutputFormat, Source, Step, StepAccess,
};

use crate::plugin::fixture::row::Row;
use crate::plugin::fixture::{Actual, Case};
use crate::{place, run::runtime};

/// Runs the component at `plugin` over the fixture. An error of this function is not the transform's.
pub(super) fn execute(plugin: &Path, case: &Case) -> Result<Actual> {
    let scratch = tempfile::tempdir()
        .map_err(|cause| Error::storage(cause.to_string()).context("make a temporary folder"))?;
    let folder = scratch.path().join("output");
    let application = application(plugin, case, &folder)?;
    let options = Options {
        run_id: uuid::Uuid::now_v7().to_string(),
        submitter: String::new(),
        compartment: String::new(),
        policies: None,
        commands: false,
        audit: Arc::new(Unaudited),
        environment: BTreeMap::new(),
        sandbox: place::sandbox()?,
        // Rows of one partition have their numbers in the input.
        threads: 1,
        explain: false,
        profile: None,
        progress: Arc::new(Progress::default()),
    };
    let summary = match runtime(1)?.block_on(run::execute(application, options)) {
        Ok(summary) => summary,
        Err(error) => return Ok(Actual::Failed(error)),
    };
    let mut rows = Vec::new();
    for file in &summary.files {
        let path = folder.join(&file.path);
        let text = place::read_text(&path)?;
        rows.extend(Row::parse_all(&text, &file.path)?);
    }
    let rejected = summary.steps.iter().flat_map(|step| &step.rejected);
    Ok(Actual::Rows(rows, rejected.map(Row::of).collect()))
}

fn application(plugin: &Path, case: &Case, output: &Path) -> Result<Application> {
    Ok(Application {
        name: "fixture".to_owned(),
        description: String::new(),
        tags: BTreeMap::new(),
        parameters: BTreeMap::new(),
        secrets: BTreeMap::new(),
        inputs: vec![case.input()?],
        steps: vec![Step {
            name: "transform".to_owned(),
            from: Source::Input(0),
            plugin: place::uri(plugin)?,
            params: case.params.clone(),
            partition_by: Vec::new(),
            order_by: Vec::new(),
            access: StepAccess::default(),
        }],
        output: Output {
            from: Source::Step(0),
            uri: place::uri(output)?.as_folder(),
            format: OutputFormat::Ndjson {
                compression: Compression::None,
            },
            mode: Mode::ErrorIfExists,
            partition_by: Vec::new(),
            target_file_bytes: u64::MAX,
        },
        limits: Limits::default(),
    })
}
