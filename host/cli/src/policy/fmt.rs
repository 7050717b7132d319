//! `sluice policy fmt`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use sluicegate::error::{Error, Result, ResultExt as _};

use super::load;
use crate::place;
use crate::report::{self, Outcome};

/// Writes policy files in their canonical form
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The policy files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Changes nothing, and fails where something would change
    #[arg(long)]
    check: bool,
}

/// Formats each file, or tells which are to be formatted.
pub(crate) fn format(arguments: &Arguments, json: bool) -> Outcome {
    let mut changed = Vec::new();
    for path in &arguments.files {
        let shown = path.display().to_string();
        if format_one(path, arguments.check).with_context(|| format!("format `{shown}`"))? {
            changed.push(shown);
        }
    }
    if arguments.check && !changed.is_empty() {
        let error = Error::input(format!("not in canonical form: {}", changed.join(", ")));
        let error = error.hint("`sluice policy fmt` writes it");
        return Err(error.context("check the format").into());
    }
    if json {
        return report::print_json(&json!({ "changed": changed }));
    }
    let lines = changed.iter().map(|name| format!("formatted {name}\n"));
    report::print(&lines.collect::<String>())
}

/// Whether the file was not in canonical form.
fn format_one(path: &std::path::Path, check: bool) -> Result<bool> {
    let (file, text) = load::file(path, None)?;
    let formatted = file.format(&text, &path.display().to_string())?;
    let changes = formatted != text;
    if changes && !check {
        place::write(path, formatted.as_bytes())?;
    }
    Ok(changes)
}
