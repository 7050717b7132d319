//! The schema of Arrow IPC files and streams.
//!
//! DataFusion looks for the first message eight bytes into a file, but writers may align it, and ours does;
//! the footer of a file is where its schema is for certain.

use std::panic::AssertUnwindSafe;

use arrow::buffer::Buffer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::root_as_footer;
use datafusion::object_store::{GetOptions, ObjectMeta, ObjectStoreExt as _};
use futures::{FutureExt as _, TryStreamExt};

use super::Files;
use super::merge::{self, Found, Types};
use crate::error::{Error, Result};
use crate::storage::storage_error;

/// What a file, as opposed to a stream, begins and ends with.
const MAGIC: &[u8] = b"ARROW1";

/// The length of the footer, and the magic.
const TAIL_BYTES: u64 = 10;

/// Bytes of a footer: a schema and a place for each batch.
const FOOTER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The schema that all files of an input fit.
pub(super) async fn schema(files: &Files) -> Result<SchemaRef> {
    let mut schemas = Vec::with_capacity(files.objects.len());
    let all_files = is_file(files).await?;
    for object in &files.objects {
        let reading = async {
            let file = has_magic(files, object).await?;
            if file != all_files {
                return Err(
                    Error::input("Arrow files and Arrow streams cannot be mixed")
                        .hint("put the files and the streams into inputs of their own"),
                );
            }
            if file {
                of_file(files, object).await
            } else {
                of_stream(files, object).await
            }
        };
        // The decoder takes some damaged metadata for a bug of its own.
        let found = AssertUnwindSafe(reading)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                Err(
                    Error::input("the file is damaged: its metadata makes no sense")
                        .hint("was it copied or written only in part?"),
                )
            });
        let name = files.name(object);
        let schema =
            found.map_err(|error| error.fact("file", &name).context(format!("read `{name}`")))?;
        schemas.push(Found { name, schema });
    }
    merge::schemas(&schemas, Types::Stored)
}

/// Whether the first file of an input is a file rather than a stream; `schema` proves the others alike.
pub(super) async fn is_file(files: &Files) -> Result<bool> {
    match files.objects.first() {
        Some(object) => has_magic(files, object).await,
        None => Ok(true),
    }
}

async fn has_magic(files: &Files, object: &ObjectMeta) -> Result<bool> {
    let head = range(files, object, 0, (MAGIC.len() as u64).min(object.size)).await?;
    Ok(head == MAGIC)
}

async fn of_file(files: &Files, object: &ObjectMeta) -> Result<Schema> {
    let broken = || {
        Error::input("the file begins like an Arrow file, but does not end like one")
            .hint("was it copied or written only in part?")
    };
    let end = object.size.checked_sub(TAIL_BYTES).ok_or_else(broken)?;
    let tail = range(files, object, end, object.size).await?;
    let Some((length, MAGIC)) = tail.split_first_chunk::<4>() else {
        return Err(broken());
    };
    let length = u64::try_from(i32::from_le_bytes(*length)).map_err(|_| broken())?;
    let start = end.checked_sub(length).ok_or_else(broken)?;
    if length > FOOTER_BYTES_MAX {
        return Err(Error::limit(
            "footer",
            format!("{FOOTER_BYTES_MAX} bytes"),
            "write the data in more, smaller files",
        ));
    }
    let footer = range(files, object, start, end).await?;
    let footer = root_as_footer(&footer).map_err(|_| broken())?;
    footer.schema().map(fb_to_schema).ok_or_else(broken)
}

async fn of_stream(files: &Files, object: &ObjectMeta) -> Result<Schema> {
    let failed = |error| storage_error(&files.name(object), error);
    let found = files
        .store
        .get_opts(&object.location, GetOptions::new())
        .await;
    let mut chunks = found.map_err(failed)?.into_stream();
    let mut decoder = StreamDecoder::new();
    while let Some(chunk) = chunks.try_next().await.map_err(failed)? {
        let mut buffer = Buffer::from(chunk);
        decoder.decode(&mut buffer).map_err(|error| {
            Error::input(format!(
                "neither an Arrow file nor an Arrow stream: {error}"
            ))
        })?;
        if let Some(schema) = decoder.schema() {
            return Ok(schema.as_ref().clone());
        }
    }
    Err(Error::input(
        "neither an Arrow file nor an Arrow stream: it ends before its schema",
    ))
}

async fn range(files: &Files, object: &ObjectMeta, start: u64, end: u64) -> Result<bytes::Bytes> {
    let read = files.store.get_range(&object.location, start..end).await;
    read.map_err(|error| storage_error(&files.name(object), error))
}
