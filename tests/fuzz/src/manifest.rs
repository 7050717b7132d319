//! Versions of datasets.

use sluicegate::storage::Manifest;

use crate::check_told;

/// A manifest: it is of the version that was asked for, and its files are below the dataset.
pub(crate) fn manifest(bytes: &[u8]) {
    match Manifest::read(bytes, 1) {
        Ok(manifest) => {
            assert_eq!(manifest.version(), 1);
            for file in &manifest.files {
                assert!(!file.path.starts_with('/') && !file.path.contains(".."));
            }
        }
        Err(error) => check_told(&error),
    }
}
