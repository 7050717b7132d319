//! A folder of the local file system as an object store that nothing leads out of.
//!
//! The store is built on a handle of the folder, and every name is resolved below that handle: a
//! symbolic link whose target is outside fails, whenever it is made. Only regular files are objects.
//! Folders exist for the sake of what is in them: they are made with the first object, and removed
//! with the last, up to the root. Errors show names relative to the root.

mod folder;
mod read;
mod upload;
mod walk;

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    Result,
};

use folder::Folder;
use upload::{LocalUpload, Temporary};

use super::upload::{Resume, Ticket};

/// Deletions that are under way at once.
const DELETIONS_MAX: usize = 8;

/// One folder of the local file system, and what is below it.
#[derive(Clone, Debug)]
pub struct ConfinedStore {
    folder: Arc<Folder>,
}

impl ConfinedStore {
    /// The folder at `path`, which has to exist.
    ///
    /// # Errors
    ///
    /// Fails if it does not exist, is no folder, or may not be opened.
    pub fn open(path: impl AsRef<std::path::Path>) -> io::Result<Self> {
        Ok(Self {
            folder: Arc::new(Folder::open(path.as_ref())?),
        })
    }

    /// The folder at the absolute `path`, which is made when something is first written.
    ///
    /// # Errors
    ///
    /// Fails if what exists of the path is no folder, or may not be opened.
    pub fn open_or_create(path: impl AsRef<std::path::Path>) -> io::Result<Self> {
        Ok(Self {
            folder: Arc::new(Folder::open_or_create(path.as_ref())?),
        })
    }

    /// Runs `work` where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Folder>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let folder = Arc::clone(&self.folder);
        tokio::task::spawn_blocking(move || work(&folder)).await?
    }
}

impl fmt::Display for ConfinedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfinedStore")
    }
}

#[async_trait]
impl ObjectStore for ConfinedStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        if !opts.attributes.is_empty() {
            return Err(unsupported("attributes"));
        }
        let exclusive = match opts.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            PutMode::Update(_) => return Err(unsupported("conditional update")),
        };
        let location = location.clone();
        self.blocking(move |folder| {
            let temporary = Temporary::create(folder, &location)?;
            temporary.write_at(&payload, 0)?;
            if exclusive {
                temporary.publish_new()
            } else {
                temporary.publish()
            }
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if !opts.attributes.is_empty() {
            return Err(unsupported("attributes"));
        }
        let location = location.clone();
        let temporary = self
            .blocking(move |folder| {
                if let Some(resume) = opts.extensions.get::<Resume>() {
                    return Temporary::adopt(folder, &location, resume);
                }
                match opts.extensions.get::<Ticket>() {
                    Some(ticket) => Temporary::stage(folder, &location, ticket),
                    None => Temporary::create(folder, &location),
                }
            })
            .await?;
        Ok(Box::new(LocalUpload::new(temporary)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let location = location.clone();
        self.blocking(move |folder| read::get(folder, &location, &options))
            .await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (location, ranges) = (location.clone(), ranges.to_vec());
        self.blocking(move |folder| read::get_ranges(folder, &location, &ranges))
            .await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations
            .map(move |location| {
                let store = store.clone();
                async move {
                    let location = location?;
                    store
                        .blocking(move |folder| {
                            folder.remove(&location)?;
                            Ok(location)
                        })
                        .await
                }
            })
            .buffered(DELETIONS_MAX)
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        walk::walk(
            Arc::clone(&self.folder),
            prefix.cloned().unwrap_or_default(),
        )
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let offset = offset.clone();
        self.list(prefix)
            .try_filter(move |meta| std::future::ready(meta.location > offset))
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let prefix = prefix.cloned().unwrap_or_default();
        self.blocking(move |folder| {
            let level = walk::read_level(folder, &prefix)?;
            Ok(ListResult {
                common_prefixes: level.folders,
                objects: level.objects,
            })
        })
        .await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (from, to) = (from.clone(), to.clone());
        self.blocking(move |folder| {
            let mut source = read::open(folder, &from)?.file;
            let temporary = Temporary::create(folder, &to)?;
            temporary.copy_from(&mut source)?;
            match options.mode {
                CopyMode::Create => temporary.publish_new(),
                CopyMode::Overwrite => temporary.publish(),
            }
            .map(drop)
        })
        .await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let (from, to) = (from.clone(), to.clone());
        self.blocking(move |folder| folder.rename(&from, &to, options.target_mode))
            .await
    }
}

fn unsupported(operation: &str) -> Error {
    Error::NotImplemented {
        operation: operation.to_owned(),
        implementer: "ConfinedStore".to_owned(),
    }
}
