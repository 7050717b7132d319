//! Ranges of files on servers that send only whole ones.
//!
//! Simple web servers ignore that a part is asked for. The part is then cut out of the whole file, which
//! is transferred up to the end of the part; the bytes that this wastes are bounded.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetResult, GetResultPayload, OBJECT_STORE_COALESCE_DEFAULT, ObjectStore,
    Result, coalesce_ranges,
};

use super::layer::Layer;

/// Bytes that are transferred from one server only to be skipped: some minutes of a fast line. A table
/// of many columns could otherwise be transferred a thousand times over.
const SKIPPED_BYTES_MAX: u64 = 8 << 30;

/// Makes ranges of what a server sends, whether it knows them or not.
#[derive(Debug)]
pub(super) struct Ranges {
    /// Whether the server has ignored a range, and is not asked for one again.
    whole_only: AtomicBool,
    /// Bytes that may still be skipped.
    skippable: AtomicU64,
}

impl Default for Ranges {
    fn default() -> Self {
        Self {
            whole_only: AtomicBool::new(false),
            skippable: AtomicU64::new(SKIPPED_BYTES_MAX),
        }
    }
}

impl Ranges {
    /// A range of a file that is transferred from its beginning.
    async fn get_whole(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        mut options: GetOptions,
    ) -> Result<GetResult> {
        let asked = options.range.take();
        let whole = store.get_opts(location, options).await?;
        let (meta, attributes) = (whole.meta.clone(), whole.attributes.clone());
        let range = match asked {
            None => 0..meta.size,
            Some(asked) => asked.as_range(meta.size).map_err(|error| Error::Generic {
                store: "http",
                source: error.into(),
            })?,
        };
        spend(&self.skippable, range.start)?;
        let payload = GetResultPayload::Stream(cut(whole.into_stream(), range.clone()));
        Ok(GetResult {
            payload,
            meta,
            range,
            attributes,
        })
    }
}

/// Takes `bytes` off what may be skipped.
fn spend(skippable: &AtomicU64, bytes: u64) -> Result<()> {
    let left = |left: u64| left.checked_sub(bytes);
    match skippable.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::Generic {
            store: "http",
            source:
                "the server sends no parts of files, and too much would be transferred only to be \
                     skipped; copy the file to a local folder, or serve it with support for `Range`"
                    .into(),
        }),
    }
}

/// The bytes of `range` from a stream that starts at byte zero, which is left where the range ends.
fn cut(
    whole: BoxStream<'static, Result<Bytes>>,
    range: Range<u64>,
) -> BoxStream<'static, Result<Bytes>> {
    stream::try_unfold((whole, 0), move |(mut whole, mut at)| {
        let Range { start, end } = range;
        async move {
            while at < end {
                let Some(mut bytes) = whole.try_next().await? else {
                    return Ok(None);
                };
                let from = start.saturating_sub(at).min(bytes.len() as u64);
                let to = (end - at).min(bytes.len() as u64);
                at += bytes.len() as u64;
                // Both are at most the length, so neither is cut short.
                bytes.truncate(usize::try_from(to).unwrap_or(usize::MAX));
                let piece =
                    bytes.split_off(usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len()));
                if !piece.is_empty() {
                    return Ok(Some((piece, (whole, at))));
                }
            }
            Ok(None)
        }
    })
    .boxed()
}

#[async_trait]
impl Layer for Ranges {
    async fn get_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: GetOptions,
    ) -> Result<GetResult> {
        if options.range.is_none() || options.head {
            return store.get_opts(location, options).await;
        }
        if !self.whole_only.load(Ordering::Relaxed) {
            match store.get_opts(location, options.clone()).await {
                // What is said when the answer to a range is the whole file.
                Err(Error::NotSupported { .. }) => self.whole_only.store(true, Ordering::Relaxed),
                answer => return answer,
            }
        }
        self.get_whole(store, location, options).await
    }

    async fn get_ranges(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>> {
        let get = |range| async move {
            let options = GetOptions::new().with_range(Some(range));
            self.get_opts(store, location, options).await?.bytes().await
        };
        coalesce_ranges(ranges, get, OBJECT_STORE_COALESCE_DEFAULT).await
    }
}
