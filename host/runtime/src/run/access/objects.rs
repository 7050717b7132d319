//! Folders that a transform opens by the names that its step gives them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use super::Reach;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::{Guard, check_path};
use crate::run::needs::of;
use crate::sandbox::{
    Folder, Level, LogSink, ObjectError, ObjectInfo, ObjectPage, Objects, Writer,
};
use crate::spec::{ObjectAction, Step};
use crate::storage::{
    Begun, Key, Place, SideObjects, StagedFile, head_object, list_page, read_range,
};

/// Objects of one page of a listing.
const PAGE_OBJECTS_MAX: usize = 1_000;

/// The folders of a step.
pub(super) struct StepObjects(BTreeMap<String, Arc<StepFolder>>);

impl StepObjects {
    pub(super) fn open(
        step: &Step,
        guard: &Guard,
        reach: &Reach<'_>,
        logs: &Arc<dyn LogSink>,
    ) -> Result<Self> {
        let stores = reach.stores.asking(guard.clone());
        let shared = Arc::new(Shared {
            guard: guard.clone(),
            side: Arc::clone(reach.side),
            logs: Arc::clone(logs),
            written: Arc::clone(reach.written),
            bytes_max: reach.bytes_max,
        });
        let mut folders = BTreeMap::new();
        for declared in &step.access.objects {
            let doing = |error: Error| {
                error.context(format!(
                    "open the folder `{}` of step `{}`",
                    declared.name, step.name
                ))
            };
            let folder = StepFolder {
                name: declared.name.clone(),
                actions: declared.actions.clone(),
                place: stores.open_output(&declared.uri).map_err(doing)?,
                shared: Arc::clone(&shared),
            };
            folders.insert(declared.name.clone(), Arc::new(folder));
        }
        Ok(Self(folders))
    }
}

impl Objects for StepObjects {
    fn open(&self, name: &str) -> Result<Arc<dyn Folder>, ObjectError> {
        match self.0.get(name) {
            Some(folder) => Ok(Arc::clone(folder) as Arc<dyn Folder>),
            None => Err(ObjectError::Denied(format!(
                "the step declares no folder of this name; it declares {}",
                self.0.keys().cloned().collect::<Vec<_>>().join(", ")
            ))),
        }
    }
}

/// What the folders of a step share.
struct Shared {
    guard: Guard,
    side: Arc<SideObjects>,
    logs: Arc<dyn LogSink>,
    /// Bytes that the run has written so far.
    written: Arc<AtomicU64>,
    bytes_max: u64,
}

impl Shared {
    /// A limit of the run; how to raise it is told with the run's end.
    fn reached(&self, error: &Error) -> ObjectError {
        self.guard.keep(error);
        ObjectError::Limit(error.message().to_owned())
    }
}

struct StepFolder {
    name: String,
    actions: Vec<ObjectAction>,
    place: Place,
    shared: Arc<Shared>,
}

impl StepFolder {
    /// What the step declared comes first: it needs no decision, and binds whatever policies say.
    fn declares(&self, action: ObjectAction) -> Result<(), ObjectError> {
        if self.actions.contains(&action) {
            return Ok(());
        }
        Err(ObjectError::Denied(format!(
            "the step does not declare `{}` for the folder `{}`",
            of(action),
            self.name
        )))
    }

    fn key(&self, path: &str) -> Result<Key, ObjectError> {
        check_path(path).map_err(ObjectError::Malformed)?;
        self.place
            .key(path)
            .ok_or_else(|| ObjectError::Malformed(format!("`{path}` is no name of an object")))
    }

    /// What a transform is told of an error: nothing of where the folder is. The run's log says all.
    fn told(&self, path: &str, error: &Error) -> ObjectError {
        let (name, shared) = (&self.name, &self.shared);
        match error.kind() {
            ErrorKind::Policy => {
                ObjectError::Denied(format!("a policy refuses it for `{path}` in `{name}`"))
            }
            ErrorKind::Limit => shared.reached(error),
            _ => {
                let message = format!("folder `{name}`: {error}");
                shared.logs.log(Level::Warn, &message);
                ObjectError::Unavailable(format!(
                    "the store did not do it for `{path}` in `{name}`"
                ))
            }
        }
    }

    fn info(&self, object: crate::storage::Object) -> ObjectInfo {
        ObjectInfo {
            path: self.place.below(&object.key),
            size: object.size,
            etag: object.etag,
        }
    }
}

#[async_trait]
impl Folder for StepFolder {
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<ObjectPage, ObjectError> {
        self.declares(ObjectAction::List)?;
        let prefix_key = match prefix.trim_end_matches('/') {
            "" => self.place.key("").unwrap_or_default(),
            prefix => self.key(prefix)?,
        };
        let after = after.map(|path| self.key(path)).transpose()?;
        let page = list_page(&self.place, &prefix_key, after.as_ref(), PAGE_OBJECTS_MAX).await;
        let (objects, more) = page.map_err(|error| self.told(prefix, &error))?;
        let objects: Vec<_> = objects
            .into_iter()
            .map(|object| self.info(object))
            .collect();
        let next = objects
            .last()
            .filter(|_| more)
            .map(|last| last.path.clone());
        Ok(ObjectPage { objects, next })
    }

    async fn head(&self, path: &str) -> Result<ObjectInfo, ObjectError> {
        self.declares(ObjectAction::Head)?;
        let key = self.key(path)?;
        match head_object(&self.place, &key).await {
            Ok(Some(object)) => Ok(self.info(object)),
            Ok(None) => Err(ObjectError::Missing),
            Err(error) => Err(self.told(path, &error)),
        }
    }

    async fn read(&self, path: &str, offset: u64, length: u32) -> Result<Bytes, ObjectError> {
        self.declares(ObjectAction::Get)?;
        let key = self.key(path)?;
        match read_range(&self.place, &key, offset, length.into()).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(ObjectError::Missing),
            Err(error) => Err(self.told(path, &error)),
        }
    }

    async fn create(&self, path: &str, overwrite: bool) -> Result<Box<dyn Writer>, ObjectError> {
        self.declares(if overwrite {
            ObjectAction::Overwrite
        } else {
            ObjectAction::Create
        })?;
        let key = self.key(path)?;
        let begun = self.shared.side.begin(&self.place, &key, overwrite).await;
        match begun.map_err(|error| self.told(path, &error))? {
            Begun::Exists => Err(ObjectError::Exists),
            Begun::File(file, replaces) => Ok(Box::new(StepWriter {
                path: path.to_owned(),
                name: self.name.clone(),
                place: self.place.clone(),
                key,
                file: Some(*file),
                replaces,
                shared: Arc::clone(&self.shared),
            })),
        }
    }

    async fn delete(&self, path: &str) -> Result<(), ObjectError> {
        self.declares(ObjectAction::Delete)?;
        let key = self.key(path)?;
        let kept = self.shared.side.delete(&self.place, &key).await;
        kept.map_err(|error| self.told(path, &error))
    }
}

struct StepWriter {
    path: String,
    name: String,
    place: Place,
    key: Key,
    file: Option<StagedFile>,
    replaces: Option<String>,
    shared: Arc<Shared>,
}

impl StepWriter {
    fn told(&self, error: &Error) -> ObjectError {
        let (name, path) = (&self.name, &self.path);
        let message = format!("folder `{name}`: {error}");
        self.shared.logs.log(Level::Warn, &message);
        ObjectError::Unavailable(format!("the store did not take `{path}` in `{name}`"))
    }
}

#[async_trait]
impl Writer for StepWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectError> {
        let (shared, count) = (&self.shared, bytes.len() as u64);
        let before = shared.written.fetch_add(count, Ordering::Relaxed);
        if before.saturating_add(count) > shared.bytes_max {
            let max = format!("{} bytes", shared.bytes_max);
            return Err(shared.reached(&Error::limit_key("output_bytes", max)));
        }
        let Some(file) = &mut self.file else {
            return Err(ObjectError::Unavailable(
                "the object failed before".to_owned(),
            ));
        };
        let written = file.write(bytes).await;
        written.map_err(|error| self.told(&error))
    }

    async fn finish(mut self: Box<Self>) -> Result<ObjectInfo, ObjectError> {
        let Some(file) = self.file.take() else {
            return Err(ObjectError::Unavailable(
                "the object failed before".to_owned(),
            ));
        };
        let finished = file.finish().await.map_err(|error| self.told(&error))?;
        let size = finished.bytes;
        let side = &self.shared.side;
        side.finished(&self.place, finished, self.replaces.take());
        Ok(ObjectInfo {
            path: self.path.clone(),
            size,
            etag: None,
        })
    }
}

/// An object that was given up leaves its name free.
impl Drop for StepWriter {
    fn drop(&mut self) {
        if self.file.is_some() {
            self.shared.side.release(&self.place, &self.key);
        }
    }
}
