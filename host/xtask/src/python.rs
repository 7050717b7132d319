//! A Python environment with the engines that read the output back.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{Failure, Outcome, run, succeeds};
use crate::workspace::{python, target};

/// What the end-to-end tests read the output back with.
const PACKAGES: [&str; 2] = ["duckdb", "pyarrow"];

/// Makes the environment at the first time; yields its Python.
pub(crate) fn environment() -> Outcome<PathBuf> {
    let folder = target()?.join("python");
    let interpreter = folder.join("bin").join("python");
    if !succeeds(Command::new(&interpreter).args(["-c", "import duckdb, pyarrow"])) {
        run(python().args(["-m", "venv"]).arg(&folder)).map_err(|failure| {
            Failure::new(failure.to_string()).hint("on Debian: apt-get install python3-venv")
        })?;
        run(Command::new(&interpreter)
            .args(["-m", "pip", "install", "--quiet"])
            .args(PACKAGES))?;
    }
    Ok(interpreter)
}
