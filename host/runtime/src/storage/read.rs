//! Small files, read whole.

use bytes::Bytes;
use object_store::ObjectStoreExt;

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
    found.bytes().await.map_err(failed)
}
