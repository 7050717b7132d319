//! The SDKs that the command carries, so that it needs no checkout to build a plugin.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use sluicegate::error::{Error, Result};

use crate::place;

struct File {
    path: &'static str,
    executable: bool,
    bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// A language that a plugin can be written in, by the word in `plugin.toml` and after `--lang`.
#[derive(Debug)]
pub(super) struct Language {
    pub(super) word: &'static str,
    /// The folder in `guest-sdk`.
    sdk: &'static str,
    /// The folder of its template, in that of the SDK.
    template: &'static str,
}

/// In the order in which they are listed.
pub(super) const LANGUAGES: [Language; 7] = [
    Language::new("rust", "rust", "template"),
    Language::new("python", "python", "template"),
    Language::new("javascript", "javascript", "template/javascript"),
    Language::new("typescript", "javascript", "template/typescript"),
    Language::new("go", "go", "template"),
    Language::new("c", "c", "template/c"),
    Language::new("cpp", "c", "template/cpp"),
];

impl Language {
    const fn new(word: &'static str, sdk: &'static str, template: &'static str) -> Self {
        Self {
            word,
            sdk,
            template,
        }
    }

    pub(super) fn of(word: &str) -> Result<&'static Self> {
        let found = LANGUAGES.iter().find(|language| language.word == word);
        found.ok_or_else(|| Error::internal(format!("no SDK for the language `{word}`")))
    }

    /// The files of the template, by their path in a project.
    pub(super) fn template(&self) -> impl Iterator<Item = (&'static str, &'static [u8])> {
        let folder = format!("guest-sdk/{}/{}/", self.sdk, self.template);
        FILES
            .iter()
            .filter_map(move |file| Some((file.path.strip_prefix(&folder)?, file.bytes)))
    }

    /// The folder of the SDK, which is written to disk once for each version of it.
    pub(super) fn sdk(&self) -> Result<PathBuf> {
        Ok(extracted()?.join("guest-sdk").join(self.sdk))
    }
}

/// The text of the contract.
pub(super) fn contract() -> Result<&'static str> {
    FILES
        .iter()
        .find(|file| file.path == "wit/transform.wit")
        .and_then(|file| std::str::from_utf8(file.bytes).ok())
        .ok_or_else(|| Error::internal("the command carries no contract"))
}

/// A folder with all SDKs and the contract, as they lie in a checkout.
fn extracted() -> Result<PathBuf> {
    let toolchains = place::toolchains().ok_or_else(|| {
        Error::storage("there is no folder to keep toolchains in")
            .hint("set HOME, XDG_CACHE_HOME or SLUICE_TOOLCHAINS to an absolute path")
    })?;
    let folder = toolchains.join(format!("sdk-{}", digest()));
    if folder.is_dir() {
        return Ok(folder);
    }
    extract(&toolchains, &folder).map_err(|cause| {
        Error::storage(cause.to_string())
            .context(format!("write the SDKs to `{}`", folder.display()))
            .hint("SLUICE_TOOLCHAINS names another folder")
    })?;
    Ok(folder)
}

/// The folder appears when it is whole, however many processes start at the same time.
fn extract(toolchains: &Path, folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(toolchains)?;
    let unfinished = tempfile::Builder::new()
        .prefix(".sdk-")
        .tempdir_in(toolchains)?;
    for file in FILES {
        let path = unfinished.path().join(file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, file.bytes)?;
        let mode = if file.executable { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    fs::set_permissions(unfinished.path(), fs::Permissions::from_mode(0o755))?;
    match fs::rename(unfinished.path(), folder) {
        Err(cause) if !folder.is_dir() => Err(cause),
        _ => Ok(()),
    }
}

/// Tells versions of the SDKs apart.
fn digest() -> String {
    let mut hash = Sha256::new();
    for file in FILES {
        hash.update((file.path.len() as u64).to_le_bytes());
        hash.update(file.path);
        hash.update((file.bytes.len() as u64).to_le_bytes());
        hash.update(file.bytes);
    }
    let digest = hash.finalize();
    hex::encode(digest.get(..8).unwrap_or_default())
}
