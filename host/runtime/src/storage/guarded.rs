//! Asks the policies before a store is asked.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetResult, MultipartUpload, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

use super::layer::Layer;
use super::remote::{Upload, Uploads};
use super::upload::Resume;
use crate::error::{Error, Result as OwnResult};
use crate::policy::{Act, Action, Context, Granted, Guard, Resource, Snapshot, act};
use crate::spec::Uri;

/// Objects whose grants are remembered, so that parts of one are decided about once; beyond, all are forgotten.
const REMEMBERED_MAX: usize = 100_000;

/// Decides about every verb on every object of one store.
///
/// * reading, whole or in part: `object:get`; asking for size and time alone: `object:head`;
/// * listing: `object:list` on the folder;
/// * creating what is absent, and files of a run, whose names are its own: `object:create`;
/// * writing whatever is there, or with [`Replaces`]: `object:overwrite`;
/// * listing uploads that nobody has completed: `object:list` on the folder; giving up somebody else's: `object:create`;
/// * deleting: `object:delete`, but for what this run itself may create and began to;
/// * copying: `object:get` of the one and `object:overwrite` of the other; renaming: `object:delete` of the one as well;
///   with [`Shelves`]: `object:delete` of the one and `object:create` of the other.
#[derive(Clone, Debug)]
pub(super) struct Guarded {
    guard: Guard,
    /// The store, and the key in it that paths are relative to.
    root: Uri,
    prefix: Arc<str>,
    remembered: Arc<Mutex<Remembered>>,
}

/// What was decided, as long as the same policies decide.
#[derive(Debug, Default)]
struct Remembered {
    by: Option<Arc<Snapshot>>,
    granted: HashSet<(Action, Path)>,
    /// What this run was allowed to create and began to, whatever was decided since.
    created: HashSet<Path>,
}

impl Remembered {
    /// Forgets what other policies than `current` decided.
    fn under(&mut self, current: &Arc<Snapshot>) -> &mut Self {
        if !self.by.as_ref().is_some_and(|by| Arc::ptr_eq(by, current)) {
            self.granted.clear();
            self.by = Some(Arc::clone(current));
        }
        self
    }
}

/// In the options of an upload: it is meant to replace what is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replaces;

/// In the options of a renaming: it moves a file between what is current of a dataset and what is kept of it, where who
/// reads the one may read the other. Nobody sees its content for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shelves;

/// In the options of a question about an object: what for, and so who may ask.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// To read it.
    Read,
    /// To write it, perhaps over one that is there.
    Write { overwrite: bool },
    /// To delete it.
    Delete,
}

/// The question for an object's size and time.
pub(super) fn asking(purpose: Purpose) -> GetOptions {
    let mut options = GetOptions {
        head: true,
        ..GetOptions::default()
    };
    options.extensions.insert(purpose);
    options
}

impl Guarded {
    /// Guards the store of `uri`, whose paths are relative to `prefix`.
    pub(super) fn new(guard: Guard, uri: &Uri, prefix: &str) -> Self {
        Self {
            guard,
            root: uri.root(),
            prefix: prefix.trim_matches('/').into(),
            remembered: Arc::default(),
        }
    }

    fn key(&self, location: &Path) -> String {
        match (&*self.prefix, location.as_ref()) {
            ("", key) => key.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, key) => format!("{prefix}/{key}"),
        }
    }

    fn decided<A: Act>(&self, location: &Path) -> OwnResult<Granted<A>> {
        let key = self.key(location);
        let resource = if A::ACTION.takes_folder() {
            Resource::folder(&self.root, &key)?
        } else {
            Resource::object(&self.root, &key)?
        };
        self.guard.grant(resource, Context::default())
    }

    /// Decides, unless it did so already by the same policies.
    fn ask<A: Act>(&self, location: &Path) -> Result<()> {
        let name = (A::ACTION, location.clone());
        let current = self.guard.snapshot();
        let known = self.remembered().under(&current).granted.contains(&name);
        if known {
            return Ok(());
        }
        let granted: Granted<A> = self.decided(location).map_err(refusal)?;
        self.remember(granted, name, &current);
        Ok(())
    }

    /// Remembers what a decision proved, and nothing else.
    fn remember<A: Act>(&self, _: Granted<A>, name: (Action, Path), current: &Arc<Snapshot>) {
        let mut remembered = self.remembered();
        if remembered.granted.len() >= REMEMBERED_MAX {
            remembered.granted.clear();
        }
        if A::ACTION == Action::ObjectCreate {
            if remembered.created.len() >= REMEMBERED_MAX {
                remembered.created.clear();
            }
            remembered.created.insert(name.1.clone());
        }
        remembered.under(current).granted.insert(name);
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        let remembered = self.remembered.lock();
        remembered.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this run was allowed to create it, and began to.
    fn created(&self, location: &Path) -> bool {
        self.remembered().created.contains(location)
    }

    fn may_upload(&self, location: &Path, replaces: bool) -> Result<()> {
        if replaces {
            self.ask::<act::ObjectOverwrite>(location)
        } else {
            self.ask::<act::ObjectCreate>(location)
        }
    }

    fn may_delete(&self, location: &Path) -> Result<()> {
        if self.created(location) {
            return Ok(());
        }
        self.ask::<act::ObjectDelete>(location)
    }
}

/// The uploads of a bucket that nobody has completed, for who may list what is there, and create what they would become.
#[derive(Clone)]
pub(super) struct GuardedUploads {
    pub(super) uploads: Uploads,
    pub(super) guarded: Guarded,
}

/// Clients of buckets hold credentials.
impl std::fmt::Debug for GuardedUploads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardedUploads").finish_non_exhaustive()
    }
}

impl GuardedUploads {
    /// As [`Uploads::list`].
    pub(super) async fn list(&self, folder: &Path) -> Result<Vec<Upload>> {
        self.guarded.check_list(Some(folder))?;
        self.uploads.list(folder).await
    }

    /// As [`Uploads::give_up`].
    pub(super) async fn give_up(&self, upload: &Upload) -> Result<()> {
        self.guarded.may_upload(&upload.location, false)?;
        self.uploads.give_up(upload).await
    }
}

/// An upload that is asked about again before it appears: other policies may decide by then.
#[derive(Debug)]
struct GuardedUpload {
    upload: Box<dyn MultipartUpload>,
    guarded: Guarded,
    location: Path,
    replaces: bool,
}

#[async_trait]
impl MultipartUpload for GuardedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.guarded.may_upload(&self.location, self.replaces)?;
        self.upload.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}

/// An error of ours on its way through a store's.
fn refusal(error: Error) -> StoreError {
    StoreError::Generic {
        store: "policy",
        source: Box::new(error),
    }
}

#[async_trait]
impl Layer for Guarded {
    async fn get_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: GetOptions,
    ) -> Result<GetResult> {
        match (options.extensions.get::<Purpose>(), options.head) {
            (Some(Purpose::Write { overwrite: true }), _) => {
                self.ask::<act::ObjectOverwrite>(location)?;
            }
            (Some(Purpose::Write { overwrite: false }), _) => {
                self.ask::<act::ObjectCreate>(location)?;
            }
            (Some(Purpose::Delete), _) => self.may_delete(location)?,
            (None, true) => self.ask::<act::ObjectHead>(location)?,
            (Some(Purpose::Read), _) | (None, false) => self.ask::<act::ObjectGet>(location)?,
        }
        store.get_opts(location, options).await
    }

    async fn get_ranges(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>> {
        self.ask::<act::ObjectGet>(location)?;
        store.get_ranges(location, ranges).await
    }

    async fn put_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        // A store that cannot create what is absent in one step is written to a second time.
        if matches!(options.mode, PutMode::Create) || self.created(location) {
            self.ask::<act::ObjectCreate>(location)?;
        } else {
            self.ask::<act::ObjectOverwrite>(location)?;
        }
        store.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let replaces = options.extensions.get::<Replaces>().is_some();
        // To complete one that was begun is decided about then, and to give it up by nobody.
        if options.extensions.get::<Resume>().is_none() {
            self.may_upload(location, replaces)?;
        }
        Ok(Box::new(GuardedUpload {
            upload: store.put_multipart_opts(location, options).await?,
            guarded: self.clone(),
            location: location.clone(),
            replaces,
        }))
    }

    fn delete_stream(
        &self,
        store: &dyn ObjectStore,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let own = self.clone();
        let allowed = locations.map(move |location| {
            let location = location?;
            own.may_delete(&location)?;
            Ok(location)
        });
        store.delete_stream(allowed.boxed())
    }

    fn check_list(&self, prefix: Option<&Path>) -> Result<()> {
        self.ask::<act::ObjectList>(prefix.unwrap_or(&Path::default()))
    }

    fn check_copy(&self, from: &Path, to: &Path) -> Result<()> {
        // What is copied is all of it, so that no column of it may be masked; who reads otherwise may do so nevertheless.
        let guard = self.guard.of_bytes();
        let bytes = Self {
            guard,
            ..self.clone()
        };
        bytes.decided::<act::ObjectGet>(from).map_err(refusal)?;
        self.ask::<act::ObjectOverwrite>(to)
    }

    fn check_rename(&self, from: &Path, to: &Path, options: &RenameOptions) -> Result<()> {
        if options.extensions.get::<Shelves>().is_some() {
            self.ask::<act::ObjectCreate>(to)?;
            return self.may_delete(from);
        }
        self.check_copy(from, to)?;
        self.ask::<act::ObjectDelete>(from)
    }
}

#[cfg(test)]
mod tests;
