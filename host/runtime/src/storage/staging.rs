//! Files of a run that appear when all of them are complete.
//!
//! While a run goes on, its files are uploads that are not completed: in a bucket nothing is visible of them, on a local
//! disk they are in a hidden folder. [`Staging::commit`] writes the next version of the dataset's
//! [log](super::dataset), which says by what each of them can be completed; that is the commit. Then they are completed,
//! what they replace goes to what is kept, and `_SUCCESS` is written: by this process or, whatever happens to it, by the
//! next one that writes to the dataset.
//!
//! Who reads through the log sees one version or another. Who lists the folder sees, between the commit and `_SUCCESS`,
//! which goes first where something is replaced, new files as they appear beside old ones that are still there.

mod commit;
mod file;
mod side;
mod slot;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, PutMultipartOptions, PutPayload};

pub use commit::Committed;
pub use file::{FinishedFile, StagedFile};
pub use side::{Begun, SideObjects};

use self::slot::{Slot, Taken};
use super::dataset::{
    DataFile, FOLDER, Log, Manifest, Past, settle, staged_as, staging, sweep, unsettled,
};
use super::failure::storage_error;
use super::listing::{below, is_hidden};
use super::stores::Place;
use super::upload::Ticket;
use crate::error::{Error, Result};
use crate::spec::{Mode, Scheme};

/// Files of one run; more of them are of no use to a reader.
const FILES_MAX: usize = 100_000;

/// Uploads that are given up at once.
const ABORTS_MAX: usize = 16;

/// Objects that an overwrite may replace.
const REPLACED_MAX: usize = 1_000_000;

/// Names of markers, and how they begin where each run has its own: what Spark writes.
const MARKERS: [&str; 3] = ["_SUCCESS", "_metadata", "_common_metadata"];
const MARKER_PREFIXES: [&str; 2] = ["_committed_", "_started_"];

/// How a run writes to a dataset.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Names the run; it commits once, whatever is tried in its name.
    pub run: String,
    /// What happens to what is there.
    pub mode: Mode,
    /// Earlier versions that are kept.
    pub keep_versions: u64,
    /// The longest that it may take.
    pub time: Duration,
}

/// What came of the wish to write to a dataset.
#[derive(Debug)]
pub enum Beginning {
    /// It can be written.
    Ready(Box<Staging>),
    /// The run committed before.
    Committed(Past),
    /// Something is there, and the run wants to do nothing then.
    Ignored,
}

/// The files of one run at one place, none of them visible yet.
///
/// Dropping it removes local files that are not committed; uploads to a bucket are given up only by
/// [`abort`](Self::abort), which has to be awaited.
#[derive(Debug)]
pub struct Staging {
    log: Log,
    intent: Intent,
    /// Tells this try from others in the name of the run.
    attempt: String,
    /// Where the attempt has what it has written, below the dataset.
    folder: String,
    base: Option<Manifest>,
    /// Files that go, whatever the mode says.
    replaces: Option<BTreeSet<String>>,
    uploads: Mutex<Vec<Slot>>,
}

impl Staging {
    /// Prepares to write below `place`. What an earlier commit left undone is done first.
    ///
    /// # Errors
    ///
    /// Refuses, by the mode: what exists already with [`Mode::ErrorIfExists`]; files that no run
    /// wrote, which would be lost, with [`Mode::Overwrite`].
    pub async fn begin(place: &Place, intent: Intent) -> Result<Beginning> {
        let log = Log::new(place, true);
        let (base, entries) = log.last().await?;
        if let Some(base) = &base {
            if let Some(past) = base.of_run(&intent.run) {
                let past = past.clone();
                let settled = settle(&log, base, &entries).await;
                settled.map_err(|error| unsettled(error, base.version()))?;
                return Ok(Beginning::Committed(past));
            }
            if intent.mode.takes_existing() {
                settle(&log, base, &entries).await.map_err(|error| {
                    error.context(format!("complete version {}", base.version()))
                })?;
            }
        }
        let attempt = uuid::Uuid::now_v7().simple().to_string();
        let staging = Self {
            folder: format!("{}/{}", staging(), staged_as(&attempt, intent.time)),
            log,
            intent,
            attempt,
            base,
            replaces: None,
            uploads: Mutex::default(),
        };
        match staging.intent.mode {
            Mode::ErrorIfExists => staging.refuse_existing().await?,
            Mode::Ignore if staging.existing().await?.is_some() => return Ok(Beginning::Ignored),
            Mode::Overwrite => drop(staging.listed().await?),
            Mode::Append | Mode::OverwritePartitions | Mode::Ignore => {}
        }
        staging.record().await?;
        Ok(Beginning::Ready(Box::new(staging)))
    }

    /// The same, which merges files: its own hold what those hold that are named, and take their place.
    #[must_use]
    pub fn replacing(mut self, files: BTreeSet<String>) -> Self {
        self.replaces = Some(files);
        self
    }

    /// Leaves word of what is about to be written, so that it is removed one day if this process is not there to.
    async fn record(&self) -> Result<()> {
        if self.place().uri.scheme() == Scheme::File {
            // The folder of its files is that word, and who looked for others found it.
            drop(sweep(&self.log, false).await);
            return Ok(());
        }
        let path = self.log.path(&self.folder);
        let put = self.log.put_new(&path, PutPayload::new());
        let (_, put) = futures::join!(sweep(&self.log, false), put);
        put.map_err(|error| storage_error(&self.log.what(&self.folder), error))
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
        let location = self.log.path(relative);
        let what = self.log.what(relative);
        let ticket = Ticket::new(self.log.path(&self.folder));
        let mut options = PutMultipartOptions::default();
        options.extensions.insert(ticket.clone());
        let upload = self
            .place()
            .store
            .put_multipart_opts(&location, options)
            .await
            .map_err(|error| storage_error(&what, error).context("begin a file"))?;
        let slot = Slot::new(upload);
        self.uploads().push(slot.clone());
        let place = self.place();
        let file = StagedFile::new(relative.to_owned(), what, location, slot, place);
        Ok(file.with_ticket(ticket))
    }

    /// Gives up all files that are not committed. Can be called at any time, and more than once.
    ///
    /// # Errors
    ///
    /// Fails if storage does; what could be removed is removed all the same.
    pub async fn abort(&self) -> Result<()> {
        let slots = std::mem::take(&mut *self.uploads());
        let mut outcome = Ok(());
        let uploads = slots.iter().filter_map(Slot::take).map(Taken::abort);
        let mut aborted = stream::iter(uploads).buffer_unordered(ABORTS_MAX);
        while let Some(done) = aborted.next().await {
            if let Err(error) = done {
                let what = self.place().uri.to_string();
                outcome = Err(storage_error(&what, error).context("give up an unfinished file"));
            }
        }
        if outcome.is_ok() {
            outcome = self.unrecord().await;
        }
        outcome
    }

    /// Nothing is left that would have to be removed.
    async fn unrecord(&self) -> Result<()> {
        match self.place().uri.scheme() {
            Scheme::File => Ok(()),
            _ => self.log.delete(&self.folder).await,
        }
    }

    const fn place(&self) -> &Place {
        &self.log.place
    }

    fn uploads(&self) -> std::sync::MutexGuard<'_, Vec<Slot>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn refuse_existing(&self) -> Result<()> {
        let Some(what) = self.existing().await? else {
            return Ok(());
        };
        Err(Error::input(format!(
            "output `{}` exists already: it holds {what}",
            self.place().uri
        ))
        .hint("`mode = \"append\"` adds files to it, `mode = \"overwrite\"` replaces it, or choose another `uri`"))
    }

    /// What there is, if there is anything.
    async fn existing(&self) -> Result<Option<String>> {
        let mut listing = self.place().store.list(Some(&self.place().path));
        let failed = |error| storage_error(&self.place().uri.to_string(), error);
        while let Some(meta) = listing.try_next().await.map_err(failed)? {
            let name = below(&self.place().path, &meta.location);
            if !is_hidden(name) {
                return Ok(Some(format!("`{name}`")));
            }
        }
        // One whose files are not in place yet, or that has none.
        let version = self.base.as_ref().map(Manifest::version);
        Ok(version.map(|version| format!("version {version}")))
    }

    /// The files that runs, or Spark, wrote. Whatever else there is is refused where all is to be replaced.
    async fn listed(&self) -> Result<Vec<DataFile>> {
        let mut listing = self.place().store.list(Some(&self.place().path));
        let failed = |error| storage_error(&self.place().uri.to_string(), error);
        let mut listed = Vec::new();
        while let Some(ObjectMeta { location, size, .. }) =
            listing.try_next().await.map_err(failed)?
        {
            let name = below(&self.place().path, &location);
            if name
                .strip_prefix(FOLDER)
                .is_some_and(|rest| rest.starts_with('/'))
            {
                continue;
            }
            if !is_replaceable(name) {
                if self.intent.mode != Mode::Overwrite {
                    continue;
                }
                return Err(Error::input(format!(
                    "output `{}` holds `{name}`, which no run wrote and which would be lost",
                    self.place().uri
                ))
                .hint("choose a folder of its own for the output, or remove the file yourself"));
            }
            listed.push(DataFile {
                path: name.to_owned(),
                bytes: size,
                rows: None,
                blake3: None,
            });
            if listed.len() > REPLACED_MAX {
                let raise = "remove the folder yourself, and run again";
                return Err(Error::limit("objects of an overwrite", REPLACED_MAX, raise));
            }
        }
        Ok(listed)
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

#[cfg(test)]
mod tests;
