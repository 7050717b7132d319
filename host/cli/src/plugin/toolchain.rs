//! What a language's tools do with a project: compile, format, lint, test.
//!
//! Cargo does it for Rust. For the other languages each SDK has a script, `build`, which installs what it needs
//! once; what it says while it works reaches the person, and what it says as it fails becomes the error.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sluicegate::error::{Error, ErrorKind, Result, ResultExt as _};

use super::project::Project;
use super::sdk::Language;
use super::wrap;
use crate::place;

/// What Rust compiles for unless told otherwise.
pub(super) const RUST_TARGET: &str = "wasm32-wasip2";

/// Where a script writes what went into a component.
const MATERIALS: &str = "SLUICE_MATERIALS";

/// How a script begins to say why it failed, and what to do.
const ERROR: &str = "error: ";
const HINT: &str = "hint: ";

/// Compiles the project to a component; `scratch` is a folder for files on the way. Yields the component and
/// what went into it, a list in JSON.
pub(super) fn compile(
    project: &Project,
    rust_target: &str,
    scratch: &Path,
) -> Result<(Vec<u8>, serde_json::Value)> {
    if let Some(rust) = &project.rust {
        let made = rust.compile(rust_target)?;
        let component = place::read(&made).and_then(wrap::component)?;
        return Ok((component, rust.materials(rust_target)?));
    }
    let (component, materials) = (
        scratch.join("component.wasm"),
        scratch.join("materials.json"),
    );
    let mut command = script(project)?;
    command
        .arg(&project.folder)
        .arg(&component)
        .env(MATERIALS, &materials);
    run(&mut command)?;
    let materials = serde_json::from_slice(&place::read(&materials)?)
        .map_err(|cause| Error::internal(cause.to_string()).context("read what the SDK says"))?;
    Ok((place::read(&component)?, materials))
}

/// Formats the sources, or with `check` tells whether they are.
pub(super) fn format(project: &Project, check: bool) -> Result<()> {
    if let Some(rust) = &project.rust {
        return rust.format(check);
    }
    let mut command = script(project)?;
    command.arg("--fmt");
    if check {
        command.arg("--check");
    }
    run(command.arg(&project.folder))
}

/// Lints the sources.
pub(super) fn lint(project: &Project) -> Result<()> {
    if let Some(rust) = &project.rust {
        return rust.lint(RUST_TARGET);
    }
    run(script(project)?.arg("--lint").arg(&project.folder))
}

/// Runs the project's own tests, natively.
pub(super) fn unit_tests(project: &Project) -> Result<()> {
    if let Some(rust) = &project.rust {
        return rust.unit_tests();
    }
    run(script(project)?.arg("--test").arg(&project.folder))
}

fn script(project: &Project) -> Result<Command> {
    let sdk = Language::of(&project.manifest.language)?.sdk()?;
    let mut command = Command::new(sdk.join("build"));
    // Whatever a shell was set to build with, this command's own SDK fits this host.
    command.env_remove("SLUICE_SDK").env_remove("SLUICE_WIT");
    command.current_dir(&project.folder);
    Ok(command)
}

/// Runs a script. Standard output is not its own: there the command prints its result.
fn run(command: &mut Command) -> Result<()> {
    let program = PathBuf::from(command.get_program());
    let failed = |cause: std::io::Error| {
        Error::input(cause.to_string())
            .context(format!("start `{}`", program.display()))
            .hint("the SDKs need `python3`, 3.11 or later; on Debian `apt-get install python3 python3-venv` brings it")
    };
    let piped = command.stdout(std::io::stderr()).stderr(Stdio::piped());
    let mut child = piped.spawn().map_err(failed)?;
    let said = child.stderr.take().map(listen).unwrap_or_default();
    let status = child.wait().map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    Err(told(&said, &program)).context("run the SDK's build")
}

/// Passes on what a script says, up to the line that begins its error; yields the rest.
fn listen(stderr: std::process::ChildStderr) -> Vec<String> {
    let mut error = Vec::new();
    for line in BufReader::new(stderr)
        .lines()
        .map_while(std::result::Result::ok)
    {
        if error.is_empty() && !line.starts_with(ERROR) {
            eprintln!("{line}");
        } else {
            error.push(line);
        }
    }
    error
}

/// The error that a script told, with its hints apart.
fn told(lines: &[String], program: &Path) -> Error {
    let hints = lines.iter().filter_map(|line| line.strip_prefix(HINT));
    let text: Vec<_> = lines
        .iter()
        .filter(|line| !line.starts_with(HINT))
        .collect();
    let Some((first, rest)) = text.split_first() else {
        return Error::internal(format!(
            "`{}` failed and did not say why",
            program.display()
        ));
    };
    let mut message = first.strip_prefix(ERROR).unwrap_or(first).to_owned();
    for line in rest {
        message.push('\n');
        message.push_str(line);
    }
    hints.fold(Error::new(ErrorKind::Plugin, message), Error::hint)
}
