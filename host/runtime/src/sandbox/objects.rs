//! The host's side of `sluicegate:access`: folders, writers and secrets as a guest holds them.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::task::JoinHandle;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    ComponentType, LinkerInstance, Lower, Resource, ResourceTable, ResourceTableError,
    ResourceType, WasmList,
};

use super::access::{Folder, ObjectError, ObjectInfo, ObjectPage, SecretError, Writer};
use super::fault::broken;
use super::state::State;
use super::wait::wait;
use crate::{Error, Result};

/// Folders and writers that one instance holds open.
const HANDLES_MAX: usize = 256;

/// Bytes that are read or written at once: what the host holds for one call.
const BYTES_MAX: u32 = 8 << 20;

/// Bytes of a path or a name.
const PATH_BYTES_MAX: usize = 1024;

/// What an instance has open.
pub(super) struct Open(ResourceTable);

impl Default for Open {
    fn default() -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        Self(table)
    }
}

/// A folder in the hands of a guest.
struct FolderHandle(Arc<dyn Folder>);

/// A writer in the hands of a guest; none once it is finished, or failed.
struct WriterHandle(Option<Box<dyn Writer>>);

type Store<'a> = StoreContextMut<'a, State>;
type Interface<'a> = LinkerInstance<'a, State>;

#[derive(ComponentType, Lower)]
#[component(variant)]
enum Failure {
    #[component(name = "denied")]
    Denied(String),
    #[component(name = "missing")]
    Missing,
    #[component(name = "exists")]
    Exists,
    #[component(name = "malformed")]
    Malformed(String),
    #[component(name = "limit")]
    Limit(String),
    #[component(name = "unavailable")]
    Unavailable(String),
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Denied(text) => Self::Denied(text),
            ObjectError::Missing => Self::Missing,
            ObjectError::Exists => Self::Exists,
            ObjectError::Malformed(text) => Self::Malformed(text),
            ObjectError::Limit(text) => Self::Limit(text),
            ObjectError::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Object {
    path: String,
    size: u64,
    etag: Option<String>,
}

impl From<ObjectInfo> for Object {
    fn from(ObjectInfo { path, size, etag }: ObjectInfo) -> Self {
        Self { path, size, etag }
    }
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Page {
    objects: Vec<Object>,
    next: Option<String>,
}

impl From<ObjectPage> for Page {
    fn from(ObjectPage { objects, next }: ObjectPage) -> Self {
        Self {
            objects: objects.into_iter().map(Into::into).collect(),
            next,
        }
    }
}

#[derive(ComponentType, Lower)]
#[component(variant)]
enum SecretFailure {
    #[component(name = "denied")]
    Denied(String),
    #[component(name = "unavailable")]
    Unavailable(String),
}

/// Defines `secrets`.
pub(super) fn add_secrets(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.func_wrap("read", |mut store: Store<'_>, (name,): (String,)| {
        let denied = || SecretError::Denied("the step reads no secrets".to_owned());
        let secrets = store.data().access.secrets.clone();
        let answer = during(&mut store, async move {
            match secrets {
                Some(secrets) if name.len() <= PATH_BYTES_MAX => secrets.read(&name),
                _ => Err(denied()),
            }
        })?;
        Ok((answer.map_err(|error| match error {
            SecretError::Denied(text) => SecretFailure::Denied(text),
            SecretError::Unavailable(text) => SecretFailure::Unavailable(text),
        }),))
    })
}

/// Defines `objects`.
pub(super) fn add_objects(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.resource(
        "folder",
        ResourceType::host::<FolderHandle>(),
        |mut store, rep| {
            let handle = Resource::<FolderHandle>::new_own(rep);
            store.data_mut().open.0.delete(handle)?;
            Ok(())
        },
    )?;
    interface.resource(
        "writer",
        ResourceType::host::<WriterHandle>(),
        |mut store, rep| {
            let handle = Resource::<WriterHandle>::new_own(rep);
            store.data_mut().open.0.delete(handle)?;
            Ok(())
        },
    )?;
    interface.func_wrap("open", |mut store: Store<'_>, (name,): (String,)| {
        let state = store.data_mut();
        state.count_host_call()?;
        let objects = state.access.objects.clone();
        let opened = match objects {
            Some(objects) if name.len() <= PATH_BYTES_MAX => objects.open(&name),
            _ => Err(ObjectError::Denied(
                "the step declares no such folder".to_owned(),
            )),
        };
        let handle = opened.map(|folder| state.open.0.push(FolderHandle(folder)));
        Ok(answer(handle))
    })?;
    add_reading(interface)?;
    add_writing(interface)
}

fn add_reading(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    type This = Resource<FolderHandle>;
    interface.func_wrap(
        "[method]folder.list",
        |mut store: Store<'_>, (this, prefix, after): (This, String, Option<String>)| {
            let folder = folder(&store, &this)?;
            let page = during(&mut store, async move {
                check_length(&prefix)?;
                check_length(after.as_deref().unwrap_or_default())?;
                folder.list(&prefix, after.as_deref()).await
            })?;
            Ok((page.map(Page::from).map_err(Failure::from),))
        },
    )?;
    interface.func_wrap(
        "[method]folder.head",
        |mut store: Store<'_>, (this, path): (This, String)| {
            let folder = folder(&store, &this)?;
            let object = during(&mut store, async move {
                check_length(&path)?;
                folder.head(&path).await
            })?;
            Ok((object.map(Object::from).map_err(Failure::from),))
        },
    )?;
    interface.func_wrap(
        "[method]folder.read",
        |mut store: Store<'_>, (this, path, offset, length): (This, String, u64, u32)| {
            let folder = folder(&store, &this)?;
            let bytes = during(&mut store, async move {
                check_length(&path)?;
                folder.read(&path, offset, length.min(BYTES_MAX)).await
            })?;
            Ok((bytes.map_err(Failure::from),))
        },
    )
}

fn add_writing(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    type This = Resource<FolderHandle>;
    type That = Resource<WriterHandle>;
    interface.func_wrap(
        "[method]folder.create",
        |mut store: Store<'_>, (this, path, overwrite): (This, String, bool)| {
            let folder = folder(&store, &this)?;
            let writer = during(&mut store, async move {
                check_length(&path)?;
                folder.create(&path, overwrite).await
            })?;
            let open = &mut store.data_mut().open.0;
            Ok(answer(
                writer.map(|writer| open.push(WriterHandle(Some(writer)))),
            ))
        },
    )?;
    interface.func_wrap(
        "[method]folder.delete",
        |mut store: Store<'_>, (this, path): (This, String)| {
            let folder = folder(&store, &this)?;
            let done = during(&mut store, async move {
                check_length(&path)?;
                folder.delete(&path).await
            })?;
            Ok((done.map_err(Failure::from),))
        },
    )?;
    interface.func_wrap(
        "[method]writer.write",
        |mut store: Store<'_>, (this, bytes): (That, WasmList<u8>)| {
            if bytes.len() > BYTES_MAX as usize {
                let message = format!("{} bytes at once, above {BYTES_MAX}", bytes.len());
                return Ok((Err(Failure::Limit(message)),));
            }
            let bytes = Bytes::copy_from_slice(bytes.as_le_slice(&store));
            let Some(mut writer) = take(&mut store, &this)? else {
                return Err(finished());
            };
            let (writer, done) = during(&mut store, async move {
                let done = writer.write(bytes).await;
                (writer, done)
            })?;
            if done.is_ok() {
                store.data_mut().open.0.get_mut(&this)?.0 = Some(writer);
            }
            Ok((done.map_err(Failure::from),))
        },
    )?;
    interface.func_wrap(
        "[method]writer.finish",
        |mut store: Store<'_>, (this,): (That,)| {
            let Some(writer) = take(&mut store, &this)? else {
                return Err(finished());
            };
            let object = during(&mut store, writer.finish())?;
            Ok((object.map(Object::from).map_err(Failure::from),))
        },
    )
}

/// A writer that is finished, or that failed, cannot go on.
fn finished() -> wasmtime::Error {
    broken("a writer was used after it was finished, or after it failed").into()
}

fn check_length(path: &str) -> Result<(), ObjectError> {
    if path.len() > PATH_BYTES_MAX {
        let message = format!("a path of {} bytes, above {PATH_BYTES_MAX}", path.len());
        return Err(ObjectError::Malformed(message));
    }
    Ok(())
}

/// A handle for a guest, or why there is none.
fn answer<T: 'static>(
    pushed: Result<Result<Resource<T>, ResourceTableError>, ObjectError>,
) -> (Result<Resource<T>, Failure>,) {
    (match pushed {
        Ok(Ok(handle)) => Ok(handle),
        Ok(Err(_)) => {
            let message = format!("{HANDLES_MAX} folders and writers are open already");
            Err(Failure::Limit(message))
        }
        Err(error) => Err(error.into()),
    },)
}

fn folder(store: &Store<'_>, this: &Resource<FolderHandle>) -> wasmtime::Result<Arc<dyn Folder>> {
    Ok(Arc::clone(&store.data().open.0.get(this)?.0))
}

fn take(
    store: &mut Store<'_>,
    this: &Resource<WriterHandle>,
) -> wasmtime::Result<Option<Box<dyn Writer>>> {
    Ok(store.data_mut().open.0.get_mut(this)?.0.take())
}

/// Has `work` done in the guest's name, and waits for it as long as the guest may go on.
///
/// It is done on a thread of the runtime: a guest that may wait runs on a stack of its own, on which the policy engine,
/// which looks how much of the thread's stack is left, would refuse to decide.
fn during<T: Send + 'static>(
    store: &mut Store<'_>,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T> {
    let start = Instant::now();
    let state = store.data_mut();
    state.count_host_call()?;
    let runtime = state.access.runtime.clone();
    let runtime = runtime.ok_or_else(|| Error::internal("a guest waits without a runtime"))?;
    let mut task = Task(runtime.spawn(work));
    let done = wait(&runtime, &mut task.0, || state.may_continue())?;
    state.call.host_time += start.elapsed();
    done.map_err(|error| Error::internal("what a guest asked for failed").source(error))
}

/// Work that ends where nobody waits for it any more.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
