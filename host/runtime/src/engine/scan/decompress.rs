//! Plain text from compressed files.
//!
//! DataFusion's own decompression ends behind the first member of bzip2, xz and Zstandard files, though
//! parallel compressors and `cat` make files of many. All readers of text get it from here instead.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_compression::tokio::bufread::{BzDecoder, GzipDecoder, XzDecoder, ZstdDecoder};
use async_trait::async_trait;
use bytes::{Buf, Bytes};
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload,
    ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result as StoreResult,
};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};

use crate::error::Error;
use crate::spec::Compression;

/// What some programs write before the text of a file, and no reader wants.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A store that hands out the text of compressed objects. It can only be read.
#[derive(Debug)]
pub(super) struct TextStore {
    inner: Arc<dyn ObjectStore>,
    compression: Compression,
}

impl TextStore {
    pub(super) const fn new(inner: Arc<dyn ObjectStore>, compression: Compression) -> Self {
        Self { inner, compression }
    }
}

impl fmt::Display for TextStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for TextStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> StoreResult<GetResult> {
        let at_start = match &options.range {
            None => true,
            Some(GetRange::Bounded(range)) => range.start == 0,
            Some(GetRange::Offset(start)) => *start == 0,
            Some(GetRange::Suffix(_)) => false,
        };
        let found = self.inner.get_opts(location, options).await?;
        let (meta, range) = (found.meta.clone(), found.range.clone());
        let attributes = found.attributes.clone();
        let text = decompressed(found.into_stream(), self.compression);
        let text = if at_start { without_mark(text) } else { text };
        Ok(GetResult {
            payload: GetResultPayload::Stream(text),
            meta,
            range,
            attributes,
        })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> StoreResult<PutResult> {
        Err(StoreError::NotImplemented {
            operation: "put".to_owned(),
            implementer: "TextStore".to_owned(),
        })
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        Err(StoreError::NotImplemented {
            operation: "put_multipart".to_owned(),
            implementer: "TextStore".to_owned(),
        })
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        locations
            .map(|_| {
                Err(StoreError::NotImplemented {
                    operation: "delete".to_owned(),
                    implementer: "TextStore".to_owned(),
                })
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> StoreResult<()> {
        Err(StoreError::NotImplemented {
            operation: "copy".to_owned(),
            implementer: "TextStore".to_owned(),
        })
    }
}

type Chunks = BoxStream<'static, StoreResult<Bytes>>;

fn decompressed(raw: Chunks, compression: Compression) -> Chunks {
    macro_rules! all_members {
        ($decoder:ident) => {{
            let mut decoder = $decoder::new(StreamReader::new(raw.map_err(std::io::Error::from)));
            decoder.multiple_members(true);
            chunks(decoder, compression)
        }};
    }
    match compression {
        Compression::Gzip => all_members!(GzipDecoder),
        Compression::Bzip2 => all_members!(BzDecoder),
        Compression::Xz => all_members!(XzDecoder),
        Compression::Zstd => all_members!(ZstdDecoder),
        Compression::None | Compression::Snappy | Compression::Lz4 => raw,
    }
}

fn chunks(decoder: impl AsyncRead + Send + 'static, compression: Compression) -> Chunks {
    ReaderStream::with_capacity(decoder, CHUNK_BYTES)
        .map_err(move |error| failure(error, compression))
        .boxed()
}

/// Bytes of text that are handed out at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Tells a store that failed from bytes that are no compressed text.
fn failure(error: std::io::Error, compression: Compression) -> StoreError {
    let damaged = |cause: &dyn fmt::Display| {
        let error = Error::input(format!(
            "the file is damaged, or not compressed with {compression:?}: {cause}"
        ))
        .hint(
            "was it copied or written only in part? check `compression` and the name of the file",
        );
        StoreError::Generic {
            store: "text",
            source: Box::new(error),
        }
    };
    match error.downcast::<StoreError>() {
        Ok(error) => error,
        Err(error) => damaged(&error),
    }
}

/// Collects enough to see a byte order mark, however small the first chunks are.
fn without_mark(text: Chunks) -> Chunks {
    stream::once(async move {
        let mut text = text;
        let mut head = Bytes::new();
        while head.len() < MARK.len() && MARK.starts_with(&head) {
            let Some(chunk) = text.try_next().await? else {
                break;
            };
            head = if head.is_empty() {
                chunk
            } else {
                head.iter().chain(&chunk).copied().collect()
            };
        }
        if head.starts_with(MARK) {
            head.advance(MARK.len());
        }
        Ok::<_, StoreError>(stream::once(async { Ok(head) }).chain(text))
    })
    .try_flatten()
    .boxed()
}
