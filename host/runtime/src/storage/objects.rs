//! Single objects of a folder, as transforms ask for them.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error as StoreError, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::failure::storage_error;
use super::guarded::{Purpose, asking};
use super::listing::below;
use super::stores::Place;
use crate::error::Result;
use crate::spec::Scheme;

/// Where an object is in its store.
pub use object_store::path::Path as Key;

/// What is known of an object.
#[derive(Clone, Debug)]
pub struct Object {
    /// Where it is.
    pub key: Key,
    /// In bytes.
    pub size: u64,
    /// Changes when the content does, where the store tells.
    pub etag: Option<String>,
}

impl From<ObjectMeta> for Object {
    fn from(meta: ObjectMeta) -> Self {
        Self {
            key: meta.location,
            size: meta.size,
            etag: meta.e_tag,
        }
    }
}

impl Place {
    /// The key of a name below this place, empty for the place itself; none where a store would take another name for it.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<Key> {
        let path = Path::parse(name).ok()?;
        let same = path.as_ref() == name;
        same.then(|| self.path.parts().chain(path.parts()).collect())
    }

    /// The name of a key below this place.
    #[must_use]
    pub fn below(&self, key: &Key) -> String {
        below(&self.path, key).to_owned()
    }

    /// The key in all of the store that the URI names: a local one is opened at a folder.
    #[must_use]
    pub fn full(&self, key: &Key) -> String {
        match (self.uri.scheme(), self.uri.path()) {
            (Scheme::File, folder) if !folder.is_empty() => format!("{folder}/{key}"),
            _ => key.to_string(),
        }
    }

    fn what(&self, key: &Key) -> String {
        format!("{}{}", self.uri.as_folder(), below(&self.path, key))
    }
}

/// What is known of one object; none where there is none.
///
/// # Errors
///
/// Fails if storage does, or the policies.
pub async fn head_object(place: &Place, key: &Key) -> Result<Option<Object>> {
    match place.store.head(key).await {
        Ok(meta) => Ok(Some(meta.into())),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(storage_error(&place.what(key), error)),
    }
}

/// At most `length` bytes of an object from `offset` on, none beyond its end; none where there is no object.
///
/// # Errors
///
/// As [`head_object`].
pub async fn read_range(
    place: &Place,
    key: &Key,
    offset: u64,
    length: u64,
) -> Result<Option<Bytes>> {
    let failed = |error| match error {
        StoreError::NotFound { .. } => Ok(None),
        error => Err(storage_error(&place.what(key), error)),
    };
    // A range that begins beyond the end is an error of each store's own.
    let size = match place.store.get_opts(key, asking(Purpose::Read)).await {
        Ok(found) => found.meta.size,
        Err(error) => return failed(error),
    };
    let end = offset.saturating_add(length).min(size);
    if offset >= end {
        return Ok(Some(Bytes::new()));
    }
    let options = GetOptions {
        range: Some((offset..end).into()),
        ..GetOptions::default()
    };
    let found = match place.store.get_opts(key, options).await {
        Ok(found) => found.bytes().await,
        Err(error) => return failed(error),
    };
    found.map(Some).or_else(failed)
}

/// A part of the objects below a prefix: those after a key, in the order of their keys, and whether there are more.
///
/// # Errors
///
/// As [`head_object`].
pub async fn list_page(
    place: &Place,
    prefix: &Key,
    after: Option<&Key>,
    most: usize,
) -> Result<(Vec<Object>, bool)> {
    let mut listing = match after {
        Some(after) => place.store.list_with_offset(Some(prefix), after),
        None => place.store.list(Some(prefix)),
    };
    // A local folder is listed in no order, so all of it is looked at, and the first are kept.
    let in_order = place.uri.scheme() != Scheme::File;
    let mut first: BTreeMap<Key, ObjectMeta> = BTreeMap::new();
    let failed = |error| storage_error(&place.what(prefix), error);
    while let Some(meta) = listing.try_next().await.map_err(failed)? {
        first.insert(meta.location.clone(), meta);
        if first.len() > most + 1 {
            first.pop_last();
        }
        if in_order && first.len() > most {
            break;
        }
    }
    let more = first.len() > most;
    let objects = first.into_values().take(most).map(Object::from);
    Ok((objects.collect(), more))
}
