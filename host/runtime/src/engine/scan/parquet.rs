//! What Parquet files say of themselves.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::object_store::{ObjectMeta, ObjectStoreExt as _};
use futures::{FutureExt as _, StreamExt, TryStreamExt, stream};

use super::Files;
use super::merge::{self, Found, Types};
use crate::engine::PROVENANCE_KEY;
use crate::engine::error::{from_datafusion, from_reading};
use crate::error::{Error, Result};
use crate::storage::storage_error;

/// Footers that are fetched at once.
const FETCHES_MAX: usize = 32;

/// The length of the footer, and the magic.
const TAIL_BYTES: u64 = 8;

/// What a file begins with, and ends with.
const MAGIC: &[u8] = b"PAR1";

/// The schema that all files of an input fit.
pub(super) async fn schema(files: &Files, session: &dyn Session) -> Result<SchemaRef> {
    let cache = session
        .runtime_env()
        .cache_manager
        .get_file_metadata_cache();
    let found: Vec<Found> = stream::iter(&files.objects)
        .map(|object| {
            let cache = Arc::clone(&cache);
            async move {
                let name = files.name(object);
                let reading = async {
                    check_tail(files, object).await?;
                    let metadata = DFParquetMetadata::new(files.store.as_ref(), object)
                        .with_file_metadata_cache(Some(cache));
                    let schema = metadata.fetch_schema().await;
                    schema.map_err(|error| from_reading(error, &name))
                };
                // The decoder takes some damaged footers for a bug of its own.
                let schema: Result<Schema> = AssertUnwindSafe(reading)
                    .catch_unwind()
                    .await
                    .unwrap_or_else(|_| Err(damaged("its metadata makes no sense")));
                match schema {
                    Ok(schema) => Ok(Found {
                        name,
                        schema: Schema::new(schema.fields),
                    }),
                    Err(error) => Err(error.fact("file", &name).context(format!("read `{name}`"))),
                }
            }
        })
        .boxed()
        .buffered(FETCHES_MAX)
        .try_collect()
        .await?;
    merge::schemas(&found, Types::Stored)
}

/// Where the rows of a Parquet file come from, if it says so.
pub(crate) async fn provenance(files: &Files, object: &ObjectMeta) -> Result<Option<String>> {
    check_tail(files, object).await?;
    let metadata = DFParquetMetadata::new(files.store.as_ref(), object);
    // As above.
    let metadata = AssertUnwindSafe(metadata.fetch_metadata()).catch_unwind();
    let metadata = metadata
        .await
        .map_err(|_| damaged("its metadata makes no sense"))?
        .map_err(from_datafusion)?;
    let said = metadata.file_metadata().key_value_metadata();
    let said = said.and_then(|said| said.iter().find(|said| said.key == PROVENANCE_KEY));
    Ok(said.and_then(|said| said.value.clone()))
}

async fn check_tail(files: &Files, object: &ObjectMeta) -> Result<()> {
    let start = object.size.checked_sub(TAIL_BYTES + MAGIC.len() as u64);
    let start =
        start.ok_or_else(|| damaged("it is too short for a Parquet file"))? + MAGIC.len() as u64;
    let tail = files
        .store
        .get_range(&object.location, start..object.size)
        .await;
    let tail = tail.map_err(|error| storage_error(&files.name(object), error))?;
    match tail.split_first_chunk::<4>() {
        Some((length, MAGIC)) if u64::from(u32::from_le_bytes(*length)) <= start => Ok(()),
        Some((_, MAGIC)) => Err(damaged("its footer is said to be longer than the file")),
        Some((_, b"PARE")) => Ok(()), // encrypted, which the decoder refuses in words
        _ => Err(damaged("it does not end like a Parquet file")),
    }
}

fn damaged(why: &str) -> Error {
    Error::input(format!("the file is damaged: {why}"))
        .hint("was it copied or written only in part?")
}
