//! The folder in which somebody writes a plugin.

use std::fs;
use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sluicegate::error::{Error, Result};
use sluicegate::spec::PluginManifest;

use super::cargo::Crate;
use crate::place;

/// What the command keeps of a project, beside its component.
const OWN: &str = ".sluice";

/// Folders that hold what was built, not what it is built of.
const BUILT: [&str; 4] = ["target", "node_modules", "fixtures", "__pycache__"];

/// A project: a folder with `plugin.toml`, or a crate.
#[derive(Debug)]
pub(super) struct Project {
    /// Absolute.
    pub(super) folder: PathBuf,
    pub(super) manifest: PluginManifest,
    /// The crate, where it is one.
    pub(super) rust: Option<Crate>,
}

impl Project {
    /// Opens the project in `folder`.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let absolute = folder.canonicalize().map_err(|cause| match cause.kind() {
            IoKind::NotFound => Error::input(format!("`{}` does not exist", folder.display())),
            _ => Error::storage(cause.to_string()).context(format!("open `{}`", folder.display())),
        })?;
        let file = absolute.join("plugin.toml");
        let (manifest, rust) = if file.is_file() {
            let text = place::read_text(&file)?;
            (PluginManifest::parse(&text, &file.to_string_lossy())?, None)
        } else if absolute.join("Cargo.toml").is_file() {
            let rust = Crate::open(&absolute)?;
            (rust.manifest(), Some(rust))
        } else {
            let shown = folder.display();
            return Err(Error::input(format!(
                "`{shown}` is no project: it has neither `plugin.toml` nor `Cargo.toml`"
            ))
            .hint("`sluice plugin new --lang LANGUAGE NAME` makes one"));
        };
        Ok(Self {
            folder: absolute,
            manifest,
            rust,
        })
    }

    /// Where the component goes unless told otherwise.
    pub(super) fn component(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.manifest.name))
    }

    /// The component before the last build that changed it.
    pub(super) fn previous(&self) -> PathBuf {
        self.folder.join(OWN).join("previous.wasm")
    }

    /// What went into the component, as its build told.
    pub(super) fn materials(&self) -> PathBuf {
        self.folder.join(OWN).join("materials.json")
    }

    /// The folder of what the command keeps, which version control leaves alone.
    pub(super) fn own(&self) -> Result<PathBuf> {
        let folder = self.folder.join(OWN);
        let made =
            fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(".gitignore"), "*\n"));
        made.map_err(|cause| {
            Error::storage(cause.to_string()).context(format!("make `{}`", folder.display()))
        })?;
        Ok(folder)
    }

    /// Whether a file of the project is newer than its component, or there is none.
    pub(super) fn is_stale(&self) -> bool {
        let built = fs::metadata(self.component()).and_then(|metadata| metadata.modified());
        built.map_or(true, |built| newer(&self.folder, built))
    }
}

/// Whether anything below `folder` that a build may read was changed after `time`.
fn newer(folder: &Path, time: SystemTime) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return true;
    };
    entries.filter_map(std::result::Result::ok).any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let made = name.ends_with(".wasm") || name.ends_with(".tar");
        if made || name.starts_with('.') || BUILT.contains(&name.as_ref()) {
            return false;
        }
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => newer(&entry.path(), time),
            Ok(metadata) => metadata.modified().map_or(true, |changed| changed > time),
            Err(_) => true,
        }
    })
}
