//! Objects beside a dataset that appear, or go, with a version of it.
//!
//! A manifest may be anybody's who can write to the dataset, and whoever settles it may be allowed more than they are.
//! So it is never enough that a manifest names an object. The guard of whoever settles decides about each, bounded by
//! what their application, or they themselves, named beforehand; what is completed is known by an upload's id, or by a
//! hidden file beside it; and nothing is replaced or deleted but what was there when the run asked for that.

use futures::future::FutureExt;
use object_store::path::Path;
use object_store::{
    Error as StoreError, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions,
};
use tokio::time::sleep;

use super::forward::{LOOKS_MAX, PAUSE, all};
use super::log::Log;
use super::manifest::{Beside, Manifest};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::{Scheme, Uri};
use crate::storage::failure::storage_error;
use crate::storage::guarded::{Purpose, Replaces, asking};
use crate::storage::stores::Place;
use crate::storage::upload::{Resume, Unfinished};

/// What tells an object from those that were in its place before, and will be: the time as well, since the same content
/// may be written again.
pub(in crate::storage) fn identity(meta: &ObjectMeta) -> String {
    let modified = meta.last_modified.timestamp_millis();
    let tag = meta.e_tag.as_deref().unwrap_or_default();
    format!("{modified}-{}-{tag}", meta.size)
}

/// Has what a version tells of appear and go. Whose `own` version it is was asked about it when it began.
///
/// # Errors
///
/// Fails if storage does, or the policies; and where an upload is gone.
pub(super) async fn settle(log: &Log, manifest: &Manifest, own: bool) -> Result<()> {
    if manifest.beside.is_empty() {
        return Ok(());
    }
    let outcome = settle_all(log, manifest, own).await;
    let Err(error) = outcome else {
        return Ok(());
    };
    if error.kind() == ErrorKind::Policy && is_settled_soon(log, manifest.version()).await? {
        return Ok(());
    }
    let (version, uri) = (manifest.version(), &log.place.uri);
    let error = error.context(format!(
        "complete what version {version} wrote beside `{uri}`"
    ));
    Err(error.hint(format!(
        "`sluice dataset repair {uri} --beside FOLDER` does that for who may write to the folder, as the next run of its \
         application does; `sluice dataset rollback {uri}` goes back to the version before, and gives it up"
    )))
}

/// Whether somebody who has the right to is at it.
async fn is_settled_soon(log: &Log, version: u64) -> Result<bool> {
    let mut pause = PAUSE;
    for _ in 0..LOOKS_MAX {
        sleep(pause).await;
        pause *= 2;
        let now = log.entries().await?;
        if now.is_settled(version) || now.last() > Some(version) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn settle_all(log: &Log, manifest: &Manifest, own: bool) -> Result<()> {
    let mut objects = Vec::with_capacity(manifest.beside.len());
    for beside in &manifest.beside {
        objects.push(Object::new(log, beside)?);
    }
    // All rights are asked for before anything is done.
    let mut looks = objects.iter_mut().filter(|object| !own || object.goes());
    all(&mut looks.by_ref().map(|object| object.look().boxed())).await?;
    let appear = objects.iter().filter_map(|object| object.appear());
    all(&mut appear.map(FutureExt::boxed)).await?;
    let go = objects.iter().filter(|object| object.goes());
    all(&mut go.map(|object| object.delete().boxed())).await
}

/// Gives up what was to appear with a version that did not come to be.
pub(in crate::storage) async fn give_up(log: &Log, beside: &[Beside]) {
    for beside in beside {
        if let (Ok(object), Some(upload)) = (Object::new(log, beside), &beside.upload)
            && let Ok(mut upload) = object.resume(upload).await
        {
            // What could not be given up stays hidden.
            drop(upload.abort().await);
        }
    }
}

/// One of them, and where it is.
struct Object<'a> {
    beside: &'a Beside,
    place: Place,
    path: Path,
    /// Whether there is nothing left to do about it.
    done: bool,
}

impl<'a> Object<'a> {
    fn new(log: &Log, beside: &'a Beside) -> Result<Self> {
        let no_folder = || {
            let what = crate::spec::clip(&beside.folder);
            Error::storage(format!("`{what}` is no folder beside a dataset"))
        };
        let uri = Uri::parse(&beside.folder, None).map_err(|_| no_folder())?;
        if !uri.is_folder() || uri.pattern().is_some() {
            return Err(no_folder());
        }
        let place = log.place.stores.open_output(&uri)?;
        Ok(Self {
            path: place.key(&beside.path).ok_or_else(no_folder)?,
            beside,
            place,
            done: false,
        })
    }

    fn what(&self) -> String {
        format!("{}{}", self.place.uri.as_folder(), self.beside.path)
    }

    fn failed(&self, error: StoreError) -> Error {
        storage_error(&self.what(), error)
    }

    const fn goes(&self) -> bool {
        self.beside.upload.is_none()
    }

    /// Asks for the object by the right to do what is to be done.
    async fn found(&self) -> Result<Option<String>> {
        let purpose = if self.goes() {
            Purpose::Delete
        } else {
            let overwrite = self.beside.before.is_some();
            Purpose::Write { overwrite }
        };
        match self.place.store.get_opts(&self.path, asking(purpose)).await {
            Ok(found) => Ok(Some(identity(&found.meta))),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Finds out whether it was done before, or somebody has written there since.
    async fn look(&mut self) -> Result<()> {
        let found = self.found().await?;
        self.done = match (self.goes(), found) {
            (true, found) => found.is_none() || found != self.beside.before,
            (false, found) => found.is_some() && found != self.beside.before,
        };
        Ok(())
    }

    async fn delete(&self) -> Result<()> {
        if self.done {
            return Ok(());
        }
        match self.place.store.delete(&self.path).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(error).context("delete an object")),
        }
    }

    fn appear(&self) -> Option<impl Future<Output = Result<()>>> {
        let upload = self.beside.upload.as_ref().filter(|_| !self.done)?;
        Some(self.complete(upload))
    }

    async fn complete(&self, upload: &Unfinished) -> Result<()> {
        let outcome = match self.resume(upload).await {
            Ok(mut upload) => upload.complete().await.map(drop),
            Err(error) => Err(error),
        };
        let Err(error) = outcome else {
            return Ok(());
        };
        let error = self.failed(error).context("complete an object");
        if error.kind() == ErrorKind::Policy {
            return Err(error);
        }
        // Somebody did it before, or a server is at it still; and the answer was lost or was somebody else's.
        let looks = match self.place.uri.scheme() {
            Scheme::File => 1,
            _ => LOOKS_MAX,
        };
        let mut pause = PAUSE;
        for look in 0..looks {
            if look > 0 {
                sleep(pause).await;
                pause *= 2;
            }
            let found = self.found().await;
            if found.is_ok_and(|found| found.is_some() && found != self.beside.before) {
                return Ok(());
            }
        }
        Err(error)
    }

    /// The upload that somebody began.
    async fn resume(&self, upload: &Unfinished) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let mut options = PutMultipartOptions::default();
        options.extensions.insert(Resume {
            upload: upload.clone(),
            folder: None,
        });
        if self.beside.before.is_some() {
            options.extensions.insert(Replaces);
        }
        let store = &self.place.store;
        store.put_multipart_opts(&self.path, options).await
    }
}
