//! What the process finds around it: files, folders, the environment.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{ErrorKind as IoKind, Read as _};
use std::path::{Path, PathBuf};

use sluicegate::error::{Error, Result};
use sluicegate::limits::PLUGIN_BYTES_MAX;
use sluicegate::sandbox::{Compiler, SandboxConfig};
use sluicegate::spec::{self, Uri};

/// Bytes of an application file. People write them; a schema of thousands of columns takes a tenth.
const APPLICATION_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The environment, as far as it is UTF-8.
pub(crate) fn environment() -> BTreeMap<String, String> {
    let decoded = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(decoded).collect()
}

/// Where compiled plugins are kept: `$SLUICE_CACHE`, or the user's cache folder; none if there is neither.
fn cache() -> Option<PathBuf> {
    kept("SLUICE_CACHE", "compiled")
}

/// Where the SDKs and their toolchains are kept: `$SLUICE_TOOLCHAINS`, or the user's cache folder. The SDKs' own
/// scripts look there as well.
pub(crate) fn toolchains() -> Option<PathBuf> {
    kept("SLUICE_TOOLCHAINS", "toolchains")
}

/// The folder that a variable names, or `folder` in our part of the user's cache.
fn kept(variable: &str, folder: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute(variable).or_else(|| {
        let caches =
            absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
        Some(caches.join("sluicegate").join(folder))
    })
}

/// The URI of a local file, whatever characters its path has.
pub(crate) fn uri(path: &Path) -> Result<Uri> {
    let mut text = "file://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                text.push(char::from(*byte));
            }
            // Writing to a string does not fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    Uri::parse(&text, None)
}

/// How this process compiles and keeps plugins.
pub(crate) fn sandbox() -> Result<SandboxConfig> {
    let program = std::env::current_exe()
        .map_err(|cause| Error::internal(cause.to_string()).context("find the command itself"))?;
    // The allocator would take a whole GiB of address space for itself at its start.
    let environment = [("MIMALLOC_ARENA_RESERVE".to_owned(), "0".to_owned())];
    let compiler = Compiler {
        program,
        arguments: ["--json", "plugin", "compile"].map(str::to_owned).to_vec(),
        environment: environment.to_vec(),
    };
    Ok(SandboxConfig {
        cache: cache(),
        compiler: Some(compiler),
        ..SandboxConfig::default()
    })
}

/// The folder that relative URIs on the command line start from.
pub(crate) fn working_folder() -> Result<PathBuf> {
    std::env::current_dir()
        .map_err(|cause| Error::storage(cause.to_string()).context("find the working folder"))
}

/// The bytes of a plugin, or an error that names the nearest existing file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    read_up_to(path, PLUGIN_BYTES_MAX)
}

/// The text of an application file, or an error that names the nearest existing file.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read_up_to(path, APPLICATION_BYTES_MAX)?)
        .map_err(|cause| Error::input(format!("`{}` is not UTF-8: {cause}", path.display())))
}

/// Devices and pipes may never end, and opening a pipe waits for its writer: only files are opened.
fn read_up_to(path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let unreadable = |cause| unreadable(path, &cause);
    let shown = path.display();
    let is_file = std::fs::metadata(path).map_err(unreadable)?.is_file();
    if !is_file {
        return Err(Error::input(format!("`{shown}` is no regular file")));
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Error::input(format!(
            "`{shown}` has more than the {bytes_max} bytes allowed"
        )));
    }
    Ok(bytes)
}

/// Writes a file so that it is there as a whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = std::fs::write(&partial, bytes).and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|cause| {
        // Best effort: the error that is reported is the first one.
        let _ = std::fs::remove_file(&partial);
        Error::storage(cause.to_string()).context(format!("write `{}`", path.display()))
    })
}

fn unreadable(path: &Path, cause: &std::io::Error) -> Error {
    let shown = path.display();
    if cause.kind() != IoKind::NotFound {
        return Error::storage(cause.to_string()).context(format!("read `{shown}`"));
    }
    let error = Error::input(format!("`{shown}` does not exist"));
    match nearest(path) {
        Some(near) => error.hint(format!("did you mean `{}`?", near.display())),
        None => error,
    }
}

/// The existing path that `path` is most like: the first missing part is replaced.
fn nearest(path: &Path) -> Option<PathBuf> {
    let absent = |part: &&Path| !part.as_os_str().is_empty() && !part.exists();
    let missing = path.ancestors().take_while(absent).last()?;
    let parent = missing.parent()?;
    let folder = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    let names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let near = spec::nearest(
        missing.file_name()?.to_str()?,
        names.iter().map(String::as_str),
    )?;
    Some(parent.join(near))
}
