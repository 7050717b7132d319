//! `sluice plugin inspect`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use sluicegate::error::ResultExt as _;
use sluicegate::sandbox::{Inspection, Interface};
use wasm_metadata::Payload;

use super::load;
use crate::place;
use crate::report::{self, Outcome, printable};

/// What a component is, and what its project said about itself: nothing that a host relies on.
#[derive(Serialize)]
struct Shown<'a> {
    name: Option<String>,
    version: Option<String>,
    license: Option<String>,
    description: Option<String>,
    #[serde(flatten)]
    inspection: &'a Inspection,
}

impl<'a> Shown<'a> {
    fn new(component: &[u8], inspection: &'a Inspection) -> Self {
        let payload = Payload::from_binary(component).ok();
        let metadata = payload.as_ref().map(Payload::metadata);
        Self {
            name: metadata.and_then(|metadata| metadata.name.clone()),
            version: metadata.and_then(|metadata| Some(metadata.version.as_ref()?.to_string())),
            license: metadata.and_then(|metadata| Some(metadata.licenses.as_ref()?.to_string())),
            description: metadata
                .and_then(|metadata| Some(metadata.description.as_ref()?.to_string())),
            inspection,
        }
    }
}

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
    // Loading checks more than a listing needs: what is shown is what a run would accept.
    let plugin = load(&bytes).with_context(doing)?;
    let shown = Shown::new(&bytes, plugin.inspect());
    if json {
        return report::print_json(&shown);
    }
    report::print(&printable(&text(&shown)))
}

fn text(shown: &Shown<'_>) -> String {
    let inspection = shown.inspection;
    let mut text = String::new();
    let said = [
        &shown.name,
        &shown.version,
        &shown.license,
        &shown.description,
    ];
    let said: Vec<_> = said.into_iter().flatten().map(String::as_str).collect();
    // Writing to a string does not fail.
    if !said.is_empty() {
        let _ = writeln!(text, "plugin    {}", said.join(", "));
    }
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
