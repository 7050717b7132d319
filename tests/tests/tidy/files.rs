//! The files of the checkout.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A file of the checkout, read.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// All of it; what is not UTF-8 is replaced.
    pub(crate) text: String,
}

impl File {
    /// Whether the whole file is a test.
    pub(crate) fn is_test(&self) -> bool {
        let mut parts = self.path.split('/');
        let name = parts.next_back().unwrap_or_default();
        name == "tests.rs" || parts.any(|part| matches!(part, "tests" | "benches" | "fuzz"))
    }
}

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    // Where cargo runs the tests, not where it compiled them: checkouts may share artefacts.
    static MANIFEST: LazyLock<PathBuf> =
        LazyLock::new(|| std::env::var_os("CARGO_MANIFEST_DIR").unwrap().into());
    MANIFEST.parent().unwrap()
}

/// One file, or what to do about its absence.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|cause| {
        panic!("failed to read `{path}`: {cause}; every checkout has this file")
    })
}

/// Every Rust file under `folder`, in order of path.
pub(crate) fn rust(folder: &str) -> Vec<File> {
    let mut files = under(folder);
    files.retain(|file| file.path.ends_with(".rs"));
    files
}

/// Every text file under `folder` that is not an artefact, in order of path.
pub(crate) fn under(folder: &str) -> Vec<File> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    found.iter().map(|path| load(path)).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type().unwrap().is_dir() {
            if !matches!(
                name.as_ref(),
                "target" | ".git" | "__pycache__" | "node_modules"
            ) {
                walk(&path, found);
            }
        } else if is_text(&name) {
            found.push(path);
        }
    }
}

fn is_text(name: &str) -> bool {
    const EXTENSIONS: [&str; 14] = [
        "rs", "toml", "md", "py", "wit", "yml", "yaml", "json", "snap", "sh", "lock", "csv", "wat",
        "txt",
    ];
    match name.rsplit_once('.') {
        Some((_, extension)) => EXTENSIONS.contains(&extension),
        None => matches!(name, "run" | "LICENSE"),
    }
}

fn load(path: &Path) -> File {
    let bytes = std::fs::read(path).unwrap();
    File {
        path: path
            .strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/"),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}
