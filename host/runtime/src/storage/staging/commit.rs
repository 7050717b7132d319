//! Making the files of a run visible.

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use super::file::complete_one;
use super::{Committed, CommittedFile, FinishedFile, SUCCESS, Staging, below, storage_error};
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
        self.mark(&committed, locations).await?;
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
        Err(self.take_back(written, error).await)
    }

    /// Removes files that were completed for nothing; `error` says why.
    async fn take_back(&self, written: Vec<Path>, error: Error) -> Error {
        match self.delete(written).await {
            Ok(()) => error,
            Err(second) => error.hint(format!(
                "some files of run `{}` may be left, since they could not be removed: {second}",
                self.run_id
            )),
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

    /// Writes the marker. Where the output may not exist yet, its marker may not either: of two runs that began side
    /// by side, the second is refused here, by every store that can create what is absent in one step.
    async fn mark(&self, committed: &Committed, locations: Vec<Path>) -> Result<()> {
        let failed = |error| {
            let what = format!("{}{SUCCESS}", self.place.uri.as_folder());
            storage_error(&what, error).context("mark the output")
        };
        let text = serde_json::to_vec_pretty(committed)
            .map_err(|error| Error::internal("commit cannot be written as JSON").source(error))?;
        let (store, marker) = (&self.place.store, self.marker());
        let payload = PutPayload::from(text);
        if self.mode == Mode::ErrorIfExists {
            match store
                .put_opts(&marker, payload.clone(), PutMode::Create.into())
                .await
            {
                Err(StoreError::NotImplemented { .. }) => {}
                Err(StoreError::AlreadyExists { .. }) => {
                    // The answer to a first try may have been lost, and this one be to a second.
                    if self.is_marked(&payload).await {
                        return Ok(());
                    }
                    let error = Error::input(format!(
                        "output `{}` came to exist during the run: another run committed to it",
                        self.place.uri
                    ))
                    .hint("`mode = \"append\"` lets several runs add files to one output");
                    return Err(self.take_back(locations, error).await);
                }
                outcome => return outcome.map(drop).map_err(failed),
            }
        }
        store.put(&marker, payload).await.map(drop).map_err(failed)
    }

    /// Whether the marker is the one that this run writes, which its id makes unique.
    async fn is_marked(&self, payload: &PutPayload) -> bool {
        let Ok(found) = self.place.store.get(&self.marker()).await else {
            return false;
        };
        found.meta.size == payload.content_length() as u64
            && found
                .bytes()
                .await
                .is_ok_and(|bytes| payload.iter().flatten().eq(bytes.iter()))
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
