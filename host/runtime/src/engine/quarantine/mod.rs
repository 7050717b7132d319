//! Rows that a run leaves out: counted, held to a threshold, and where they are kept, written to a dataset of their own.

mod rows;
mod shelf;
mod tally;

use std::sync::{Arc, Mutex, PoisonError};

pub(super) use rows::{BadRow, Original, Place, json};
pub(super) use shelf::Shelf;
pub(super) use tally::Tally;
pub(crate) use tally::{BadFigures, Kind};

use super::sink::{Sink, WrittenFile, file_beside};
use crate::error::Result;
use crate::spec::BadRows;

/// What hides secrets in a text that leaves the run.
pub(crate) type Clean = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// What all inputs and steps of a run leave out.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    shelf: Arc<Shelf>,
    tallies: Mutex<Vec<Arc<Tally>>>,
}

impl Quarantine {
    /// Where the bad rows of an input or a step are counted.
    pub(super) fn tally(&self, kind: Kind, name: &str, rule: BadRows) -> Arc<Tally> {
        let tally = Arc::new(Tally::new(kind, name, rule, Arc::clone(&self.shelf)));
        self.tallies().push(Arc::clone(&tally));
        tally
    }

    /// The file of the dataset of a run, relative to the output.
    pub(crate) fn file(run_id: &str) -> String {
        file_beside(shelf::FOLDER, run_id)
    }

    /// Opens the dataset beside the output. Rows that are kept before have to wait for it.
    pub(crate) async fn begin(&self, sink: Arc<Sink>, clean: Clean) {
        self.shelf.begin(sink, clean).await;
    }

    /// Ends the dataset, once all rows were read.
    ///
    /// # Errors
    ///
    /// Fails where more than the share of rows is bad that an input or a step may leave out, and where storage does.
    pub(crate) async fn end(&self) -> Result<Option<WrittenFile>> {
        let tallies = self.tallies().clone();
        tallies.iter().try_for_each(|tally| tally.check_share())?;
        self.shelf.end().await
    }

    /// What was left out of each input and step that says what becomes of bad rows.
    pub(crate) fn figures(&self) -> Vec<BadFigures> {
        let tallies = self.tallies();
        tallies.iter().filter_map(|tally| tally.figures()).collect()
    }

    fn tallies(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Tally>>> {
        // A panic elsewhere leaves the list itself whole.
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
