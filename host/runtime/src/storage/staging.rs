//! Files of a run that appear when all of them are complete.
//!
//! While a run goes on, its files are uploads that are not completed: in a bucket nothing is visible of
//! them, on a local disk they have hidden names beside their final ones. [`Staging::commit`] completes
//! them all, then removes what an overwrite replaces, and writes `_SUCCESS` last.
//!
//! Atomic today: each file appears whole or not at all; a run that fails or is cancelled before its
//! commit leaves nothing under a final name; and a commit that fails takes back what it completed.
//! Not atomic yet: a reader who lists during a commit may see some of the new files, or, with
//! overwrite, old ones beside new ones; a machine that stops in that moment leaves that state, without
//! `_SUCCESS`, and hidden files that nobody removes. A reader who waits for `_SUCCESS` sees none of
//! this, except that an overwrite removes the old marker first.

mod commit;
mod file;
mod side;
mod slot;

use std::sync::{Mutex, PoisonError};

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use serde::Serialize;

pub use file::{FinishedFile, StagedFile};
pub use side::{Begun, SideObjects};

use self::slot::Slot;
use super::failure::storage_error;
use super::listing::{below, is_hidden};
use super::stores::Place;
use crate::error::{Error, Result};
use crate::spec::Mode;

/// Files of one run; more of them are of no use to a reader.
const FILES_MAX: usize = 100_000;

/// Objects that an overwrite may replace.
const REPLACED_MAX: usize = 1_000_000;

/// The name of the marker that a finished run leaves.
const SUCCESS: &str = "_SUCCESS";

/// Names of markers, and how they begin where each run has its own: what Spark writes.
const MARKERS: [&str; 3] = [SUCCESS, "_metadata", "_common_metadata"];
const MARKER_PREFIXES: [&str; 2] = ["_committed_", "_started_"];

/// The files of one run at one place, none of them visible yet.
///
/// Dropping it removes local files that are not committed; uploads to a bucket are given up only by
/// [`abort`](Self::abort), which has to be awaited.
#[derive(Debug)]
pub struct Staging {
    place: Place,
    mode: Mode,
    run_id: String,
    uploads: Mutex<Vec<Slot>>,
}

/// What a commit made visible.
#[derive(Clone, Debug, Serialize)]
pub struct Committed {
    /// The run that wrote it.
    pub run: String,
    /// Relative to the output.
    pub files: Vec<CommittedFile>,
    /// Rows of all files.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// One file of a commit.
#[derive(Clone, Debug, Serialize)]
pub struct CommittedFile {
    /// Relative to the output.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

impl Staging {
    /// Prepares to write below `place`.
    ///
    /// # Errors
    ///
    /// Refuses, by the mode: what exists already with [`Mode::ErrorIfExists`]; files that no run
    /// wrote, which would be lost, with [`Mode::Overwrite`].
    pub async fn begin(place: &Place, mode: Mode, run_id: &str) -> Result<Self> {
        let staging = Self {
            place: place.clone(),
            mode,
            run_id: run_id.to_owned(),
            uploads: Mutex::default(),
        };
        match mode {
            Mode::ErrorIfExists => staging.refuse_existing().await?,
            Mode::Overwrite => drop(staging.replaced().await?),
            Mode::Append => {}
        }
        Ok(staging)
    }

    /// Begins a file; `relative` is its final name below the output, such as
    /// `date=2024-01-31/part-00000-run.parquet`.
    ///
    /// # Errors
    ///
    /// Fails if the name is malformed, if there are too many files, or if storage refuses.
    pub async fn create(&self, relative: &str) -> Result<StagedFile> {
        let invalid = || Error::internal(format!("`{relative}` is no name of a file"));
        let path = Path::parse(relative).map_err(|_| invalid())?;
        if path.as_ref() != relative || relative.is_empty() {
            return Err(invalid());
        }
        if self.uploads().len() >= FILES_MAX {
            let raise = "raise `target_file_bytes`, or use fewer partitions";
            return Err(Error::limit("files of a run", FILES_MAX, raise));
        }
        let location: Path = self.place.path.parts().chain(path.parts()).collect();
        let what = format!("{}{relative}", self.place.uri.as_folder());
        let upload = self
            .place
            .store
            .put_multipart(&location)
            .await
            .map_err(|error| storage_error(&what, error).context("begin a file"))?;
        let slot = Slot::new(upload);
        self.uploads().push(slot.clone());
        Ok(StagedFile::new(
            relative.to_owned(),
            what,
            location,
            slot,
            &self.place,
        ))
    }

    /// Gives up all files that are not committed. Can be called at any time, and more than once.
    ///
    /// # Errors
    ///
    /// Fails if storage does; what could be removed is removed all the same.
    pub async fn abort(&self) -> Result<()> {
        let slots = std::mem::take(&mut *self.uploads());
        let mut outcome = Ok(());
        for slot in slots {
            let Some(upload) = slot.take() else {
                continue;
            };
            if let Err(error) = upload.abort().await {
                let what = self.place.uri.to_string();
                outcome = Err(storage_error(&what, error).context("give up an unfinished file"));
            }
        }
        outcome
    }

    fn uploads(&self) -> std::sync::MutexGuard<'_, Vec<Slot>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn refuse_existing(&self) -> Result<()> {
        let mut listing = self.place.store.list(Some(&self.place.path));
        let failed = |error| storage_error(&self.place.uri.to_string(), error);
        while let Some(meta) = listing.try_next().await.map_err(failed)? {
            let name = below(&self.place.path, &meta.location);
            if !is_hidden(name) {
                return Err(Error::input(format!(
                    "output `{}` exists already: it holds `{name}`",
                    self.place.uri
                ))
                .hint("`mode = \"append\"` adds files to it, `mode = \"overwrite\"` replaces it, or choose another `uri`"));
            }
        }
        Ok(())
    }

    /// What an overwrite removes: what runs wrote. Refuses if there is anything else.
    async fn replaced(&self) -> Result<Vec<Path>> {
        let mut listing = self.place.store.list(Some(&self.place.path));
        let failed = |error| storage_error(&self.place.uri.to_string(), error);
        let mut replaced = Vec::new();
        while let Some(ObjectMeta { location, .. }) = listing.try_next().await.map_err(failed)? {
            let name = below(&self.place.path, &location);
            if !is_replaceable(name) {
                return Err(Error::input(format!(
                    "output `{}` holds `{name}`, which no run wrote and which would be lost",
                    self.place.uri
                ))
                .hint("choose a folder of its own for the output, or remove the file yourself"));
            }
            replaced.push(location);
            if replaced.len() > REPLACED_MAX {
                let raise = "remove the folder yourself, and run again";
                return Err(Error::limit("objects of an overwrite", REPLACED_MAX, raise));
            }
        }
        Ok(replaced)
    }
}

/// Whether a name below the output is one that a run, or Spark, gives: a data file or a marker, in the
/// output itself or in Hive partitions of it. Everything else is somebody's.
fn is_replaceable(name: &str) -> bool {
    let (folders, file) = name.rsplit_once('/').unwrap_or(("", name));
    let is_partition = |part: &str| part.split_once('=').is_some_and(|(key, _)| !key.is_empty());
    // Hadoop keeps the checksum of `name` in `.name.crc`.
    let checked = file
        .strip_prefix('.')
        .and_then(|rest| rest.strip_suffix(".crc"));
    (folders.is_empty() || folders.split('/').all(is_partition))
        && is_written(checked.unwrap_or(file))
}

/// Whether a file's name is that of a marker, or `part-` and a number, as in `part-00000-….parquet`
/// and Hadoop's `part-r-00000`.
fn is_written(file: &str) -> bool {
    let is_part = file.strip_prefix("part-").is_some_and(|rest| {
        let kinds = ["r-", "m-"];
        let rest = kinds
            .iter()
            .find_map(|kind| rest.strip_prefix(kind))
            .unwrap_or(rest);
        rest.starts_with(|c: char| c.is_ascii_digit())
    });
    let is_begun = || {
        MARKER_PREFIXES
            .iter()
            .any(|prefix| file.starts_with(prefix))
    };
    is_part || MARKERS.contains(&file) || is_begun()
}
