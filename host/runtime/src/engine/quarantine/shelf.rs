//! The dataset of the bad rows of a run.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};

use tokio::sync::Mutex;

use super::Clean;
use super::rows::{BadRow, batch, schema};
use crate::engine::sink::{Aside, Sink, WrittenFile};
use crate::error::{Error, Result};

/// Where the dataset stands, relative to the output.
pub(super) const FOLDER: &str = "_sluice/quarantine/";

/// Rows on their way to the dataset, and the dataset.
///
/// Rows are found where nothing may wait, on compute threads, and written where it may: whoever found some
/// calls [`flush`](Self::flush) before it goes on, which bounds what is held here.
#[derive(Debug, Default)]
pub(in crate::engine) struct Shelf {
    rows: Lock<Vec<BadRow>>,
    has_rows: AtomicBool,
    dataset: Mutex<Option<Dataset>>,
}

struct Dataset {
    file: Aside,
    clean: Clean,
}

impl Shelf {
    pub(super) async fn begin(&self, sink: Arc<Sink>, clean: Clean) {
        let file = Aside::new(sink, FOLDER, schema());
        *self.dataset.lock().await = Some(Dataset { file, clean });
    }

    pub(super) fn put(&self, rows: Vec<BadRow>) {
        self.lock().extend(rows);
        self.has_rows.store(true, Ordering::Release);
    }

    /// Writes the rows that were put.
    pub(super) async fn flush(&self) -> Result<()> {
        if !self.has_rows.load(Ordering::Acquire) {
            return Ok(());
        }
        match self.dataset.lock().await.as_mut() {
            Some(dataset) => self.write(dataset).await,
            None => Err(Error::internal("a bad row was found before its dataset")),
        }
    }

    /// Ends the dataset and lets go of the output.
    pub(super) async fn end(&self) -> Result<Option<WrittenFile>> {
        let Some(mut dataset) = self.dataset.lock().await.take() else {
            return Ok(None);
        };
        self.write(&mut dataset).await?;
        dataset.file.finish().await
    }

    async fn write(&self, dataset: &mut Dataset) -> Result<()> {
        self.has_rows.store(false, Ordering::Release);
        let mut rows = std::mem::take(&mut *self.lock());
        if rows.is_empty() {
            return Ok(());
        }
        for row in &mut rows {
            row.reason = (dataset.clean)(&row.reason);
        }
        let rows = batch(dataset.file.run_id(), rows)?;
        dataset.file.write(&rows).await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<BadRow>> {
        // A panic elsewhere leaves the list itself whole.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset").finish_non_exhaustive()
    }
}
