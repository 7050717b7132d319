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
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectMeta, PutMultipartOptions};

pub use commit::Committed;
pub use file::{FinishedFile, StagedFile};
pub use side::{Begun, SideObjects};

use self::slot::{Slot, Taken};
use super::dataset::{
    DataFile, FOLDER, Log, Manifest, Past, is_of, settle, staged_as, staging, sweep, unsettled,
};
use super::failure::storage_error;
use super::listing::{below, is_hidden};
use super::retry::Retrier;
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
    /// The run committed before, as this version where that is remembered.
    Committed(Option<Past>),
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
    /// What appears, and goes, together with the files.
    side: Option<Arc<SideObjects>>,
}

impl Staging {
    /// Prepares to write below `place`. What an earlier commit left undone is done first.
    ///
    /// # Errors
    ///
    /// Refuses, by the mode: what exists already with [`Mode::ErrorIfExists`]; files that no run
    /// wrote, which would be lost, where [all may go](Mode::replaces_all).
    pub async fn begin(place: &Place, intent: Intent) -> Result<Beginning> {
        let log = Log::new(place, true);
        let (base, entries) = log.last().await?;
        if let Some(base) = &base {
            if let Some(committed) = committed(base, &intent.run) {
                let settled = settle(&log, base, &entries).await;
                settled.map_err(|error| unsettled(error, base.version()))?;
                return Ok(committed);
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
            side: None,
        };
        match staging.intent.mode {
            Mode::ErrorIfExists => staging.refuse_existing().await?,
            Mode::Ignore if staging.existing().await?.is_some() => return Ok(Beginning::Ignored),
            Mode::Overwrite | Mode::Incremental => {
                staging.refuse_namesakes(&staging.listed().await?)?;
            }
            Mode::Append | Mode::OverwritePartitions | Mode::Ignore => {}
        }
        staging.record().await?;
        Ok(Beginning::Ready(Box::new(staging)))
    }

    /// Whether a run committed before; what an earlier commit left undone is done then.
    ///
    /// # Errors
    ///
    /// Fails if storage does.
    pub async fn committed(place: &Place, run: &str) -> Result<Option<Beginning>> {
        let log = Log::new(place, true);
        let (base, entries) = log.last().await?;
        let Some((base, committed)) = base.and_then(|base| {
            let committed = committed(&base, run)?;
            Some((base, committed))
        }) else {
            return Ok(None);
        };
        settle(&log, &base, &entries).await?;
        Ok(Some(committed))
    }

    /// The same, whose files take the place of those that are named alone: it merges them, or made anew what they hold.
    #[must_use]
    pub fn replacing(mut self, files: BTreeSet<String>) -> Self {
        self.replaces = Some(files);
        self
    }

    /// The version that this one comes after; none where there is none.
    #[must_use]
    pub const fn base(&self) -> Option<&Manifest> {
        self.base.as_ref()
    }

    /// The content of a file of that version that this program wrote beside the data, of at most `bytes_max` bytes; none
    /// where it is gone.
    ///
    /// # Errors
    ///
    /// Fails if storage does, and where the file is longer.
    pub async fn read(&self, name: &str, bytes_max: u64) -> Result<Option<Bytes>> {
        let failed = |error| storage_error(&self.log.what(name), error);
        let found = match self.log.get(name).await {
            Ok(found) => found,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if found.meta.size > bytes_max {
            let (what, size) = (self.log.what(name), found.meta.size);
            let message = format!("`{what}` has {size} bytes, more than {bytes_max}");
            return Err(Error::storage(message));
        }
        found.bytes().await.map(Some).map_err(failed)
    }

    /// The same, with objects that appear, and go, beside the dataset.
    #[must_use]
    pub fn beside(mut self, side: Arc<SideObjects>) -> Self {
        self.side = Some(side);
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
        let put = self.log.put_new(&path, self.intent.run.clone().into());
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
        self.create_retrying(relative, None).await
    }

    /// The same, where what storage fails at may be done again.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub async fn create_retrying(
        &self,
        relative: &str,
        retrier: Option<Retrier>,
    ) -> Result<StagedFile> {
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
        let ticket = Ticket::new(Some(self.log.path(&self.folder))).retrying(retrier);
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

    /// Refuses to write files that would take the place of those of an earlier run of the same name, which the log has
    /// forgotten.
    fn refuse_namesakes(&self, files: &[DataFile]) -> Result<()> {
        let namesake = files
            .iter()
            .find(|file| is_of(&file.path, &self.intent.run));
        match namesake {
            Some(file) if self.intent.mode.takes_existing() => Err(self.namesake(&file.path)),
            _ => Ok(()),
        }
    }

    fn namesake(&self, name: &str) -> Error {
        let what = self.log.what(name);
        let message = format!("`{what}` is there already, from an earlier run of the same name");
        Error::input(message).hint("give the run another name by `--run-id`")
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
                if !self.intent.mode.replaces_all() {
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

/// What a version tells of a run that committed it, or one before it.
fn committed(base: &Manifest, run: &str) -> Option<Beginning> {
    let past = base.of_run(run);
    let known = past.is_some() || base.has_file_of(run);
    known.then(|| Beginning::Committed(past.cloned()))
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
