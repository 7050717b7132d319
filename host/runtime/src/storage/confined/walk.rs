//! Listing a folder and what is below it.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use cap_std::fs::{Dir, DirEntry};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, Result};

use super::folder::{Folder, failure, is_temporary, object_meta, ours, relative, steadily};

/// Folders within folders that are listed; a deeper tree is no data set.
const DEPTH_MAX: usize = 64;

/// What is in one folder, in the order of names.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) folders: Vec<Path>,
    pub(super) objects: Vec<ObjectMeta>,
}

/// All objects below `prefix`, one folder after the other.
pub(super) fn walk(folder: Arc<Folder>, prefix: Path) -> BoxStream<'static, Result<ObjectMeta>> {
    let deepest = prefix.parts().count() + DEPTH_MAX;
    stream::try_unfold(VecDeque::from([prefix]), move |mut pending| {
        let folder = Arc::clone(&folder);
        async move {
            let Some(prefix) = pending.pop_front() else {
                return Ok::<_, Error>(None);
            };
            if prefix.parts().count() > deepest {
                let message = format!("`{prefix}` is nested deeper than {DEPTH_MAX} folders");
                return Err(Error::Generic {
                    store: "file",
                    source: message.into(),
                });
            }
            let level = tokio::task::spawn_blocking(move || read_level(&folder, &prefix)).await??;
            for below in level.folders.into_iter().rev() {
                pending.push_front(below);
            }
            Ok(Some((
                stream::iter(level.objects.into_iter().map(Ok)),
                pending,
            )))
        }
    })
    .try_flatten()
    .boxed()
}

/// What is directly in `prefix`; nothing if it does not exist or is no folder.
pub(super) fn read_level(folder: &Folder, prefix: &Path) -> Result<Level> {
    let mut level = Level::default();
    let opened = if prefix.parts().next().is_none() {
        folder.dir().and_then(|dir| dir.try_clone())
    } else {
        let path = relative(prefix)?;
        folder
            .dir()
            .and_then(|dir| steadily(|| dir.open_dir(&path)))
    };
    let dir = match opened {
        Ok(dir) => dir,
        Err(error) if is_absent(&error) => return Ok(level),
        Err(error) => return Err(failure(prefix, error)),
    };
    let entries = dir.entries().map_err(|error| failure(prefix, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| failure(prefix, error))?;
        add(&mut level, &dir, prefix, &entry)?;
    }
    level.folders.sort_unstable();
    level
        .objects
        .sort_unstable_by(|a, b| a.location.cmp(&b.location));
    Ok(level)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn add(level: &mut Level, dir: &Dir, prefix: &Path, entry: &DirEntry) -> Result<()> {
    let name = entry.file_name();
    if is_temporary(&name) {
        return Ok(());
    }
    let hidden = matches!(name.as_encoded_bytes(), [b'.' | b'_', ..]);
    let location = match name.to_str().and_then(|name| child(prefix, name)) {
        Some(location) => location,
        None if hidden => return Ok(()),
        None => {
            let message = format!("a name in `{prefix}` is not UTF-8, or has control characters");
            return Err(Error::Generic {
                store: "file",
                source: message.into(),
            });
        }
    };
    let file_type = entry
        .file_type()
        .map_err(|error| failure(&location, error))?;
    if file_type.is_dir() {
        level.folders.push(location);
        return Ok(());
    }
    if !file_type.is_file() && !file_type.is_symlink() {
        return Ok(());
    }
    // Follows a link, as far as the root.
    match steadily(|| dir.metadata(&name)) {
        Ok(metadata) if metadata.is_file() => level.objects.push(object_meta(location, &metadata)?),
        Ok(metadata) if metadata.is_dir() && !hidden => {
            return Err(link(&location, "to a folder, which is not followed"));
        }
        Ok(_) => {}
        // A link to nothing, or a file that went away meanwhile.
        Err(error) if is_absent(&error) => {}
        Err(_) if hidden => {}
        Err(_) if file_type.is_symlink() => {
            return Err(link(&location, "that leads out of its folder"));
        }
        Err(error) => return Err(failure(&location, error)),
    }
    Ok(())
}

fn link(location: &Path, what: &str) -> Error {
    let message = format!("`{location}` is a symbolic link {what}");
    let hint = "remove the link, or put in its place what it leads to; that can also be an input of its own";
    ours(crate::error::Error::storage(message).hint(hint))
}

/// The location of `name` in `prefix`, if it can have one.
fn child(prefix: &Path, name: &str) -> Option<Path> {
    let path = match prefix.as_ref() {
        "" => name.to_owned(),
        prefix => format!("{prefix}/{name}"),
    };
    // A backslash is legal in a name, but nothing that names it could be written portably.
    if name.contains('\\') {
        return None;
    }
    Path::parse(path).ok()
}
