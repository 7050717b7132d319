//! Bodies that break off, taken up where they stopped.
//!
//! A client does so too, but only within the time in which it tries a request again, and only a few times: a run may read
//! a large file for much longer than one request may take.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore, Result};

use super::layer::Layer;

/// Asks a store for the rest of a body that broke off, as long as some of it comes each time.
pub(super) struct Steady<S>(pub(super) Arc<S>);

/// The store is not shown: clients of buckets hold credentials.
impl<S> fmt::Debug for Steady<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Steady")
    }
}

#[async_trait]
impl<S: ObjectStore> Layer for Steady<S> {
    async fn get_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: GetOptions,
    ) -> Result<GetResult> {
        let is_head = options.head;
        let found = store.get_opts(location, options).await?;
        // Without a tag, the rest may be that of another file.
        let Some(tag) = found.meta.e_tag.clone().filter(|_| !is_head) else {
            return Ok(found);
        };
        let (meta, range) = (found.meta.clone(), found.range.clone());
        let attributes = found.attributes.clone();
        let body = Body {
            store: Arc::clone(&self.0),
            location: location.clone(),
            tag,
            left: range.clone(),
            came: false,
            chunks: found.into_stream(),
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::try_unfold(body, Body::next).boxed()),
            meta,
            range,
            attributes,
        })
    }
}

struct Body<S> {
    store: Arc<S>,
    location: Path,
    tag: String,
    left: Range<u64>,
    /// Whether something came since it was asked for.
    came: bool,
    chunks: BoxStream<'static, Result<Bytes>>,
}

impl<S: ObjectStore> Body<S> {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        loop {
            match self.chunks.next().await {
                None => return Ok(None),
                Some(Ok(bytes)) => {
                    self.left.start += bytes.len() as u64;
                    self.came |= !bytes.is_empty();
                    return Ok(Some((bytes, self)));
                }
                Some(Err(_)) if self.left.is_empty() => return Ok(None),
                Some(Err(_)) if self.came => {
                    self.came = false;
                    let options = GetOptions {
                        if_match: Some(self.tag.clone()),
                        range: Some(GetRange::Bounded(self.left.clone())),
                        ..GetOptions::default()
                    };
                    let found = self.store.get_opts(&self.location, options).await?;
                    self.chunks = found.into_stream();
                }
                Some(Err(error)) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests;
