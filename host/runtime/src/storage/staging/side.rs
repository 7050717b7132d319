//! Objects that transforms write beside the output of a run: they appear, and go, with its commit.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use futures::stream::{self, StreamExt};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, PutMultipartOptions};

use super::slot::Slot;
use super::{FinishedFile, StagedFile};
use crate::error::{Error, Result};
use crate::storage::dataset::{Beside, Source, identity};
use crate::storage::guarded::{Purpose, Replaces, asking};
use crate::storage::storage_error;
use crate::storage::stores::Place;
use crate::storage::upload::Ticket;

/// Objects that transforms wrote and deleted, none of it visible before the commit. Shared by the steps of a run.
#[derive(Debug)]
pub struct SideObjects {
    objects_max: u64,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Stores by their key in the run and paths, of whatever is to be written or deleted.
    named: BTreeSet<(String, Path)>,
    /// How many there ever were, those that were given up among them: each has an upload until the end of the run.
    claimed: u64,
    slots: Vec<Slot>,
    /// With what they replace, if anything was there.
    written: Vec<(Place, FinishedFile, Option<String>)>,
    /// With what was there.
    deleted: Vec<(Place, Path, String)>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("named", &self.named.len())
            .finish_non_exhaustive()
    }
}

/// What came of the wish to write an object.
#[derive(Debug)]
pub enum Begun {
    /// It can be written. What it replaces is kept for [`SideObjects::finished`].
    File(Box<StagedFile>, Option<String>),
    /// There is one already, or this run writes one already.
    Exists,
}

impl SideObjects {
    /// None so far, and at most `objects_max`.
    #[must_use]
    pub fn new(objects_max: u64) -> Self {
        Self {
            objects_max,
            inner: Mutex::default(),
        }
    }

    /// Begins the object `path` of a store, which `overwrite` allows to be there already.
    ///
    /// # Errors
    ///
    /// Fails where the policies or the store refuse, and where there are too many.
    pub async fn begin(&self, place: &Place, path: &Path, overwrite: bool) -> Result<Begun> {
        let what = format!("{}/{path}", place.uri.root());
        let failed = |error| storage_error(&what, error).context("begin an object");
        let purpose = Purpose::Write { overwrite };
        let there = found(place, path, purpose).await.map_err(failed)?;
        if there.is_some() && !overwrite || !self.claim(place, path)? {
            return Ok(Begun::Exists);
        }
        let ticket = Ticket::new(None);
        let mut options = PutMultipartOptions::default();
        options.extensions.insert(ticket.clone());
        if there.is_some() {
            options.extensions.insert(Replaces);
        }
        let upload = place.store.put_multipart_opts(path, options).await;
        let upload = match upload {
            Ok(upload) => upload,
            Err(error) => {
                self.release(place, path);
                return Err(failed(error));
            }
        };
        let slot = Slot::new(upload);
        self.lock().slots.push(slot.clone());
        let file = StagedFile::new(path.to_string(), what, path.clone(), slot, place);
        Ok(Begun::File(Box::new(file.with_ticket(ticket)), there))
    }

    /// Takes an object that is complete. It appears with the commit.
    pub fn finished(&self, place: &Place, file: FinishedFile, replaces: Option<String>) {
        self.lock().written.push((place.clone(), file, replaces));
    }

    /// Forgets an object that was given up, so that it can be begun again.
    pub fn release(&self, place: &Place, path: &Path) {
        self.lock().named.remove(&(place.key.clone(), path.clone()));
    }

    /// Deletes an object with the commit, if it is there.
    ///
    /// # Errors
    ///
    /// Fails where the policies or the store refuse, and where there are too many.
    pub async fn delete(&self, place: &Place, path: &Path) -> Result<()> {
        let what = format!("{}/{path}", place.uri.root());
        let there = found(place, path, Purpose::Delete).await;
        let there = there.map_err(|error| storage_error(&what, error))?;
        if self.claim(place, path)?
            && let Some(there) = there
        {
            let object = (place.clone(), path.clone(), there);
            self.lock().deleted.push(object);
        }
        Ok(())
    }

    /// Whether the name was free.
    fn claim(&self, place: &Place, path: &Path) -> Result<bool> {
        let mut inner = self.lock();
        let name = (place.key.clone(), path.clone());
        if inner.named.contains(&name) {
            return Ok(false);
        }
        if inner.claimed >= self.objects_max {
            return Err(Error::limit_key("objects", self.objects_max));
        }
        inner.claimed += 1;
        Ok(inner.named.insert(name))
    }

    /// What a commit says of them; from now on, only that can make them appear.
    pub(super) fn detach(&self) -> Result<Vec<Beside>> {
        let (written, deleted) = {
            let inner = &mut *self.lock();
            (
                std::mem::take(&mut inner.written),
                std::mem::take(&mut inner.deleted),
            )
        };
        let named = |place: &Place, path: &Path| Beside {
            folder: place.uri.as_folder().encoded(),
            path: place.below(path),
            before: None,
            upload: None,
        };
        let mut all = Vec::with_capacity(written.len() + deleted.len());
        for (place, file, before) in written {
            let beside = named(&place, &file.location);
            let what = file.path.clone();
            let Some((_, Source::Upload(upload))) = file.detach() else {
                return Err(Error::internal(format!(
                    "`{what}` was given up before its commit"
                )));
            };
            all.push(Beside {
                before,
                upload: Some(upload),
                ..beside
            });
        }
        for (place, path, before) in deleted {
            all.push(Beside {
                before: Some(before),
                ..named(&place, &path)
            });
        }
        Ok(all)
    }

    /// Gives up what is not part of a commit. Can be called at any time, and more than once.
    pub async fn abort(&self) {
        let slots = {
            let inner = &mut *self.lock();
            inner.written.clear();
            inner.deleted.clear();
            std::mem::take(&mut inner.slots)
        };
        let open = slots.iter().filter_map(Slot::take);
        let aborted = stream::iter(open).for_each(|upload| async move {
            // What could not be given up stays hidden.
            drop(upload.abort().await);
        });
        aborted.await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is there, asked by the right to do something to it.
async fn found(place: &Place, path: &Path, purpose: Purpose) -> Result<Option<String>, StoreError> {
    match place.store.get_opts(path, asking(purpose)).await {
        Ok(found) => Ok(Some(identity(&found.meta))),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
