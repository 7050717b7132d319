//! `sluice policy convert`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use sluicegate::error::ResultExt as _;
use sluicegate::policy::Syntax;

use super::load;
use crate::report::{self, Outcome};

/// Prints a policy file in another syntax
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The policy file
    file: PathBuf,
    /// The syntax
    #[arg(long)]
    to: Target,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    Toml,
    Json,
    Cedar,
}

/// Prints the file.
pub(crate) fn convert(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("convert `{}`", arguments.file.display());
    let syntax = match arguments.to {
        Target::Toml => Syntax::Toml,
        Target::Json => Syntax::Json,
        Target::Cedar => Syntax::Cedar,
    };
    let (file, _) = load::file(&arguments.file, None).with_context(doing)?;
    let text = file.to_syntax(syntax).with_context(doing)?;
    if json {
        return report::print_json(&json!({ "policy": text }));
    }
    report::print(&text)
}
