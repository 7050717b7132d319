//! What a reader sees of a dataset.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetResult, ObjectMeta, ObjectStore, Result as StoreResult,
};

use super::log::{Entries, Log};
use super::manifest::{Manifest, kept};
use crate::error::{Error, Result};
use crate::storage::layer::Layer;
use crate::storage::listing::below;
use crate::storage::stores::Place;

/// The version that a reader of the versions `entries` sees: the last whose files are all in place.
///
/// # Errors
///
/// Fails if storage does, where the first version is not in place, or where versions go faster than they can be read.
pub(in crate::storage) async fn visible(log: &Log, entries: &Entries) -> Result<Manifest> {
    let settled = |version: &u64| entries.is_settled(*version);
    // Of one that is not settled, those files that went are kept, and the others are still there.
    let found = entries.versions().rev().find(settled);
    let what = &log.place.uri;
    let Some(version) = found else {
        return Err(
            Error::storage(format!("the first commit to `{what}` is not complete"))
                .hint("`sluice dataset repair` completes it where its process has ended"),
        );
    };
    let manifest = log.read(version).await?;
    manifest.ok_or_else(|| removed(&what.to_string()))
}

/// The files of data of a version as a listing has them, of which `listed` is what is known by their names below the
/// dataset.
pub(in crate::storage) fn objects(
    log: &Log,
    manifest: &Manifest,
    listed: &BTreeMap<String, ObjectMeta>,
) -> Vec<ObjectMeta> {
    let data = manifest.files.iter().filter(|file| file.is_data());
    let objects = data.map(|file| {
        let meta = listed.get(&file.path);
        let meta = meta.or_else(|| listed.get(&kept(&file.path)));
        ObjectMeta {
            location: log.path(&file.path),
            last_modified: meta.map_or_else(Default::default, |meta| meta.last_modified),
            size: file.bytes,
            e_tag: meta.and_then(|meta| meta.e_tag.clone()),
            version: None,
        }
    });
    objects.collect()
}

/// The datasets of one store that are read: where a file is gone, it is looked for among those that are kept.
#[derive(Clone, Debug, Default)]
pub(in crate::storage) struct Shelves(Arc<RwLock<Vec<Path>>>);

impl Shelves {
    /// Takes a dataset.
    pub(in crate::storage) fn add(&self, dataset: Path) {
        let mut datasets = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !datasets.contains(&dataset) {
            datasets.push(dataset);
        }
    }

    /// Where a file may be that is gone.
    fn kept_of<T>(&self, outcome: &StoreResult<T>, location: &Path) -> Option<Path> {
        let Err(StoreError::NotFound { .. }) = outcome else {
            return None;
        };
        let datasets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let dataset = datasets
            .iter()
            .find(|dataset| location.prefix_matches(dataset))?;
        let name = kept(below(dataset, location));
        let parts = name.split('/').map(Into::into);
        Some(dataset.parts().chain(parts).collect())
    }
}

/// Says of a file that it is neither where it was nor where it would be kept.
fn gone(error: StoreError, location: &Path) -> StoreError {
    match error {
        StoreError::NotFound { .. } => StoreError::Generic {
            store: "dataset",
            source: Box::new(removed(location.as_ref())),
        },
        error => error,
    }
}

fn removed(what: &str) -> Error {
    let message = format!("`{what}` was removed while its dataset was read");
    Error::storage(message).hint(
        "the dataset was replaced more often meanwhile than versions of it are kept: run again, or raise `keep_versions` of the output that replaces it",
    )
}

#[async_trait]
impl Layer for Shelves {
    async fn get_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: GetOptions,
    ) -> StoreResult<GetResult> {
        let outcome = store.get_opts(location, options.clone()).await;
        match self.kept_of(&outcome, location) {
            Some(kept) => store
                .get_opts(&kept, options)
                .await
                .map_err(|error| gone(error, location)),
            None => outcome,
        }
    }

    async fn get_ranges(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        ranges: &[std::ops::Range<u64>],
    ) -> StoreResult<Vec<Bytes>> {
        let outcome = store.get_ranges(location, ranges).await;
        match self.kept_of(&outcome, location) {
            Some(kept) => store
                .get_ranges(&kept, ranges)
                .await
                .map_err(|error| gone(error, location)),
            None => outcome,
        }
    }
}

/// One version of a dataset, for whoever reads it by its number.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What it consists of.
    pub manifest: Manifest,
    /// Its files of data, where they are now.
    pub objects: Vec<ObjectMeta>,
    /// The versions that can be read.
    pub versions: Vec<u64>,
}

/// A version of the dataset at `place`, the last that is complete unless it is named; none where there is no log.
///
/// # Errors
///
/// Fails if storage does, and where the version is not kept.
pub async fn snapshot(place: &Place, version: Option<u64>) -> Result<Option<Snapshot>> {
    let log = Log::new(place, false);
    let entries = log.entries().await?;
    let versions: Vec<u64> = entries.versions().collect();
    if versions.is_empty() {
        return Ok(None);
    }
    let manifest = match version {
        None => visible(&log, &entries).await?,
        Some(version) if versions.contains(&version) => {
            let manifest = log.read(version).await?;
            manifest.ok_or_else(|| removed(&place.uri.to_string()))?
        }
        Some(version) => {
            let some: Vec<String> = versions.iter().map(u64::to_string).collect();
            let message = format!("version {version} of `{}` is not kept", place.uri);
            return Err(Error::input(message).hint(format!("{} can be read", some.join(", "))));
        }
    };
    place.shelves.add(place.path.clone());
    let mut objects = objects(&log, &manifest, &BTreeMap::new());
    // The order in which a folder is read.
    objects.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    Ok(Some(Snapshot {
        manifest,
        objects,
        versions,
    }))
}
