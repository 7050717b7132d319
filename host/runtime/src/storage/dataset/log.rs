//! Reading the log, and adding to it.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutPayload,
};
use tokio::time::Duration;

use super::FOLDER;
use super::manifest::{Manifest, staging};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::Scheme;
use crate::storage::failure::storage_error;
use crate::storage::guarded::{Purpose, asking};
use crate::storage::listing::below;
use crate::storage::pause::sleep;
use crate::storage::stores::Place;
use crate::storage::upload::{Resume, Unfinished};

/// Bytes of a manifest: a hundred thousand files take a third of it.
const MANIFEST_BYTES_MAX: u64 = 128 << 20;

/// Tries to write a manifest whose fate is not known, or that a server has no time for.
const TRIES_MAX: u32 = 5;

/// The pause before the second try; it doubles with each.
const PAUSE: Duration = Duration::from_millis(100);

/// Digits of a version in a name, so that names sort as versions do.
const DIGITS: usize = 20;

/// The log of the dataset at a place.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Log {
    pub(in crate::storage) place: Place,
    /// Whether it is read by who writes to the dataset, and so by the right to.
    writes: bool,
}

/// The versions of a log that there are, and whether each is settled.
#[derive(Clone, Debug, Default)]
pub(in crate::storage) struct Entries(BTreeMap<u64, Entry>);

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    written: bool,
    settled: bool,
}

/// What came of the wish to write a version.
#[derive(Debug)]
pub(in crate::storage) enum Created {
    /// It is written.
    Ours,
    /// Somebody else wrote it before.
    Taken(Box<Manifest>),
}

impl Entries {
    /// Takes a name below a dataset that may belong to its log.
    pub(in crate::storage) fn add(&mut self, name: &str) {
        let Some(file) = name
            .strip_prefix(FOLDER)
            .and_then(|name| name.strip_prefix("/log/"))
        else {
            return;
        };
        let Some((digits, kind)) = file.split_once('.') else {
            return;
        };
        let Some(version) = digits.parse().ok().filter(|_| digits.len() == DIGITS) else {
            return;
        };
        match kind {
            "json" => self.0.entry(version).or_default().written = true,
            "done" => self.0.entry(version).or_default().settled = true,
            _ => {}
        }
    }

    /// The last version.
    pub(in crate::storage) fn last(&self) -> Option<u64> {
        self.versions().next_back()
    }

    /// All versions in order.
    pub(in crate::storage) fn versions(&self) -> impl DoubleEndedIterator<Item = u64> {
        let written = self.0.iter().filter(|(_, entry)| entry.written);
        written.map(|(version, _)| *version)
    }

    /// Whether all files of a version are in place.
    pub(in crate::storage) fn is_settled(&self, version: u64) -> bool {
        self.0.get(&version).is_some_and(|entry| entry.settled)
    }
}

/// The name of a version's manifest, and of the marker that it is settled.
pub(super) fn names(version: u64) -> (String, String) {
    let name = format!("{FOLDER}/log/{version:0DIGITS$}");
    (format!("{name}.json"), format!("{name}.done"))
}

impl Log {
    pub(in crate::storage) fn new(place: &Place, writes: bool) -> Self {
        let place = place.clone();
        Self { place, writes }
    }

    /// Where a name below the dataset is.
    pub(in crate::storage) fn path(&self, name: &str) -> Path {
        let parts = name.split('/').filter(|part| !part.is_empty());
        let place = self.place.path.parts();
        place.chain(parts.map(Into::into)).collect()
    }

    /// A name below the dataset, for people.
    pub(in crate::storage) fn what(&self, name: &str) -> String {
        format!("{}{name}", self.place.uri.as_folder())
    }

    /// Everything below a folder of the dataset.
    pub(in crate::storage) async fn list(&self, folder: &str) -> Result<Vec<ObjectMeta>> {
        let listing = self.place.store.list(Some(&self.path(folder)));
        let listed = listing.try_collect().await;
        listed.map_err(|error| storage_error(&self.what(folder), error))
    }

    /// The versions.
    pub(in crate::storage) async fn entries(&self) -> Result<Entries> {
        let mut entries = Entries::default();
        for meta in self.list(&format!("{FOLDER}/log")).await? {
            entries.add(below(&self.place.path, &meta.location));
        }
        Ok(entries)
    }

    /// A version; none where it does not exist.
    pub(in crate::storage) async fn read(&self, version: u64) -> Result<Option<Manifest>> {
        let (name, _) = names(version);
        let failed = |error| storage_error(&self.what(&name), error);
        let found = match self.get(&name).await {
            Ok(found) => found,
            Err(StoreError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if found.meta.size > MANIFEST_BYTES_MAX {
            let size = found.meta.size;
            let message = format!(
                "`{}` has {size} bytes, more than {MANIFEST_BYTES_MAX}",
                self.what(&name)
            );
            return Err(Error::storage(message));
        }
        let bytes = found.bytes().await.map_err(failed)?;
        let manifest = Manifest::read(&bytes, version);
        let manifest =
            manifest.map_err(|error| error.context(format!("read `{}`", self.what(&name))));
        manifest.map(Some)
    }

    /// A file that belongs to the log, by the right to write it where its reader writes.
    pub(in crate::storage) async fn get(&self, name: &str) -> Result<GetResult, StoreError> {
        let mut options = GetOptions::default();
        if self.writes {
            options
                .extensions
                .insert(Purpose::Write { overwrite: false });
        }
        self.place.store.get_opts(&self.path(name), options).await
    }

    /// The last version, and the versions that there are.
    pub(in crate::storage) async fn last(&self) -> Result<(Option<Manifest>, Entries)> {
        for _ in 0..TRIES_MAX {
            let entries = self.entries().await?;
            let Some(last) = entries.last() else {
                return Ok((None, entries));
            };
            // It may be gone already, with newer ones in its place.
            if let Some(manifest) = self.read(last).await? {
                return Ok((Some(manifest), entries));
            }
        }
        let what = self.place.uri.to_string();
        Err(Error::storage(format!(
            "`{what}` changes faster than it can be read"
        )))
    }

    /// Writes a version unless there is one of its number. An answer that may have been lost is looked for.
    ///
    /// # Errors
    ///
    /// Fails if storage does; as [`Unknown`] where the version may be written all the same, or may yet come to be.
    pub(in crate::storage) async fn create(&self, manifest: &Manifest) -> Result<Created, Failed> {
        let (name, _) = names(manifest.version());
        let payload = PutPayload::from(manifest.write()?);
        let mut pause = PAUSE;
        let mut failure = None;
        for attempt in 0..TRIES_MAX {
            if attempt > 0 {
                sleep(pause).await;
                pause *= 2;
            }
            let Err(error) = self.put_new(&self.path(&name), payload.clone()).await else {
                return Ok(Created::Ours);
            };
            let failed = storage_error(&self.what(&name), error);
            if attempt == 0 && failed.kind() == ErrorKind::Policy {
                return Err(Failed::Not(failed)); // nothing was asked for
            }
            // Whatever was answered: what is there decides.
            match self.read(manifest.version()).await {
                Ok(Some(found)) if found.attempt == manifest.attempt => return Ok(Created::Ours),
                Ok(Some(found)) => return Ok(Created::Taken(Box::new(found))),
                Ok(None) if self.is_final(&failed) => return Err(Failed::Not(failed)),
                Ok(None) | Err(_) => failure = Some(failed),
            }
        }
        let error = failure.unwrap_or_else(|| Error::internal("a manifest was never tried"));
        let error = error.context("whether the run committed is not known");
        Err(Failed::Unknown(error.hint(
            "run again with the same `--run-id`: it commits once",
        )))
    }

    /// Writes what must not be there before.
    pub(in crate::storage) async fn put_new(
        &self,
        path: &Path,
        payload: PutPayload,
    ) -> Result<(), StoreError> {
        let store = &self.place.store;
        match store
            .put_opts(path, payload.clone(), PutMode::Create.into())
            .await
        {
            // Who looks first and then writes is not alone in between, but there is nothing better there.
            Err(StoreError::NotImplemented { .. }) => {
                let asked = asking(Purpose::Write { overwrite: false });
                match store.get_opts(path, asked).await {
                    Err(StoreError::NotFound { .. }) => store.put(path, payload).await.map(drop),
                    Ok(found) => Err(StoreError::AlreadyExists {
                        path: found.meta.location.to_string(),
                        source: "it was there before".into(),
                    }),
                    Err(error) => Err(error),
                }
            }
            outcome => outcome.map(drop),
        }
    }

    /// An upload that somebody began, to be completed or given up.
    pub(in crate::storage) async fn resume(
        &self,
        name: &str,
        upload: &Unfinished,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let mut options = PutMultipartOptions::default();
        options.extensions.insert(Resume {
            upload: upload.clone(),
            folder: Some(self.path(&staging())),
        });
        let store = &self.place.store;
        store.put_multipart_opts(&self.path(name), options).await
    }

    /// Whether a failure to write says that nothing will come of it.
    fn is_final(&self, error: &Error) -> bool {
        // What a file system refuses is refused; a server may have taken what it did not answer for.
        self.place.uri.scheme() == Scheme::File || error.kind() != ErrorKind::Storage
    }

    /// Says that all files of a version are in place.
    pub(in crate::storage) async fn mark_settled(&self, version: u64) -> Result<()> {
        let (_, name) = names(version);
        match self.put_new(&self.path(&name), PutPayload::new()).await {
            Ok(()) | Err(StoreError::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(storage_error(&self.what(&name), error)),
        }
    }

    /// Removes a version.
    pub(in crate::storage) async fn forget(&self, version: u64) -> Result<()> {
        let (manifest, marker) = names(version);
        for name in [manifest, marker] {
            self.delete(&name).await?;
        }
        Ok(())
    }

    /// Removes a file, if it is there.
    pub(in crate::storage) async fn delete(&self, name: &str) -> Result<()> {
        match self.place.store.delete(&self.path(name)).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(storage_error(&self.what(name), error)),
        }
    }
}

/// Why a version is not written, as far as is known.
#[derive(Debug)]
pub(in crate::storage) enum Failed {
    /// It is not, and will not be.
    Not(Error),
    /// It may be.
    Unknown(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Not(error)
    }
}
