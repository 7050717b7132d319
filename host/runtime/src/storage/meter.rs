//! Counts the bytes that pass, and fails where they are not as many as the store said.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetResult, GetResultPayload, MultipartUpload, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use super::layer::{Layer, Layered};
use crate::error::Error;

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
        if options.head {
            return store.get_opts(location, options).await; // it has no content
        }
        let result = store.get_opts(location, options).await?;
        let (meta, range) = (result.meta.clone(), result.range.clone());
        let attributes = result.attributes.clone();
        let meter = Self::clone(self);
        let stream = result
            .into_stream()
            .inspect_ok(move |bytes| meter.add_read(bytes.len()));
        Ok(GetResult {
            payload: GetResultPayload::Stream(whole(stream.boxed(), location, &range)),
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
        for (part, range) in parts.iter().zip(ranges) {
            if part.len() as u64 != length(range) {
                return Err(not_all(location, part.len() as u64, length(range)));
            }
        }
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

const fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

/// The bytes of a range, all of them and no more: a client takes an answer for whole that says to be shorter than what was
/// asked for, and rows would be missing.
fn whole(
    stream: BoxStream<'static, Result<Bytes>>,
    location: &Path,
    range: &Range<u64>,
) -> BoxStream<'static, Result<Bytes>> {
    let length = length(range);
    let state = (stream, location.clone(), 0);
    stream::try_unfold(state, move |(mut stream, location, sent)| async move {
        let bytes = stream.try_next().await?;
        let now = sent + bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        match bytes {
            Some(bytes) if now <= length => Ok(Some((bytes, (stream, location, now)))),
            None if now == length => Ok(None),
            _ => Err(not_all(&location, now, length)),
        }
    })
    .boxed()
}

fn not_all(location: &Path, sent: u64, length: u64) -> StoreError {
    let message =
        format!("the store sent {sent} of the {length} bytes of `{location}` that it has");
    let error = Error::storage(message).passing();
    StoreError::Generic {
        store: "meter",
        source: Box::new(
            error.hint(
                "run again; if it stays so, look at what is between this machine and the store",
            ),
        ),
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
