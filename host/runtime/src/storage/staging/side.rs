//! Objects that transforms write beside the output of a run.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, StreamExt};
use object_store::path::Path;
use object_store::{
    Error as StoreError, MultipartUpload, ObjectStore, ObjectStoreExt, PutMultipartOptions,
};

use super::file::complete_one;
use super::{FinishedFile, Slot, StagedFile, take};
use crate::error::{Error, Result};
use crate::storage::guarded::{Purpose, Replaces, asking};
use crate::storage::storage_error;
use crate::storage::stores::Place;

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
    written: Vec<(Place, FinishedFile, bool)>,
    deleted: Vec<(Place, Path)>,
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
    /// It can be written. Whether it replaces one is kept for [`SideObjects::finished`].
    File(Box<StagedFile>, bool),
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
        let there = exists(place, path, overwrite).await.map_err(failed)?;
        if there && !overwrite || !self.claim(place, path)? {
            return Ok(Begun::Exists);
        }
        let mut options = PutMultipartOptions::default();
        if there {
            options.extensions.insert(Replaces);
        }
        let upload = place.store.put_multipart_opts(path, options).await;
        let upload: Box<dyn MultipartUpload> = match upload {
            Ok(upload) => upload,
            Err(error) => {
                self.release(place, path);
                return Err(failed(error));
            }
        };
        let slot: Slot = Arc::new(Mutex::new(Some(upload)));
        self.lock().slots.push(Arc::clone(&slot));
        let file = StagedFile::new(path.to_string(), what, path.clone(), slot, place);
        Ok(Begun::File(Box::new(file), there))
    }

    /// Takes an object that is complete. It appears with [`publish`](Self::publish).
    pub fn finished(&self, place: &Place, file: FinishedFile, replaces: bool) {
        self.lock().written.push((place.clone(), file, replaces));
    }

    /// Forgets an object that was given up, so that it can be begun again.
    pub fn release(&self, place: &Place, path: &Path) {
        self.lock().named.remove(&(place.key.clone(), path.clone()));
    }

    /// Deletes an object with [`publish`](Self::publish). The caller was granted that.
    ///
    /// # Errors
    ///
    /// Fails where there are too many.
    pub fn delete(&self, place: &Place, path: &Path) -> Result<()> {
        if self.claim(place, path)? {
            self.lock().deleted.push((place.clone(), path.clone()));
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

    /// Makes the objects visible, or takes back those that were not there before.
    ///
    /// # Errors
    ///
    /// Fails if storage does.
    pub async fn publish(&self) -> Result<()> {
        let written = std::mem::take(&mut self.lock().written);
        for (at, (place, file, _)) in written.iter().enumerate() {
            let Err(error) = complete_one(file).await else {
                continue;
            };
            let what = format!("{}/{}", place.uri.root(), file.location);
            let error = storage_error(&what, error).context("complete an object");
            take_back(written.get(..=at).unwrap_or_default()).await;
            return Err(error);
        }
        self.lock().written = written;
        Ok(())
    }

    /// Deletes what was to be deleted, and gives up what was begun and never finished. The output of the run is complete
    /// by now, so that nothing is taken back any more.
    ///
    /// # Errors
    ///
    /// Fails if storage does.
    pub async fn settle(&self) -> Result<()> {
        self.lock().written.clear();
        self.abort().await;
        let deleted = std::mem::take(&mut self.lock().deleted);
        for (place, path) in deleted {
            match place.store.delete(&path).await {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => {
                    let what = format!("{}/{path}", place.uri.root());
                    return Err(storage_error(&what, error).context("delete an object"));
                }
            }
        }
        Ok(())
    }

    /// Gives up what is not visible yet, and takes back what is and was not there before.
    pub async fn abort(&self) {
        let (slots, written) = {
            let mut inner = self.lock();
            (
                std::mem::take(&mut inner.slots),
                std::mem::take(&mut inner.written),
            )
        };
        let (mut published, mut open) = (Vec::new(), Vec::new());
        for object in written {
            match take(&object.1.slot) {
                Some(upload) => open.push(upload),
                None => published.push(object),
            }
        }
        open.extend(slots.iter().filter_map(take));
        let aborted = stream::iter(open).for_each(|mut upload| async move {
            // What could not be given up stays hidden.
            drop(upload.abort().await);
        });
        aborted.await;
        take_back(&published).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes objects that were made visible for nothing, but those that replaced others: those are gone.
async fn take_back(written: &[(Place, FinishedFile, bool)]) {
    for (place, file, replaces) in written {
        if !replaces {
            drop(place.store.delete(&file.location).await);
        }
    }
}

/// Whether an object is there, asked by the right to write it.
async fn exists(place: &Place, path: &Path, overwrite: bool) -> object_store::Result<bool> {
    let options = asking(Purpose::Write { overwrite });
    match place.store.get_opts(path, options).await {
        Ok(_) => Ok(true),
        Err(StoreError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
