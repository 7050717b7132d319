//! A place for files whose content nobody wants: what is written there counts, and is gone.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    MultipartUpload, ObjectStore, PutMultipartOptions, PutPayload, PutResult, Result, UploadPart,
};

use super::dataset::Shelves;
use super::layer::{Layer, Layered};
use super::stores::{Place, Stores};
use crate::spec::Uri;

/// Bytes of a part, which is dropped as soon as it is whole.
const PART_BYTES: usize = 1 << 20;

impl Stores {
    /// A place where files can be written, and never read: they take no memory. Messages call it `uri`.
    #[must_use]
    pub fn scratch(&self, uri: &Uri) -> Place {
        Place {
            store: Arc::new(Layered::with(InMemory::new(), Forgetful)),
            shelves: Shelves::default(),
            path: Path::default(),
            key: "scratch".to_owned(),
            uri: uri.clone(),
            part_bytes: PART_BYTES,
            uploads: None,
            stores: self.clone(),
        }
    }
}

/// Forgets what is written in parts.
#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl Layer for Forgetful {
    async fn put_multipart_opts(
        &self,
        _: &dyn ObjectStore,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Forgotten))
    }
}

/// An upload of which nothing is kept.
#[derive(Debug)]
struct Forgotten;

#[async_trait]
impl MultipartUpload for Forgotten {
    fn put_part(&mut self, _: PutPayload) -> UploadPart {
        Box::pin(std::future::ready(Ok(())))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }
}
