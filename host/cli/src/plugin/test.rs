//! `sluice plugin test`: runs the fixtures of a project, each a run like any other.

mod compare;
mod execute;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use sluicegate::error::{Error, ErrorKind, Result, ResultExt as _};
use sluicegate::run::LogLine;

use self::execute::Executed;
use super::fixture::{self, Case};
use super::project::Project;
use super::{build, toolchain};
use crate::report::{self, Outcome, printable};

/// Builds a project if it changed, and runs its fixtures
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Runs this fixture alone; may be repeated
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Writes down as expected what the transform does now
    #[arg(long)]
    update: bool,
    /// Runs the project's unit tests before, natively
    #[arg(long)]
    unit: bool,
}

/// How a fixture ended.
#[derive(Debug, Serialize)]
struct Ended {
    case: String,
    outcome: &'static str,
    seconds: f64,
    /// How what came differs from what was expected.
    #[serde(skip_serializing_if = "String::is_empty")]
    differences: String,
    /// Requests that were denied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    denials: Vec<String>,
    /// What the transform said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<LogLine>,
}

/// Runs the fixtures and prints how they ended.
pub(crate) fn test(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("test the plugin in `{}`", arguments.folder.display());
    let project = Project::open(&arguments.folder).with_context(doing)?;
    if arguments.unit {
        toolchain::unit_tests(&project).with_context(doing)?;
    }
    build::refresh(&project).with_context(doing)?;
    let cases = fixture::chosen(&project.folder, &arguments.cases).with_context(doing)?;
    let mut ended = Vec::new();
    for case in &cases {
        let end = run(&project, case, arguments.update)
            .with_context(|| format!("run the fixture `{}`", case.name))
            .with_context(doing)?;
        if !json {
            report::print(&end.text())?;
        }
        ended.push(end);
    }
    let failed = ended.iter().filter(|end| end.outcome == "failed").count();
    if json {
        report::print_json(&json!({ "cases": ended, "failed": failed }))?;
    }
    if failed == 0 {
        return Ok(());
    }
    let error = Error::new(
        ErrorKind::Guest,
        format!("{failed} of {} fixtures failed", ended.len()),
    )
    .hint("`--update` writes down what the transform does now, where that is right");
    Err(error.context(doing()).into())
}

fn run(project: &Project, case: &Case, update: bool) -> Result<Ended> {
    let start = Instant::now();
    let Executed {
        actual,
        problems,
        denials,
        logs,
    } = execute::execute(&project.component(), case)?;
    // What else differs may follow from an answer that was not there, so it is neither told nor written down.
    let is_answered = problems.is_empty();
    let differences = if is_answered {
        compare::differences(case, &actual)
    } else {
        problems.join("\n")
    };
    let outcome = match (differences.is_empty(), update && is_answered) {
        (true, _) => "passed",
        (false, false) => "failed",
        (false, true) => {
            case.update(&actual)?;
            "updated"
        }
    };
    Ok(Ended {
        case: case.name.clone(),
        outcome,
        seconds: start.elapsed().as_secs_f64(),
        differences,
        denials,
        logs,
    })
}

impl Ended {
    fn text(&self) -> String {
        let mut text = format!(
            "{:<7} {} ({:.0} ms)\n",
            self.outcome,
            printable(&self.case),
            self.seconds * 1e3
        );
        if self.outcome == "failed" {
            for line in printable(&self.differences).lines() {
                // Writing to a string does not fail.
                let _ = writeln!(text, "    {line}");
            }
            for denial in &self.denials {
                let _ = writeln!(text, "    denied: {}", printable(denial));
            }
            for LogLine { level, message, .. } in &self.logs {
                let _ = writeln!(text, "    {level}: {}", printable(message));
            }
        }
        text
    }
}
