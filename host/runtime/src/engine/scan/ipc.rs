//! Arrow IPC, files and streams: their schema, and their batches.
//!
//! DataFusion looks for the first message eight bytes into a file, but writers may align it, and ours does;
//! the footer of a file is where its schema is for certain. Its reader, and Arrow's, allocate what lengths in a
//! file say, which ends the process; ours compare them first.

mod cursor;
mod frame;
mod read;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::MetadataVersion;
use arrow::ipc::convert::fb_to_schema;
use arrow::record_batch::RecordBatch;
use datafusion::object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use futures::{FutureExt as _, StreamExt as _, stream};

use self::cursor::Cursor;
use self::frame::Frame;
pub(super) use self::read::Ipc;
use super::Files;
use super::merge::{self, Found, Types};
use super::source::Piece;
use crate::error::{Error, Result, ResultExt as _};
use crate::storage::storage_error;

/// What a file, as opposed to a stream, begins and ends with.
const MAGIC: &[u8] = b"ARROW1";

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
            let store = Arc::clone(&files.store);
            let mut cursor = Cursor::new(store, object.clone(), files.name(object));
            if file {
                let footer = frame::footer(&mut cursor).await?;
                let schema = frame::verified(&footer)?.schema();
                Ok(fb_to_schema(frame::readable(schema)?))
            } else {
                Ok(stream_schema(&mut cursor).await?.0)
            }
        };
        // The decoder takes some damaged metadata for a bug of its own.
        let found = AssertUnwindSafe(reading)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(damaged("its metadata makes no sense")));
        let name = files.name(object);
        let schema =
            found.map_err(|error| error.fact("file", &name).context(format!("read `{name}`")))?;
        schemas.push(Found { name, schema });
    }
    merge::schemas(&schemas, Types::Stored)
}

/// The only batch of the Arrow file `object`, with all that its schema says; without one, a batch without rows.
pub(in crate::engine) async fn only_batch(
    store: Arc<dyn ObjectStore>,
    object: ObjectMeta,
    name: &str,
) -> Result<RecordBatch> {
    let reading = async {
        let mut cursor = Cursor::new(Arc::clone(&store), object.clone(), name.to_owned());
        let footer = frame::footer(&mut cursor).await?;
        let schema = fb_to_schema(frame::readable(frame::verified(&footer)?.schema())?);
        let schema = Arc::new(schema);
        let piece = Piece {
            text: stream::empty().boxed(),
            store,
            object,
            name: name.to_owned(),
            offset: 0,
            columns: (0..schema.fields().len()).collect(),
            schema: Arc::clone(&schema),
            batch_size: 0,
            leaving: None,
        };
        let batch = read::only_batch(piece).await?;
        Ok(batch.unwrap_or_else(|| RecordBatch::new_empty(schema)))
    };
    // The decoder takes some damaged metadata for a bug of its own.
    let read = AssertUnwindSafe(reading).catch_unwind().await;
    let read = read.unwrap_or_else(|_| Err(damaged("its metadata makes no sense")));
    read.with_context(|| format!("read `{name}`"))
}

/// Whether the first file of an input is a file rather than a stream; `schema` proves the others alike.
pub(super) async fn is_file(files: &Files) -> Result<bool> {
    match files.objects.first() {
        Some(object) => has_magic(files, object).await,
        None => Ok(true),
    }
}

async fn has_magic(files: &Files, object: &ObjectMeta) -> Result<bool> {
    let range = 0..(MAGIC.len() as u64).min(object.size);
    let head = files.store.get_range(&object.location, range).await;
    Ok(head.map_err(|error| storage_error(&files.name(object), error))? == MAGIC)
}

/// What a stream begins with: its schema, and the version of the format.
async fn stream_schema(cursor: &mut Cursor) -> Result<(Schema, MetadataVersion)> {
    let begin = async {
        cursor.seek(0).await?;
        let first = Frame::next(cursor).await?;
        let first = first.ok_or_else(|| damaged("it ends before its schema"))?;
        let message = first.message()?;
        let schema = frame::readable(message.header_as_schema())?;
        Ok((fb_to_schema(schema), message.version()))
    };
    let begun: Result<_> = begin.await;
    begun.map_err(|error| error.context("neither an Arrow file nor an Arrow stream"))
}

fn damaged(why: &str) -> Error {
    Error::input(format!("the file is damaged: {why}"))
        .hint("was it copied or written only in part?")
}
