//! The bytes of one file in the order in which they are wanted, never more in memory than arrived.

use std::fmt;
use std::sync::Arc;

use arrow::buffer::MutableBuffer;
use bytes::{Buf as _, Bytes};
use datafusion::object_store::{
    GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _, Result as StoreResult,
};
use futures::TryStreamExt as _;
use futures::stream::{self, BoxStream, StreamExt as _};

use super::damaged;
use crate::error::{Error, Result};
use crate::storage::storage_error;

/// Bytes that are read over rather than asked for anew: a request to a bucket takes as long as a megabyte.
const GAP_BYTES: u64 = 1024 * 1024;

/// Bytes that are allocated on the file's word, before they arrive. Messages of usual size are copied once;
/// a longer one grows as it comes.
const PROMISED_BYTES: usize = 16 * 1024 * 1024;

/// A place in a file.
pub(super) struct Cursor {
    store: Arc<dyn ObjectStore>,
    object: ObjectMeta,
    name: String,
    chunks: BoxStream<'static, StoreResult<Bytes>>,
    /// What arrived and was not taken.
    chunk: Bytes,
    /// Where the chunk starts; none before the first `seek`.
    at: Option<u64>,
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({}, {:?})", self.name, self.at)
    }
}

impl Cursor {
    /// A cursor over `object`, which messages call `name`. Nothing is read before a `seek`.
    pub(super) fn new(store: Arc<dyn ObjectStore>, object: ObjectMeta, name: String) -> Self {
        Self {
            store,
            object,
            name,
            chunks: stream::empty().boxed(),
            chunk: Bytes::new(),
            at: None,
        }
    }

    /// Bytes of the file, as its store says.
    pub(super) fn size(&self) -> u64 {
        self.object.size
    }

    /// The bytes from `start` to the end of the file, in one request.
    pub(super) async fn tail(&mut self, start: u64) -> Result<Bytes> {
        let range = start..self.size();
        let read = self.store.get_range(&self.object.location, range).await;
        read.map_err(|error| storage_error(&self.name, error))
    }

    /// Goes to the place `to`.
    pub(super) async fn seek(&mut self, to: u64) -> Result<()> {
        if let Some(gap) = self.at.and_then(|at| to.checked_sub(at))
            && gap <= GAP_BYTES
        {
            return self.skip(gap).await;
        }
        self.chunk = Bytes::new();
        self.at = Some(to);
        self.chunks = stream::empty().boxed();
        if to < self.size() {
            let range = GetRange::Bounded(to..self.size());
            let options = GetOptions::new().with_range(Some(range));
            let found = self.store.get_opts(&self.object.location, options).await;
            let found = found.map_err(|error| storage_error(&self.name, error))?;
            self.chunks = found.into_stream();
        }
        Ok(())
    }

    /// Whether the file ends here.
    pub(super) async fn at_end(&mut self) -> Result<bool> {
        while self.chunk.is_empty() {
            let next = self.chunks.try_next().await;
            match next.map_err(|error| storage_error(&self.name, error))? {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Appends the next `bytes` to `buffer`.
    pub(super) async fn append(&mut self, buffer: &mut MutableBuffer, bytes: u64) -> Result<()> {
        buffer.reserve(usize::try_from(bytes).map_or(PROMISED_BYTES, |n| n.min(PROMISED_BYTES)));
        self.each(bytes, |part| buffer.extend_from_slice(part))
            .await
    }

    async fn skip(&mut self, bytes: u64) -> Result<()> {
        self.each(bytes, |_| ()).await
    }

    async fn each(&mut self, bytes: u64, mut take: impl FnMut(&[u8]) + Send) -> Result<()> {
        let mut missing = bytes;
        while missing > 0 {
            if self.at_end().await? {
                return Err(cut_short());
            }
            let len = self
                .chunk
                .len()
                .min(usize::try_from(missing).unwrap_or(usize::MAX));
            take(self.chunk.get(..len).unwrap_or_default());
            self.chunk.advance(len);
            missing -= len as u64;
        }
        self.at = self.at.map(|at| at + bytes);
        Ok(())
    }
}

fn cut_short() -> Error {
    damaged("it ends within a message")
}
