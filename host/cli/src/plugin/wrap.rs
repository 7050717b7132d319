//! `sluice plugin wrap`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use sluicegate::error::{Error, ErrorKind, Result, ResultExt as _};
use wit_component::ComponentEncoder;

use crate::place;
use crate::report::{self, Outcome};

/// The first bytes of a component; those of a core module differ in the last four.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// Makes a component of a core module, as compilers for `wasm32-unknown-unknown` write it
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The core module, with the types of its imports and exports as bindings generators embed them
    module: PathBuf,
    /// Where the component goes
    #[arg(short, long)]
    output: PathBuf,
}

/// Wraps the module and says where the component is.
pub(crate) fn wrap(arguments: &Arguments, json: bool) -> Outcome {
    let Arguments { module, output } = arguments;
    let doing = || format!("wrap `{}`", module.display());
    let component = place::read(module)
        .and_then(component)
        .with_context(doing)?;
    place::write(output, &component).with_context(doing)?;
    print_made(output, component.len(), json)
}

/// Says where a component is, and how large.
pub(super) fn print_made(output: &std::path::Path, bytes: usize, json: bool) -> Outcome {
    if json {
        return report::print_json(&json!({ "component": output, "bytes": bytes }));
    }
    report::print(&format!(
        "{} ({} KiB)\n",
        output.display(),
        bytes.div_ceil(1024)
    ))
}

/// The component of a core module; a component stays as it is.
pub(super) fn component(bytes: Vec<u8>) -> Result<Vec<u8>> {
    if bytes.starts_with(&COMPONENT) {
        return Ok(bytes);
    }
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|mut encoder| encoder.encode());
    encoded.map_err(|cause| {
        Error::new(ErrorKind::Plugin, format!("{cause:#}"))
            .context("make a component of the core module")
            .hint(
                "build against wit/transform.wit with a bindings generator, which embeds the types",
            )
    })
}
