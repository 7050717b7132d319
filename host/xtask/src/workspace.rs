//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::shell::{Doing as _, Outcome};

/// The root of the checkout.
///
/// Taken from where cargo runs this, not from where it was compiled: checkouts may share artefacts.
pub(crate) fn root() -> &'static Path {
    static MANIFEST: LazyLock<PathBuf> = LazyLock::new(|| {
        let running = std::env::var_os("CARGO_MANIFEST_DIR");
        running.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
    });
    MANIFEST.ancestors().nth(2).unwrap_or(&MANIFEST)
}

/// Where artefacts go: the folder that cargo built this task runner into.
pub(crate) fn target() -> Outcome<PathBuf> {
    let runner = std::env::current_exe().doing("find the task runner's own path")?;
    let folder = runner.ancestors().nth(2).unwrap_or(root());
    Ok(folder.to_owned())
}

/// The built command.
pub(crate) fn sluice() -> Outcome<PathBuf> {
    Ok(target()?
        .join("release")
        .join(format!("sluice{}", std::env::consts::EXE_SUFFIX)))
}

/// `cargo` in the root, with one target folder for the host and the plugins.
pub(crate) fn cargo() -> Outcome<Command> {
    let mut command = Command::new("cargo");
    command
        .current_dir(root())
        .env("CARGO_TARGET_DIR", target()?);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_this_crate) {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// Whether cargo set the variable for this crate alone. Build scripts, such as ring's, look at some of them:
/// passed on, they would have half of the dependencies compiled again after each change of hands.
fn is_of_this_crate(name: &str) -> bool {
    const PREFIXES: [&str; 5] = [
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "CARGO_PRIMARY_",
    ];
    name == "OUT_DIR" || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Python in the root.
pub(crate) fn python() -> Command {
    let mut command = Command::new("python3");
    command.current_dir(root());
    command
}

/// The folder for fetched and generated data.
pub(crate) fn data() -> Outcome<PathBuf> {
    let folder = root().join("target").join("data");
    std::fs::create_dir_all(&folder).doing(format!("create `{}`", folder.display()))?;
    Ok(folder)
}

/// The folders directly under `parent` that hold a crate, in order of name.
pub(crate) fn crates_under(parent: &Path) -> Outcome<Vec<PathBuf>> {
    let mut folders = folders_under(parent)?;
    folders.retain(|folder| folder.join("Cargo.toml").is_file());
    Ok(folders)
}

/// The folders directly under `parent`, in order of name.
pub(crate) fn folders_under(parent: &Path) -> Outcome<Vec<PathBuf>> {
    let reading = format!("list `{}`", parent.display());
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(parent).doing(&reading)? {
        let folder = entry.doing(&reading)?.path();
        if folder.is_dir() {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(folders)
}
