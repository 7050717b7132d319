//! Where `sluice run --keep-failing` puts the batches over which transforms fail.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sluicegate::error::{Error, Result};
use sluicegate::run::Keeper;

/// A folder whose files only their owner reads, as they hold data.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder where there is none, for its owner alone; one that is there stays as it is.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|cause| {
            Error::storage(cause.to_string())
                .context(format!("keep failing batches in `{}`", path.display()))
        })?;
        Ok(Self(path.to_owned()))
    }
}

impl Keeper for Folder {
    fn keep(&self, name: &str, file: &[u8]) -> Result<String> {
        let path = self.0.join(name);
        let partial = self.0.join(format!("{name}.partial"));
        // What another run of the same name left there, perhaps.
        let _ = fs::remove_file(&partial);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let written = options.open(&partial).and_then(|mut out| {
            out.write_all(file)?;
            fs::rename(&partial, &path)
        });
        match written {
            Ok(()) => Ok(path.display().to_string()),
            Err(cause) => {
                // The error that is reported is the first one.
                let _ = fs::remove_file(&partial);
                let doing = format!("write `{}`", path.display());
                Err(Error::storage(cause.to_string()).context(doing))
            }
        }
    }
}
