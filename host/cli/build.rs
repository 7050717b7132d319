//! Puts the SDKs, their templates and the contract into the command, so that it builds plugins anywhere.

use std::fmt::Write as _;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};

/// What builds leave behind.
const BUILT: [&str; 5] = ["__pycache__", "bin", "node_modules", "obj", "target"];

/// What only the SDKs themselves are checked with.
const CHECKS: [&str; 4] = ["check", "checks.py", "examples", "tests"];

/// Files and folders that belong to a template though they are hidden.
const KEPT: [&str; 2] = [".cargo", ".gitignore"];

/// The line of the workspace that names its members; that of the SDK alone stays.
const MEMBERS: &str = "members = [";

fn main() -> Result<()> {
    let variable = |name: &str| std::env::var_os(name).ok_or_else(|| Error::other(name.to_owned()));
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?)
        .join("../..")
        .canonicalize()?;
    let out = PathBuf::from(variable("OUT_DIR")?);

    let mut files = Vec::new();
    let sdks = root.join("guest-sdk");
    gather(&sdks, &sdks, &mut files)?;
    gather(&root.join("wit"), &sdks, &mut files)?;
    files.sort();

    let workspace = out.join("Cargo.toml");
    fs::write(&workspace, workspace_of_sdk(&root.join("Cargo.toml"))?)?;
    let mut code = format!(
        "const FILES: &[File] = &[\n    \
         File {{ path: \"Cargo.toml\", executable: false, bytes: include_bytes!({}) }},\n",
        quoted(&workspace)?
    );
    for file in &files {
        let path = file.strip_prefix(&root).map_err(Error::other)?;
        let executable = path.file_name().is_some_and(|name| name == "build");
        let _ = writeln!(
            code,
            "    File {{ path: {}, executable: {executable}, bytes: include_bytes!({}) }},",
            quoted(path)?,
            quoted(file)?
        );
    }
    code.push_str("];\n");
    fs::write(out.join("embedded.rs"), code)
}

/// A path as a literal of Rust.
fn quoted(path: &Path) -> Result<String> {
    let text = path
        .to_str()
        .ok_or_else(|| Error::other("a path is not UTF-8"))?;
    Ok(format!("{text:?}"))
}

/// The files below a folder, and what cargo has to watch of it; true if nothing was left out.
fn gather(folder: &Path, sdks: &Path, files: &mut Vec<PathBuf>) -> Result<bool> {
    let mut whole = true;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let hidden = name.starts_with('.') && !KEPT.contains(&name);
        let check = (folder == sdks || folder.parent() == Some(sdks)) && CHECKS.contains(&name);
        if hidden || check || BUILT.contains(&name) || name.ends_with(".wasm") {
            whole = false;
        } else if path.is_dir() {
            whole &= gather(&path, sdks, files)?;
        } else {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    // Cargo looks at all that a folder holds, and examples are built every now and then.
    if whole {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
    Ok(whole)
}

/// The workspace's manifest with the Rust SDK as its only member, which takes its versions from there.
fn workspace_of_sdk(manifest: &Path) -> Result<String> {
    println!("cargo::rerun-if-changed={}", manifest.display());
    let text = fs::read_to_string(manifest)?;
    let line = |line: &str| {
        if line.starts_with(MEMBERS) {
            "members = [\"guest-sdk/rust\"]\n".to_owned()
        } else {
            format!("{line}\n")
        }
    };
    // Profiles are of no use to who depends on a member.
    let tables = text.split("[profile.").next().unwrap_or_default();
    Ok(tables.lines().map(line).collect())
}
