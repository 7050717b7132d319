//! The handle of the folder, and names below it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path as FsPath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, RenameTargetMode, Result};
use tokio::sync::Semaphore;

use super::upload::{WRITES_MAX, sync_folder_of};

/// Files that are not complete yet are named like this, and are no objects.
const TEMPORARY_PREFIX: &str = ".sluicegate-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// How often a name is looked at that seems to lead out of the folder.
const LOOKS_MAX: usize = 8;

/// Whether a file of this name is not complete yet.
pub(super) fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(TEMPORARY_PREFIX.as_bytes()) && name.ends_with(TEMPORARY_SUFFIX.as_bytes())
}

/// A name for a file that is not complete yet, beside the one it will become.
pub(super) fn temporary_beside(target: &FsPath) -> PathBuf {
    beside(target, uuid::Uuid::now_v7())
}

/// The name of what is not complete yet and that this tells from others beside the file it will become.
pub(super) fn beside(target: &FsPath, unique: uuid::Uuid) -> PathBuf {
    let unique = unique.simple();
    target.with_file_name(format!("{TEMPORARY_PREFIX}{unique}{TEMPORARY_SUFFIX}"))
}

/// A folder that exists, or will.
#[derive(Debug)]
pub(super) struct Folder {
    /// What exists of the path.
    anchor: Dir,
    /// What does not exist yet, below the anchor; empty if nothing is missing.
    missing: PathBuf,
    /// The folder itself while it exists.
    root: Mutex<Option<Arc<Dir>>>,
    /// Leave to write a part.
    pub(super) writes: Arc<Semaphore>,
}

impl Folder {
    pub(super) fn open(path: &FsPath) -> io::Result<Self> {
        let anchor = Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(Self {
            anchor,
            missing: PathBuf::new(),
            root: Mutex::new(None),
            writes: Arc::new(Semaphore::new(WRITES_MAX)),
        })
    }

    pub(super) fn open_or_create(path: &FsPath) -> io::Result<Self> {
        let mut missing = PathBuf::new();
        for ancestor in path.ancestors() {
            match Dir::open_ambient_dir(ancestor, ambient_authority()) {
                Ok(anchor) => {
                    return Ok(Self {
                        anchor,
                        missing,
                        root: Mutex::new(None),
                        writes: Arc::new(Semaphore::new(WRITES_MAX)),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let name = ancestor.file_name().ok_or(error)?;
                    let below = missing;
                    missing = PathBuf::from(name);
                    if !below.as_os_str().is_empty() {
                        missing.push(below);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// The folder, if it exists.
    pub(super) fn dir(&self) -> io::Result<Arc<Dir>> {
        let mut root = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dir) = root.as_ref() {
            return Ok(Arc::clone(dir));
        }
        let dir = if self.missing.as_os_str().is_empty() {
            self.anchor.try_clone()?
        } else {
            self.anchor.open_dir(&self.missing)?
        };
        Ok(Arc::clone(root.insert(Arc::new(dir))))
    }

    /// The folder, with everything above `target` in it made if need be.
    pub(super) fn dir_for(&self, target: &FsPath) -> io::Result<Arc<Dir>> {
        if !self.missing.as_os_str().is_empty() {
            create_folders(&self.anchor, &self.missing)?;
        }
        let dir = self.dir()?;
        if let Some(parent) = target
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            create_folders(&dir, parent)?;
        }
        Ok(dir)
    }

    /// Removes the folders above `target` that hold nothing, and the root if it was not there.
    pub(super) fn prune(&self, target: &FsPath) {
        let Ok(dir) = self.dir() else { return };
        let parents = target
            .ancestors()
            .skip(1)
            .filter(|parent| !parent.as_os_str().is_empty());
        for parent in parents {
            // One that is not empty stays, and so do those above it.
            if dir.remove_dir(parent).is_err() {
                return;
            }
        }
        let mut root = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        for parent in self
            .missing
            .ancestors()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            if self.anchor.remove_dir(parent).is_err() {
                return;
            }
            *root = None;
        }
    }

    /// Removes one object.
    pub(super) fn remove(&self, location: &Path) -> Result<()> {
        let target = relative(location)?;
        let removed = self.dir().and_then(|dir| dir.remove_file(&target));
        // Who removed it before may not have come so far.
        self.prune(&target);
        removed.map_err(|error| failure(location, error))
    }

    /// Gives an object another name, in one step.
    pub(super) fn rename(&self, from: &Path, to: &Path, mode: RenameTargetMode) -> Result<()> {
        let (source, target) = (relative(from)?, relative(to)?);
        // No folder is made for what is not there.
        let found = self.dir().and_then(|dir| dir.symlink_metadata(&source));
        found.map_err(|error| failure(from, error))?;
        let renamed = || {
            let dir = self.dir_for(&target)?;
            match mode {
                RenameTargetMode::Overwrite => dir.rename(&source, &dir, &target)?,
                RenameTargetMode::Create => {
                    dir.hard_link(&source, &dir, &target)?;
                    dir.remove_file(&source)?;
                }
            }
            sync_folder_of(&dir, &target)
        };
        renamed().map_err(|error| failure(from, error))?;
        self.prune(&source);
        Ok(())
    }
}

/// Looks again where the kernel says that a name leads out of the folder: it also says so of a name that another process
/// gives to something else, or takes away, in that moment. What does lead out, does so again.
pub(super) fn steadily<T>(mut look: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut looks = 1;
    loop {
        let found = look();
        // Only the check of names has no number of the system's.
        let leads_out = found.as_ref().err().is_some_and(|error| {
            error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
        });
        if !leads_out || looks == LOOKS_MAX {
            return found;
        }
        looks += 1;
    }
}

/// Makes the folders of `path` that do not exist.
fn create_folders(dir: &Dir, path: &FsPath) -> io::Result<()> {
    let Err(error) = dir.create_dir_all(path) else {
        return Ok(());
    };
    if error.kind() != io::ErrorKind::AlreadyExists {
        return Err(error);
    }
    // That is also said where a folder exists and could not be looked at.
    match dir.open_dir(path) {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => Err(error),
        Err(cause) => Err(cause),
    }
}

/// The path of an object below the root: its names as they are.
///
/// # Errors
///
/// Fails for the root itself, for names that no file can have, and for those of incomplete files.
pub(super) fn relative(location: &Path) -> Result<PathBuf> {
    let mut path = PathBuf::new();
    for part in location.parts() {
        let name = part.as_ref();
        // `Path` holds neither, but this is where it matters.
        if matches!(name, "" | "." | "..") || name.contains(['/', '\\', '\0']) {
            return Err(invalid(location, "a name in it is no file's name"));
        }
        if is_temporary(OsStr::new(name)) {
            return Err(invalid(
                location,
                "the name is reserved for incomplete files",
            ));
        }
        path.push(name);
    }
    if path.as_os_str().is_empty() {
        return Err(invalid(location, "the root is no object"));
    }
    Ok(path)
}

fn invalid(location: &Path, why: &str) -> Error {
    Error::NotFound {
        path: location.to_string(),
        source: why.into(),
    }
}

/// What the file system said about an object.
pub(super) fn failure(location: &Path, error: io::Error) -> Error {
    let path = location.to_string();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::NotFound {
            path,
            source: error.into(),
        },
        io::ErrorKind::AlreadyExists => Error::AlreadyExists {
            path,
            source: error.into(),
        },
        io::ErrorKind::PermissionDenied => Error::PermissionDenied {
            path,
            source: error.into(),
        },
        _ => Error::Generic {
            store: "file",
            source: error.into(),
        },
    }
}

/// An error of ours, which says more than those of stores can.
pub(super) fn ours(error: crate::error::Error) -> Error {
    Error::Generic {
        store: "file",
        source: error.into(),
    }
}

/// What is known of a regular file.
pub(super) fn object_meta(location: Path, metadata: &Metadata) -> Result<ObjectMeta> {
    use cap_std::fs::MetadataExt as _;
    let modified = metadata
        .modified()
        .map_err(|error| failure(&location, error))?
        .into_std();
    let since = modified
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let size = metadata.len();
    // A replaced file is another inode, a rewritten one has another time or size.
    let e_tag = format!("{:x}-{:x}-{size:x}", metadata.ino(), since.as_nanos());
    Ok(ObjectMeta {
        location,
        last_modified: modified.into(),
        size,
        e_tag: Some(e_tag),
        version: None,
    })
}
