//! From a URI to the store that holds it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path as FsPath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use object_store::ObjectStore;
use object_store::multipart::MultipartStore;
use object_store::path::Path;

use super::confined::ConfinedStore;
use super::dataset::Shelves;
use super::guarded::{Guarded, GuardedUploads};
use super::layer::Layered;
use super::meter::{Meter, Metered};
use super::ranged::Ranges;
use super::remote::{self, Environment};
use super::steady::Steady;
use super::upload::Resumable;
use crate::error::{Error, Result};
use crate::policy::Guard;
use crate::spec::{Scheme, Uri, nearest_few};

/// Bytes of one part of an upload to a bucket: stores take ten thousand parts, the least of 5 MiB.
const REMOTE_PART_BYTES: usize = 8 << 20;

/// Bytes of one part of a local file.
const LOCAL_PART_BYTES: usize = 1 << 20;

/// Names of a folder that are looked at for a hint.
const NAMES_MAX: usize = 10_000;

/// The stores of one run, each opened once. Clones share them.
#[derive(Clone)]
pub struct Stores(Arc<Inner>);

struct Inner {
    environment: Environment,
    meter: Arc<Meter>,
    guard: Guard,
    open: Mutex<BTreeMap<String, Opened>>,
}

#[derive(Clone)]
struct Opened {
    store: Arc<dyn ObjectStore>,
    shelves: Shelves,
    uploads: Option<GuardedUploads>,
    key: String,
}

/// An object or a prefix in a store.
#[derive(Clone, Debug)]
pub struct Place {
    /// The store, guarded and metered.
    pub store: Arc<dyn ObjectStore>,
    /// The datasets of the store that are read.
    pub(super) shelves: Shelves,
    /// Where in the store; empty for all of it.
    pub path: Path,
    /// Unique to the store within its run, and fit to be the host of a URL.
    pub key: String,
    /// What the user named, for errors. Only the fixed part, without a glob.
    pub uri: Uri,
    /// Bytes of one part of an upload.
    pub part_bytes: usize,
    /// What lists uploads, where the store does.
    pub(super) uploads: Option<GuardedUploads>,
    /// Those that it was opened with, for what is beside it.
    pub(super) stores: Stores,
}

impl fmt::Debug for Stores {
    /// Without the environment, which holds credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores")
            .field("meter", &self.0.meter)
            .finish_non_exhaustive()
    }
}

impl Stores {
    /// Stores that take credentials and endpoints from `environment` alone, ask `guard` before anything is done, and
    /// count in `meter`.
    #[must_use]
    pub fn new(environment: BTreeMap<String, String>, meter: Arc<Meter>, guard: Guard) -> Self {
        Self(Arc::new(Inner {
            environment: Environment::new(environment),
            meter,
            guard,
            open: Mutex::default(),
        }))
    }

    /// Stores of the same run, opened anew, that ask another guard.
    #[must_use]
    pub fn asking(&self, guard: Guard) -> Self {
        Self(Arc::new(Inner {
            environment: self.0.environment.clone(),
            meter: Arc::clone(&self.0.meter),
            guard,
            open: Mutex::default(),
        }))
    }

    /// Opens what `uri` names for reading. Of the local file system, only the folder of the file, or
    /// the folder itself, can then be reached.
    ///
    /// # Errors
    ///
    /// Fails if a local folder does not exist, with the nearest that does; or if credentials are
    /// missing. Nothing is asked of a server yet.
    pub fn open_input(&self, uri: &Uri) -> Result<Place> {
        let (uri, _) = uri.split_glob();
        if uri.scheme() != Scheme::File {
            return self.open_remote(uri);
        }
        let path = local(&uri);
        if !uri.is_folder() && Dir::open_ambient_dir(&path, ambient_authority()).is_err() {
            let folder = local(&uri.parent());
            let name = Path::parse(uri.name())
                .map_err(|error| super::storage_error(&uri.to_string(), error.into()))?;
            let store = self.open_folder(&folder, &uri, || ConfinedStore::open(&folder))?;
            return Ok(self.place(store, name, uri, LOCAL_PART_BYTES));
        }
        let store = self.open_folder(&path, &uri, || ConfinedStore::open(&path))?;
        Ok(self.place(store, Path::default(), uri, LOCAL_PART_BYTES))
    }

    /// Opens the folder that `uri` names for writing; a local one is made with its first file.
    ///
    /// # Errors
    ///
    /// Fails if `uri` is a file in the local file system or a web address, or if credentials are
    /// missing. Nothing is asked of a server yet.
    pub fn open_output(&self, uri: &Uri) -> Result<Place> {
        match uri.scheme() {
            Scheme::Http | Scheme::Https => Err(Error::input(format!(
                "`{uri}` cannot be written: web addresses are for reading"
            ))),
            Scheme::S3 | Scheme::Gs | Scheme::Az | Scheme::Oci => self.open_remote(uri.clone()),
            Scheme::File => {
                let path = local(uri);
                let open = || ConfinedStore::open_or_create(&path);
                let store = self.open_folder(&path, uri, open)?;
                Ok(self.place(store, Path::default(), uri.clone(), LOCAL_PART_BYTES))
            }
        }
    }

    fn open_remote(&self, uri: Uri) -> Result<Place> {
        let root = uri.root().to_string();
        let store = self.opened(&root, |shelves| {
            let (name, environment) = (uri.authority(), &self.0.environment);
            let guarded = Guarded::new(
                self.0.guard.clone(),
                &canonical(&uri, self.0.environment.variables()),
                "",
            );
            let store = match uri.scheme() {
                Scheme::S3 | Scheme::Oci => {
                    let (bucket, uploads) = match uri.scheme() {
                        Scheme::Oci => remote::oci(name, environment)?,
                        _ => remote::s3(name, environment)?,
                    };
                    let uploads = uploads.map(|uploads| GuardedUploads {
                        uploads,
                        guarded: guarded.clone(),
                    });
                    return Ok((self.layered(resumable(bucket), guarded, shelves), uploads));
                }
                Scheme::Gs => {
                    let bucket = Arc::new(remote::google(name, environment)?);
                    self.layered(resumable(bucket), guarded, shelves)
                }
                Scheme::Az => {
                    let container = Arc::new(remote::azure(name, environment)?);
                    self.layered(resumable(container), guarded, shelves)
                }
                Scheme::File | Scheme::Http | Scheme::Https => {
                    let server = remote::http(root.trim_end_matches('/'), environment)?;
                    let server = Layered::with(server, Ranges::default());
                    self.layered(steady(Arc::new(server)), guarded, shelves)
                }
            };
            Ok((store, None))
        })?;
        let path = Path::parse(uri.path())
            .map_err(|error| super::storage_error(&uri.to_string(), error.into()))?;
        Ok(self.place(store, path, uri, REMOTE_PART_BYTES))
    }

    fn open_folder(
        &self,
        folder: &FsPath,
        uri: &Uri,
        open: impl FnOnce() -> io::Result<ConfinedStore>,
    ) -> Result<Opened> {
        self.opened(&format!("file://{}", folder.display()), |shelves| {
            let store = open().map_err(|error| local_failure(folder, uri, error))?;
            let guarded = Guarded::new(self.0.guard.clone(), uri, &folder.to_string_lossy());
            Ok((self.layered(store, guarded, shelves), None))
        })
    }

    /// Nothing leaves this module but by the guard.
    fn layered(
        &self,
        store: impl ObjectStore,
        guarded: Guarded,
        shelves: &Shelves,
    ) -> Arc<dyn ObjectStore> {
        let shelved = Layered::with(store, shelves.clone());
        let metered = Metered::with(shelved, Arc::clone(&self.0.meter));
        Arc::new(Layered::with(metered, guarded))
    }

    fn opened(
        &self,
        name: &str,
        open: impl FnOnce(&Shelves) -> Result<(Arc<dyn ObjectStore>, Option<GuardedUploads>)>,
    ) -> Result<Opened> {
        let mut stores = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = stores.get(name) {
            return Ok(opened.clone());
        }
        let shelves = Shelves::default();
        let (store, uploads) = open(&shelves)?;
        let opened = Opened {
            store,
            shelves,
            uploads,
            key: format!("store-{}", stores.len()),
        };
        stores.insert(name.to_owned(), opened.clone());
        Ok(opened)
    }

    fn place(&self, opened: Opened, path: Path, uri: Uri, part_bytes: usize) -> Place {
        Place {
            store: opened.store,
            shelves: opened.shelves,
            path,
            key: opened.key,
            uri,
            part_bytes,
            uploads: opened.uploads,
            stores: self.clone(),
        }
    }

    /// Adds a layer to all that was opened so far.
    #[cfg(test)]
    pub(super) fn wrap(&self, layer: impl Fn(Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore>) {
        for opened in self.0.open.lock().unwrap().values_mut() {
            opened.store = layer(Arc::clone(&opened.store));
        }
    }
}

/// A bucket whose uploads others can complete.
fn resumable(store: Arc<impl ObjectStore + MultipartStore>) -> impl ObjectStore {
    Layered::with(steady(Arc::clone(&store)), Resumable(store))
}

/// A server whose bodies may break off.
fn steady<S: ObjectStore>(store: Arc<S>) -> impl ObjectStore {
    Layered::with(Arc::clone(&store), Steady(store))
}

/// A URI as policies name it: a container of Azure has the account that the environment names.
#[must_use]
pub fn canonical(uri: &Uri, environment: &BTreeMap<String, String>) -> Uri {
    match environment.get("AZURE_STORAGE_ACCOUNT") {
        Some(account) if !account.is_empty() => uri.of_account(account),
        _ => uri.clone(),
    }
}

fn local(uri: &Uri) -> PathBuf {
    FsPath::new("/").join(uri.path())
}

fn local_failure(folder: &FsPath, uri: &Uri, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => missing_folder(folder, uri),
        io::ErrorKind::NotADirectory => {
            Error::input(format!("`{}` is no folder", folder.display()))
                .hint("name a folder, or the file without a `/` at its end")
        }
        _ => Error::storage(format!("open `{}`: {error}", folder.display())).source(error),
    }
}

/// Says which folder on the way is missing, and what is there in its place.
fn missing_folder(folder: &FsPath, uri: &Uri) -> Error {
    let error = Error::input(format!("`{uri}` does not exist"));
    for ancestor in folder.ancestors().skip(1) {
        let Ok(dir) = Dir::open_ambient_dir(ancestor, ambient_authority()) else {
            continue;
        };
        let Some(name) = folder
            .strip_prefix(ancestor)
            .ok()
            .and_then(|rest| rest.iter().next())
        else {
            break;
        };
        let name = name.to_string_lossy();
        let Ok(entries) = dir.entries() else { break };
        let names: Vec<String> = entries
            .take(NAMES_MAX)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        let near = nearest_few(&name, names.iter().map(String::as_str), 3);
        let error = error.hint(format!("there is no `{name}` in `{}`", ancestor.display()));
        return super::listing::did_you_mean(error, &near);
    }
    error
}
