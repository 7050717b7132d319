//! `sluice plugin inspect`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use sluicegate::error::{Result, ResultExt as _};
use sluicegate::sandbox::{Inspection, Interface, Sandbox};

use crate::place;
use crate::report::{self, Outcome, printable};

/// Shows what a plugin imports, exports, and could ever ask for
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The component
    plugin: PathBuf,
}

/// Prints the inspection.
pub(crate) fn inspect(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("inspect `{}`", arguments.plugin.display());
    let bytes = place::read(&arguments.plugin).with_context(doing)?;
    let inspection = load(&bytes).with_context(doing)?;
    if json {
        return report::print_json(&inspection);
    }
    report::print(&printable(&text(&inspection)))
}

/// Loading checks more than a listing needs: what is shown is what a run would accept.
fn load(bytes: &[u8]) -> Result<Inspection> {
    Ok(Sandbox::new(place::sandbox()?)?
        .load(bytes)?
        .inspect()
        .clone())
}

fn text(inspection: &Inspection) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "digest    sha256:{}", inspection.digest);
    let _ = writeln!(text, "size      {} KiB", inspection.bytes.div_ceil(1024));
    let _ = writeln!(
        text,
        "contract  sluicegate:transform@{}",
        inspection.contract
    );
    list(&mut text, "exports", &inspection.exports);
    list(&mut text, "imports", &inspection.imports);
    let asks = match inspection.asks.as_slice() {
        [] => "nothing beyond columns and log messages".to_owned(),
        asks => format!("{}; a run without grants gives none of it", asks.join(", ")),
    };
    let _ = writeln!(text, "may ask for {asks}");
    text
}

fn list(text: &mut String, title: &str, interfaces: &[Interface]) {
    let _ = writeln!(text, "{title}");
    for interface in interfaces {
        let _ = writeln!(
            text,
            "  {}: {}",
            interface.name,
            interface.functions.join(", ")
        );
    }
    if interfaces.is_empty() {
        let _ = writeln!(text, "  none");
    }
}
