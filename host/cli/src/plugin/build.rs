//! `sluice plugin build`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use sluicegate::error::{Error, Result, ResultExt as _};
use sluicegate::spec::PluginManifest;
use wasm_metadata::{AddMetadata, AddMetadataField};

use super::project::Project;
use super::{load, toolchain};
use crate::place;
use crate::report::{self, Outcome};

/// Compiles a project to a component, in any language, and makes it ready to run
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// What a crate is compiled for
    #[arg(long, default_value = toolchain::RUST_TARGET,
          value_parser = ["wasm32-wasip2", "wasm32-unknown-unknown"])]
    target: String,
    /// Where the component goes; `<folder>/<name>.wasm` unless told
    #[arg(short, long)]
    output: Option<PathBuf>,
}

/// What a build made.
#[derive(Debug, Serialize)]
pub(super) struct Built {
    component: PathBuf,
    bytes: usize,
    sha256: String,
    /// Whether the component differs from the one before.
    changed: bool,
    build_seconds: f64,
    /// For machine code, which is kept for the first run.
    compile_seconds: f64,
}

/// Builds the project and says where the component is.
pub(crate) fn build(arguments: &Arguments, json: bool) -> Outcome {
    let doing = || format!("build the plugin in `{}`", arguments.folder.display());
    let project = Project::open(&arguments.folder).with_context(doing)?;
    let output = arguments.output.clone();
    let output = output.unwrap_or_else(|| project.component());
    let built = component(&project, &arguments.target, &output).with_context(doing)?;
    if json {
        return report::print_json(&built);
    }
    report::print(&built.text())
}

/// Builds the component of the project if it is older than its sources. Cargo knows that best for a crate, which may
/// depend on others.
pub(super) fn refresh(project: &Project) -> Result<()> {
    if project.rust.is_some() || project.is_stale() {
        let built = component(project, toolchain::RUST_TARGET, &project.component())?;
        if built.changed {
            eprint!("{}", built.text());
        }
    }
    Ok(())
}

/// Builds the project to the file `output`, which is replaced once the new component is known to load.
fn component(project: &Project, target: &str, output: &Path) -> Result<Built> {
    let own = project.own()?;
    let scratch = tempfile::tempdir_in(&own).map_err(|cause| {
        Error::storage(cause.to_string()).context(format!("make a folder in `{}`", own.display()))
    })?;
    let PluginManifest { name, language, .. } = &project.manifest;
    // Either may take ten seconds, with an interpreter in the component.
    eprintln!("building `{name}`, in {language}");
    let start = Instant::now();
    let (made, materials) = toolchain::compile(project, target, scratch.path())?;
    let made = named(&project.manifest, &made)?;
    let build = start.elapsed();
    eprintln!("compiling it for this machine");
    let start = Instant::now();
    let plugin = load(&made)?;
    let compile = start.elapsed();

    let changed = keep_previous(project, output, &made)?;
    place::write(&project.materials(), materials.to_string().as_bytes())?;
    place::write(output, &made)?;
    Ok(Built {
        component: output.to_owned(),
        bytes: made.len(),
        sha256: plugin.digest().to_owned(),
        changed,
        build_seconds: build.as_secs_f64(),
        compile_seconds: compile.as_secs_f64(),
    })
}

/// The component with what its project says about itself, in the sections that other tools read as well.
fn named(manifest: &PluginManifest, component: &[u8]) -> Result<Vec<u8>> {
    let mut metadata = AddMetadata::default();
    metadata.name = AddMetadataField::Set(manifest.name.clone());
    metadata.version = set(&manifest.version)?;
    metadata.description = set(&manifest.description)?;
    metadata.licenses = set(&manifest.license).map_err(|error| {
        error.hint("`license` is an SPDX expression, such as `MIT OR Apache-2.0`")
    })?;
    metadata.source = set(&manifest.repository)?;
    metadata
        .to_wasm(component)
        .map_err(|cause| Error::internal(format!("{cause:#}")).context("name the component"))
}

fn set<T>(text: &str) -> Result<AddMetadataField<T>>
where
    T: std::str::FromStr<Err: std::fmt::Display> + std::fmt::Debug + Clone,
{
    if text.is_empty() {
        return Ok(AddMetadataField::Keep);
    }
    let read = text.parse().map(AddMetadataField::Set);
    read.map_err(|cause: T::Err| Error::input(format!("`{text}`: {cause}")))
}

/// Keeps the component that `made` replaces, for comparing; whether they differ.
fn keep_previous(project: &Project, output: &Path, made: &[u8]) -> Result<bool> {
    match fs::read(output) {
        Ok(before) if before == made => Ok(false),
        Ok(before) => place::write(&project.previous(), &before).map(|()| true),
        Err(_) => Ok(true),
    }
}

impl Built {
    fn text(&self) -> String {
        let seconds = |seconds| format!("{:.1?}", Duration::from_secs_f64(seconds));
        format!(
            "{}  {} KiB, built in {}, ready to run after {} more\n",
            self.component.display(),
            self.bytes.div_ceil(1024),
            seconds(self.build_seconds),
            seconds(self.compile_seconds),
        )
    }
}
