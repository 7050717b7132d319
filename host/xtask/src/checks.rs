//! What the CI runs.

use crate::azurite;
use crate::guests;
use crate::python;
use crate::sdks;
use crate::shell::{Outcome, run};
use crate::workspace::{cargo, root};

/// Runs every test: the host's, and natively those of the plugins.
pub(crate) fn test() -> Outcome {
    // The end-to-end tests start the command, which cargo builds for no test of another crate.
    run(cargo()?.args(["build", "--release", "--workspace", "--bins"]))?;
    guests::build()?;
    sdks::build(false)?;
    let mut tests = cargo()?;
    tests.args(["test", "--release", "--workspace"]);
    match python::environment() {
        Ok(interpreter) => {
            tests.env("SLUICE_TEST_PYTHON", interpreter);
        }
        Err(failure) => println!(
            "\n*** SKIPPED: a transform in Python, and reading the output back by DuckDB and PyArrow, for want of Python's packages ***\n{failure}"
        ),
    }
    match azurite::installed() {
        Ok(azurite) => {
            tests.env("SLUICE_TEST_NODE", azurite.node);
            tests.env("SLUICE_TEST_AZURITE", azurite.main);
        }
        Err(failure) => println!("\n*** SKIPPED: Azure, for want of Azurite ***\n{failure}"),
    }
    run(&mut tests)?;
    sdks::test(false)?;
    // Not in release: its link-time optimisation would take minutes for tests of milliseconds.
    run(&mut plugins("test")?)
}

/// Checks formatting and lints, of the host and of the plugins.
pub(crate) fn lint() -> Outcome {
    run(cargo()?.args(["fmt", "--all", "--check"]))?;
    run(plugins("fmt")?.args(["--all", "--check"]))?;
    run(guests("fmt")?.args(["--all", "--check"]))?;
    run(cargo()?
        .args(["clippy", "--release", "--workspace", "--all-targets", "--"])
        .args(["--deny", "warnings"]))?;
    run(plugins("clippy")?.args(["--release", "--all-targets", "--", "--deny", "warnings"]))?;
    run(guests("clippy")?.args(["--release", "--", "--deny", "warnings"]))
}

fn plugins(task: &str) -> Outcome<std::process::Command> {
    let mut command = cargo()?;
    command.current_dir(root().join("plugins")).arg(task);
    Ok(command)
}

/// As [`plugins`], for the guests of the end-to-end tests.
fn guests(task: &str) -> Outcome<std::process::Command> {
    let mut command = plugins(task)?;
    command.args(["--manifest-path", "../tests/guests/Cargo.toml"]);
    Ok(command)
}
