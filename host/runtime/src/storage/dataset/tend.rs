//! What people do to a dataset: going back to an earlier version, and doing what a process left undone.

use serde::Serialize;

use super::forward::{heal, settle, settle_files, unsettled};
use super::janitor::{Swept, sweep};
use super::log::{Created, Failed, Log};
use super::manifest::{Change, Manifest, Operation, Past, Source};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::stores::Place;

/// What was left undone, and is done now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// The version that is current.
    pub version: u64,
    /// Whether some of its files were not in place.
    pub settled: bool,
    /// Files of it that a process moved away which came late.
    pub restored: u64,
    /// What attempts left.
    #[serde(flatten)]
    pub swept: Swept,
}

/// Brings the files of the last version to their places, and removes what attempts left that are over, or `all` of them.
///
/// # Errors
///
/// Fails if storage does, and where there is no dataset.
pub async fn repair(place: &Place, all: bool) -> Result<Repaired> {
    let log = Log::new(place, true);
    let (last, entries) = log.last().await?;
    let mut repaired = Repaired::default();
    if let Some(last) = &last {
        repaired.version = last.version();
        repaired.settled = !entries.is_settled(last.version());
        settle(&log, last, &entries).await?;
        repaired.restored = heal(&log).await?;
    }
    repaired.swept = sweep(&log, all).await?;
    Ok(repaired)
}

/// Makes an earlier version current again, as a version of its own: the one before the last unless it is named. `run`
/// names whoever does. What runs wrote beside the dataset stays as it is; what of it has not appeared is given up.
///
/// # Errors
///
/// Fails if storage does, where the version is not kept, and as `Conflict` where somebody else commits meanwhile.
pub async fn rollback(place: &Place, to: Option<u64>, run: &str) -> Result<Past> {
    let log = Log::new(place, true);
    let (last, entries) = log.last().await?;
    let none = || Error::input(format!("`{}` has no versions", place.uri));
    let last = last.ok_or_else(none)?;
    settle_files(&log, &last, &entries).await?;
    let to = to.unwrap_or(last.version().saturating_sub(1));
    let kept = || {
        let others = entries
            .versions()
            .filter(|version| *version != last.version());
        let others: Vec<String> = others.map(|version| version.to_string()).collect();
        let error = Error::input(format!("version {to} of `{}` is not kept", place.uri));
        match others.as_slice() {
            [] => error.hint("raise `keep_versions` of the output that replaces it"),
            others => error.hint(format!("{} can be made current", others.join(", "))),
        }
    };
    let target = log.read(to).await?.ok_or_else(kept)?;
    let (new, old) = (target.names(), last.names());
    let add = target
        .files
        .iter()
        .filter(|file| !old.contains(file.path.as_str()));
    let retire = old.difference(&new).map(|name| (*name).to_owned());
    let attempt = uuid::Uuid::now_v7().simple().to_string();
    let change = Change {
        schema: target.schema.clone(),
        add: add.map(|file| (file.clone(), Source::Kept)).collect(),
        retire: retire.collect(),
        ..Change::new(run, &attempt, Operation::Rollback, last.keep.max(1))
    };
    let manifest = Manifest::after(Some(&last), &change);
    match log.create(&manifest).await {
        Ok(Created::Ours) => {}
        Ok(Created::Taken(other)) => {
            let message = format!(
                "run `{}` committed to `{}` meanwhile",
                other.run(),
                place.uri
            );
            return Err(
                Error::new(ErrorKind::Conflict, message).hint("look at the history, and try again")
            );
        }
        Err(Failed::Not(error) | Failed::Unknown(error)) => return Err(error),
    }
    let settled = settle(&log, &manifest, &entries).await;
    settled.map_err(|error| unsettled(error, manifest.version()))?;
    manifest.past().cloned().ok_or_else(none)
}
