//! Files that nobody but their owner may read.

use std::io::Read;
use std::path::{Path as FsPath, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt, OpenOptions, OpenOptionsExt};

use crate::error::{Error, Result};
use crate::policy::{Granted, act};
use crate::spec::{Scheme, Uri};

/// What a file must not permit to its group and to others.
const OTHERS: u32 = 0o077;

/// Opens without waiting, where the name is that of a pipe.
const NON_BLOCKING: i32 = 0o4000;

/// Tells one content of a local file from another, unless somebody sets its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp([i64; 3], u64);

/// The stamp of what a local name leads to; none where that cannot be told.
#[must_use]
pub fn private_stamp(uri: &Uri) -> Option<Stamp> {
    let path = path_of(uri);
    let folder = Dir::open_ambient_dir(path.parent()?, ambient_authority()).ok()?;
    let found = folder.metadata(path.file_name()?).ok()?;
    let changed = [found.ctime(), found.ctime_nsec(), found.mtime()];
    Some(Stamp(changed, found.ino()))
}

/// The content of a local file that only its owner may read or write, of at most `bytes_max` bytes.
///
/// # Errors
///
/// Fails where it is not there, not local, open to others, no regular file, or too large.
pub fn read_private(
    granted: &Granted<act::ObjectGet>,
    uri: &Uri,
    bytes_max: usize,
) -> Result<Vec<u8>> {
    if uri.scheme() != Scheme::File || uri.is_folder() || uri.pattern().is_some() {
        return Err(Error::input(format!("`{uri}` is no local file")));
    }
    if !granted.resource().is(uri) {
        return Err(Error::internal("a file was granted and another is read"));
    }
    read_own(&path_of(uri), bytes_max)
}

/// The path of a local file.
fn path_of(uri: &Uri) -> PathBuf {
    FsPath::new("/").join(uri.parent().path()).join(uri.name())
}

/// The same of a file that is the host's own and no part of a run, which no policy is about; `path` is absolute.
///
/// # Errors
///
/// As [`read_private`].
pub(super) fn read_own(path: &FsPath, bytes_max: usize) -> Result<Vec<u8>> {
    let told = path.display();
    let failed = |cause: std::io::Error| match cause.kind() {
        std::io::ErrorKind::NotFound => Error::input(format!("`{told}` does not exist")),
        _ => Error::storage(format!("`{told}`: {cause}")),
    };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::input(format!("`{told}` names no file")));
    };
    let folder = Dir::open_ambient_dir(folder, ambient_authority()).map_err(failed)?;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(NON_BLOCKING);
    let file = folder.open_with(name, &options).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err(Error::input(format!("`{told}` is no regular file")));
    }
    if found.mode() & OTHERS != 0 {
        let mode = found.mode() & 0o777;
        return Err(
            Error::input(format!("`{told}` is open to others: its mode is {mode:o}"))
                .hint(format!("chmod 600 {told}")),
        );
    }
    let mut content = Vec::new();
    let most = bytes_max as u64 + 1;
    file.take(most).read_to_end(&mut content).map_err(failed)?;
    if content.len() > bytes_max {
        let message = format!("`{told}` has more than {bytes_max} bytes");
        return Err(Error::input(message));
    }
    Ok(content)
}
