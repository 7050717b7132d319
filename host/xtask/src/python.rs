//! A Python environment with what the end-to-end tests need: engines that read the output back, and
//! the compiler of transforms in Python.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{Failure, Outcome, run, succeeds};
use crate::workspace::{python, root, target};

/// What the end-to-end tests read the output back with.
const PACKAGES: [&str; 2] = ["duckdb", "pyarrow"];

/// What the guest in Python is built with, in the version that it was written for.
const GUEST: &str = "tests/guests/python/requirements.txt";

/// Makes the environment at the first time; yields its Python.
pub(crate) fn environment() -> Outcome<PathBuf> {
    let folder = target()?.join("python");
    let interpreter = folder.join("bin").join("python");
    let install = || {
        let mut command = Command::new(&interpreter);
        command
            .current_dir(root())
            .args(["-m", "pip", "install", "--quiet"])
            .args(PACKAGES)
            .args(["--requirement", GUEST]);
        command
    };
    // Without an index it succeeds only where all of it is installed.
    if !succeeds(install().arg("--no-index")) {
        run(python().args(["-m", "venv"]).arg(&folder)).map_err(|failure| {
            Failure::new(failure.to_string()).hint("on Debian: apt-get install python3-venv")
        })?;
        run(&mut install())?;
    }
    Ok(interpreter)
}
