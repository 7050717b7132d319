//! Files that are read whole.

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::failure::storage_error;
use super::listing::list;
use super::stores::Place;
use crate::error::{Error, Result};

/// The content of the file at `place`, which is refused above `bytes_max`.
///
/// # Errors
///
/// Fails as [`list`] does where it is missing, with the names that are most alike.
pub async fn read_whole(place: &Place, bytes_max: u64) -> Result<Bytes> {
    let objects = list(place, None).await?;
    let [object] = objects.as_slice() else {
        return Err(Error::input(format!(
            "`{}` is a folder, not a file",
            place.uri
        )));
    };
    if object.size > bytes_max {
        return Err(Error::input(format!(
            "`{}` has {} bytes, more than the {bytes_max} allowed",
            place.uri, object.size
        )));
    }
    let failed = |error| storage_error(&place.uri.to_string(), error);
    let found = place.store.get(&object.location).await.map_err(failed)?;
    let bytes = found.bytes().await.map_err(failed)?;
    // What is read whole is code and policies: a part of it would mean something else.
    if bytes.len() as u64 != object.size {
        let (uri, sent, listed) = (&place.uri, bytes.len(), object.size);
        let message = format!("`{uri}` has {listed} bytes, but the store sent {sent}");
        return Err(Error::storage(message).hint("was it replaced just now? try again"));
    }
    Ok(bytes)
}

/// The BLAKE3 of an object, in hex, as versions of datasets tell it.
///
/// # Errors
///
/// Fails if storage does.
pub async fn blake3_of(store: &dyn ObjectStore, object: &ObjectMeta) -> Result<String> {
    let failed = |error| storage_error(object.location.as_ref(), error);
    let found = store.get(&object.location).await.map_err(failed)?;
    let mut bytes = found.into_stream();
    let mut hash = blake3::Hasher::new();
    while let Some(chunk) = bytes.try_next().await.map_err(failed)? {
        hash.update(&chunk);
    }
    Ok(hash.finalize().to_hex().to_string())
}
