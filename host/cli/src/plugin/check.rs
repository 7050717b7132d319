//! `sluice plugin fmt` and `sluice plugin lint`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use sluicegate::error::ResultExt as _;

use super::project::Project;
use super::toolchain;
use crate::report::{self, Outcome};

/// Formats the sources of a project, as its language has it
#[derive(Debug, Args)]
pub(crate) struct FormatArguments {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Changes nothing, and fails where something would change
    #[arg(long)]
    check: bool,
}

/// Lints the sources of a project, as its language has it
#[derive(Debug, Args)]
pub(crate) struct LintArguments {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Formats, or tells whether there is anything to format.
pub(crate) fn format(arguments: &FormatArguments, json: bool) -> Outcome {
    let FormatArguments { folder, check } = arguments;
    let doing = || format!("format the plugin in `{}`", folder.display());
    Project::open(folder)
        .and_then(|project| toolchain::format(&project, *check))
        .with_context(doing)?;
    done(
        if *check {
            "nothing to format"
        } else {
            "formatted"
        },
        json,
    )
}

/// Lints.
pub(crate) fn lint(arguments: &LintArguments, json: bool) -> Outcome {
    let doing = || format!("lint the plugin in `{}`", arguments.folder.display());
    Project::open(&arguments.folder)
        .and_then(|project| toolchain::lint(&project))
        .with_context(doing)?;
    done("nothing to complain of", json)
}

fn done(text: &str, json: bool) -> Outcome {
    if json {
        return report::print_json(&json!({ "result": text }));
    }
    report::print(&format!("{text}\n"))
}
