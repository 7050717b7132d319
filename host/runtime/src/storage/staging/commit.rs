//! Making the files of a run visible.

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStoreExt};

use super::{Committed, CommittedFile, FinishedFile, SUCCESS, Staging, below, storage_error, take};
use crate::error::{Error, Result};
use crate::spec::Mode;

/// Uploads that are completed at once.
const COMPLETIONS_MAX: usize = 8;

impl Staging {
    /// Makes `files` visible, removes what an overwrite replaces, and writes `_SUCCESS`. `rows` is
    /// what the files hold together.
    ///
    /// # Errors
    ///
    /// Fails if storage does, or, unless the mode says otherwise, if the output came to exist since
    /// the beginning. Files that were completed are then removed again, the others given up.
    pub async fn commit(self, files: Vec<FinishedFile>, rows: u64) -> Result<Committed> {
        let outcome = self.publish(files, rows).await;
        // Uploads that belong to no finished file, and all that are left after a failure.
        let rest = self.abort().await;
        let committed = outcome?;
        rest?;
        Ok(committed)
    }

    async fn publish(&self, files: Vec<FinishedFile>, rows: u64) -> Result<Committed> {
        let replaced = match self.mode {
            Mode::ErrorIfExists => {
                self.refuse_existing().await?;
                Vec::new()
            }
            Mode::Overwrite => self.replaced().await?,
            Mode::Append => Vec::new(),
        };
        let locations: Vec<Path> = files.iter().map(|file| file.location.clone()).collect();
        let committed = Committed {
            run: self.run_id.clone(),
            rows,
            bytes: files.iter().map(|file| file.bytes).sum(),
            files: files
                .iter()
                .map(|file| CommittedFile {
                    path: file.path.clone(),
                    bytes: file.bytes,
                })
                .collect(),
        };
        self.unmark(&replaced).await?;
        self.complete(files).await?;
        let old: Vec<Path> = replaced
            .into_iter()
            .filter(|path| !locations.contains(path))
            .collect();
        self.delete(old)
            .await
            .map_err(|error| error.context("remove what the output replaces"))?;
        self.mark(&committed).await?;
        Ok(committed)
    }

    /// Completes all uploads, or takes back those that were.
    async fn complete(&self, files: Vec<FinishedFile>) -> Result<()> {
        let outcomes: Vec<_> = stream::iter(files)
            .map(|file| async move {
                let outcome = complete_one(&file).await;
                (file.location, outcome)
            })
            .buffer_unordered(COMPLETIONS_MAX)
            .collect()
            .await;
        let mut failure = None;
        let mut written = Vec::new();
        for (location, outcome) in outcomes {
            match outcome {
                Ok(()) => written.push(location),
                Err(error) => {
                    // An answer that was lost may have been a success.
                    let _ = self.place.store.delete(&location).await;
                    failure = Some((location, error));
                }
            }
        }
        let Some((location, error)) = failure else {
            return Ok(());
        };
        let what = format!("{}{}", self.place.uri, below(&self.place.path, &location));
        let error = storage_error(&what, error).context("complete a file");
        match self.delete(written).await {
            Ok(()) => Err(error),
            Err(second) => Err(error.hint(format!(
                "some files of run `{}` may be left, since they could not be removed: {second}",
                self.run_id
            ))),
        }
    }

    /// Removes the marker of a run that is about to be replaced: from now on, nothing is finished.
    async fn unmark(&self, replaced: &[Path]) -> Result<()> {
        let marker = self.marker();
        if replaced.contains(&marker) {
            self.delete(vec![marker]).await
        } else {
            Ok(())
        }
    }

    async fn mark(&self, committed: &Committed) -> Result<()> {
        let failed = |error| {
            storage_error(&format!("{}{SUCCESS}", self.place.uri), error).context("mark the output")
        };
        let text = serde_json::to_vec_pretty(committed)
            .map_err(|error| Error::internal("commit cannot be written as JSON").source(error))?;
        self.place
            .store
            .put(&self.marker(), text.into())
            .await
            .map(drop)
            .map_err(failed)
    }

    fn marker(&self) -> Path {
        self.place.path.clone().join(SUCCESS)
    }

    async fn delete(&self, paths: Vec<Path>) -> Result<()> {
        let paths = stream::iter(paths).map(Ok).boxed();
        let mut deletions = self.place.store.delete_stream(paths);
        loop {
            match deletions.try_next().await {
                Ok(None) => return Ok(()),
                // It is gone, whoever removed it.
                Ok(Some(_)) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(storage_error(&self.place.uri.to_string(), error)),
            }
        }
    }
}

async fn complete_one(file: &FinishedFile) -> Result<(), StoreError> {
    let Some(mut upload) = take(&file.slot) else {
        return Err(StoreError::Generic {
            store: "staging",
            source: "file was given up".into(),
        });
    };
    upload.complete().await.map(drop)
}
