//! The log of a dataset: which files belong to it, version by version.
//!
//! ```text
//! out/part-….parquet                    files of the current version, for whoever lists the folder
//! out/_SUCCESS                          for whoever waits for it: what is current, as JSON
//! out/_sluice/log/0…07.json             version 7; creating it, where nothing is, is the commit
//! out/_sluice/log/0…07.done             version 7 is settled: its files are all in place, all others are not
//! out/_sluice/kept/part-….parquet       files of earlier versions only
//! out/_sluice/staging/ATTEMPT.EXPIRY    what a run writes that is not over: a folder with its files, or in a
//!                                       bucket the run's name, the files being uploads that are not completed
//! ```
//!
//! What transforms write beside their run's output is part of its version too, wherever it is.
//!
//! A version says how each of its files comes to its place, so that [`settle`] can be done by whoever finds it not
//! done, any number of times, and by several at once. A reader takes the last version that is settled, and finds a
//! file that was moved away meanwhile among those that are kept: it sees one version or another, never parts of two.

mod abandoned;
mod beside;
mod forward;
mod janitor;
mod log;
mod manifest;
mod reader;
mod tend;

use crate::spec::Scheme;

pub(super) use self::beside::{give_up, identity};
pub(super) use self::forward::{settle, settle_own, unsettled};
pub use self::janitor::Swept;
pub(super) use self::janitor::{staged_as, sweep};
pub(super) use self::log::{Created, Entries, Failed, Log};
pub(super) use self::manifest::{Beside, Change, SUCCESS, Source, is_of, staging};
pub use self::manifest::{DataFile, Manifest, Operation, Past, kept, run_of};
pub(super) use self::reader::{Shelves, objects, visible};
pub use self::reader::{Snapshot, snapshot};
pub use self::tend::{Repaired, repair, rollback};

/// The marker of what is current.
pub const MARKER: &str = SUCCESS;

/// What a run creates beside its files and the marker, wherever it stands in the log.
#[must_use]
pub fn names_beside(run: &str, scheme: Scheme) -> Vec<String> {
    let (manifest, settled) = log::names(1);
    let mut names = vec![manifest, settled, format!("{FOLDER}/receipts/{run}.json")];
    // A local file system has its files in a folder in place of a record of them.
    if scheme != Scheme::File {
        names.push(format!("{}/{run}.0", staging()));
    }
    names
}

/// Everything that is ours below an output.
pub(super) const FOLDER: &str = "_sluice";

/// Versions that a manifest tells of, its own among them: a run that committed within so many is not done again.
const HISTORY_MAX: usize = 100;

#[cfg(test)]
mod tests;
