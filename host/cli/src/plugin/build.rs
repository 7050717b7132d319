//! `sluice plugin build`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde::Deserialize;
use sluicegate::error::{Error, ErrorKind, Result, ResultExt as _};

use super::wrap;
use crate::place;
use crate::report::Outcome;

/// Compiles a Rust crate to a component
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The crate's folder
    folder: PathBuf,
    /// What to compile for
    #[arg(long, default_value = "wasm32-wasip2",
          value_parser = ["wasm32-wasip2", "wasm32-unknown-unknown"])]
    target: String,
    /// Where the component goes; `<folder>/<name>.wasm` unless told
    #[arg(short, long)]
    output: Option<PathBuf>,
}

/// Builds the crate and says where the component is.
pub(crate) fn build(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("build the plugin in `{}`", arguments.folder.display());
    let (name, artefact) = compile(&arguments.folder, &arguments.target).with_context(doing)?;
    let component = place::read(&artefact)
        .and_then(wrap::component)
        .with_context(doing)?;
    let default = || arguments.folder.join(format!("{name}.wasm"));
    let output = arguments.output.clone().unwrap_or_else(default);
    place::write(&output, &component).with_context(doing)?;
    wrap::print_made(&output, component.len(), json)
}

/// Runs cargo; yields the package's name and the file that it made.
fn compile(folder: &Path, target: &str) -> Result<(String, PathBuf)> {
    let manifest = folder.join("Cargo.toml");
    place::read(&manifest)?;
    let done = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--message-format",
            "json-render-diagnostics",
        ])
        .args(["--target", target])
        // Not `--manifest-path`: cargo looks for the crate's settings from where it is started.
        .current_dir(folder)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| {
            Error::input(cause.to_string())
                .context("start `cargo`")
                .hint("install Rust from https://rustup.rs")
        })?;
    if !done.status.success() {
        return Err(Error::new(
            ErrorKind::Plugin,
            format!("cargo ended with {}", done.status),
        )
        .hint(format!(
            "if the target is missing: `rustup target add {target}`"
        )));
    }
    let messages = String::from_utf8_lossy(&done.stdout);
    // The last artefact is the crate that was asked for, its dependencies come before it.
    let made = messages.lines().filter_map(Message::wasm).next_back();
    made.ok_or_else(|| {
        Error::new(ErrorKind::Plugin, "cargo made no WebAssembly file").hint(format!(
            "add `[lib] crate-type = [\"cdylib\"]` to `{}`",
            manifest.display()
        ))
    })
}

/// A line of cargo's output, as far as it is needed.
#[derive(Deserialize)]
struct Message {
    package_id: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

impl Message {
    fn wasm(line: &str) -> Option<(String, PathBuf)> {
        let message: Self = serde_json::from_str(line).ok()?;
        let wasm = |file: &PathBuf| {
            file.extension()
                .is_some_and(|extension| extension == "wasm")
        };
        let file = message.filenames.into_iter().find(wasm)?;
        Some((package_name(&message.package_id)?.to_owned(), file))
    }
}

/// The name in `path+file:///folder#name@1.0.0`, or in `path+file:///name#1.0.0`.
fn package_name(id: &str) -> Option<&str> {
    let (url, rest) = id.rsplit_once('#')?;
    match rest.split_once('@') {
        Some((name, _)) => Some(name),
        None => url.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_are_read_from_both_forms_of_an_id() {
        assert_eq!(
            package_name("path+file:///a/b#sales-etl@0.1.0"),
            Some("sales-etl")
        );
        assert_eq!(package_name("path+file:///a/mask#0.1.0"), Some("mask"));
    }

    #[test]
    fn only_artefacts_with_wasm_count() {
        let line = r#"{"reason":"compiler-artifact","package_id":"path+file:///a/x#0.1.0",
            "filenames":["/t/libx.rlib","/t/x.wasm"]}"#;
        assert_eq!(
            Message::wasm(line),
            Some(("x".to_owned(), PathBuf::from("/t/x.wasm")))
        );
        assert_eq!(
            Message::wasm(r#"{"reason":"build-finished","success":true}"#),
            None
        );
    }
}
