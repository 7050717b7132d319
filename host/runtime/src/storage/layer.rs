//! Stores with one more concern.
//!
//! A [`Layer`] says what is different about the content that passes; [`Layered`] says, once for all layers, that everything else
//! is the inner store's.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, future};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

/// One concern about what is read from a store and written to it. What it does not say is the store's.
#[async_trait]
pub trait Layer: fmt::Debug + Send + Sync + 'static {
    /// Reads an object, as [`ObjectStore::get_opts`].
    async fn get_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: GetOptions,
    ) -> Result<GetResult> {
        store.get_opts(location, options).await
    }

    /// Reads parts of an object, as [`ObjectStore::get_ranges`].
    async fn get_ranges(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>> {
        store.get_ranges(location, ranges).await
    }

    /// Writes an object, as [`ObjectStore::put_opts`].
    async fn put_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        store.put_opts(location, payload, options).await
    }

    /// Begins an object that is written in parts, as [`ObjectStore::put_multipart_opts`].
    async fn put_multipart_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        store.put_multipart_opts(location, options).await
    }

    /// Deletes objects, as [`ObjectStore::delete_stream`].
    fn delete_stream(
        &self,
        store: &dyn ObjectStore,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        store.delete_stream(locations)
    }

    /// Whether what is below a prefix may be listed: asked before the store is.
    fn check_list(&self, _prefix: Option<&Path>) -> Result<()> {
        Ok(())
    }

    /// Whether an object may be copied: asked before the store is.
    fn check_copy(&self, _from: &Path, _to: &Path) -> Result<()> {
        Ok(())
    }

    /// Whether an object may be renamed: asked before the store is.
    fn check_rename(&self, _from: &Path, _to: &Path, _options: &RenameOptions) -> Result<()> {
        Ok(())
    }
}

/// The store `S` with the concern `L`.
pub struct Layered<S, L> {
    store: S,
    layer: L,
}

impl<S, L> Layered<S, L> {
    /// Adds `layer` to `store`.
    pub const fn with(store: S, layer: L) -> Self {
        Self { store, layer }
    }
}

/// The store is shown by its name only: clients of buckets hold credentials, and show them.
impl<S: fmt::Display, L: fmt::Debug> fmt::Debug for Layered<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered")
            .field("store", &format_args!("{}", self.store))
            .field("layer", &self.layer)
            .finish()
    }
}

impl<S: fmt::Display, L> fmt::Display for Layered<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: ObjectStore, L: Layer> ObjectStore for Layered<S, L> {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.layer
            .put_opts(&self.store, location, payload, options)
            .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.layer
            .put_multipart_opts(&self.store, location, options)
            .await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.layer.get_opts(&self.store, location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.layer.get_ranges(&self.store, location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.layer.delete_stream(&self.store, locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.layer.check_list(prefix) {
            Ok(()) => self.store.list(prefix),
            Err(error) => refused(error),
        }
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.layer.check_list(prefix) {
            Ok(()) => self.store.list_with_offset(prefix, offset),
            Err(error) => refused(error),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.layer.check_list(prefix)?;
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.layer.check_copy(from, to)?;
        self.store.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.layer.check_rename(from, to, &options)?;
        self.store.rename_opts(from, to, options).await
    }
}

fn refused(error: Error) -> BoxStream<'static, Result<ObjectMeta>> {
    stream::once(future::ready(Err(error))).boxed()
}
