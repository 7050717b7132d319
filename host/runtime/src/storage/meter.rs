//! Counts the bytes that pass.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    GetOptions, GetResult, GetResultPayload, MultipartUpload, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use super::layer::{Layer, Layered};

/// Bytes that passed so far. Shared by all stores of a run.
#[derive(Debug, Default)]
pub struct Meter {
    /// Content read from objects, counted as it is handed on.
    pub read: AtomicU64,
    /// Content handed over to be written.
    pub written: AtomicU64,
}

impl Meter {
    fn add_read(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn add_written(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A store whose content is counted on its way.
pub type Metered<S> = Layered<S, Arc<Meter>>;

#[async_trait]
impl Layer for Arc<Meter> {
    async fn get_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: GetOptions,
    ) -> Result<GetResult> {
        let result = store.get_opts(location, options).await?;
        let (meta, range) = (result.meta.clone(), result.range.clone());
        let attributes = result.attributes.clone();
        let meter = Self::clone(self);
        let stream = result
            .into_stream()
            .inspect_ok(move |bytes| meter.add_read(bytes.len()));
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream.boxed()),
            meta,
            range,
            attributes,
        })
    }

    async fn get_ranges(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>> {
        let parts = store.get_ranges(location, ranges).await?;
        self.add_read(parts.iter().map(Bytes::len).sum());
        Ok(parts)
    }

    async fn put_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.add_written(payload.content_length());
        store.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = store.put_multipart_opts(location, options).await?;
        let meter = Self::clone(self);
        Ok(Box::new(MeteredUpload { inner, meter }))
    }
}

struct MeteredUpload {
    inner: Box<dyn MultipartUpload>,
    meter: Arc<Meter>,
}

/// Without the upload, which shows its client's credentials.
impl fmt::Debug for MeteredUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredUpload").finish_non_exhaustive()
    }
}

#[async_trait]
impl MultipartUpload for MeteredUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.meter.add_written(data.content_length());
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
