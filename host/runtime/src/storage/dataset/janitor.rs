//! Removing what attempts left that never ended.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use object_store::path::Path;
use serde::Serialize;

use super::abandoned;
use super::log::Log;
use super::manifest::staging;
use crate::error::Result;
use crate::storage::failure::storage_error;
use crate::storage::listing::below;

/// How long after the last moment of an attempt what it left is taken to be nobody's: more than clocks differ.
const EXPIRY_MARGIN: Duration = Duration::from_hours(24);

/// Seconds since 1970, by this machine's clock.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// The name of what an attempt writes that lasts at most `time`, below the folder for those.
pub(in crate::storage) fn staged_as(attempt: &str, time: Duration) -> String {
    let expires = now().saturating_add(time.saturating_add(EXPIRY_MARGIN).as_secs());
    format!("{attempt}.{expires}")
}

/// When an attempt is over that has this name.
pub(super) fn expiry(name: &str) -> Option<u64> {
    name.rsplit_once('.')?.1.parse().ok()
}

/// What attempts left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Attempts whose files, or whose record of uploads, were removed.
    pub removed: u64,
    /// Uploads that they began in a bucket, and that were given up.
    pub uploads: u64,
    /// Those that may still be written.
    pub left: u64,
}

/// Removes what is left of attempts that are over. Those that may go on, on this machine or on another, are spared
/// unless `all` says that nobody writes.
///
/// # Errors
///
/// Fails if storage does.
pub(in crate::storage) async fn sweep(log: &Log, all: bool) -> Result<Swept> {
    let now = now();
    let place = &log.place;
    let level = place
        .store
        .list_with_delimiter(Some(&log.path(&staging())))
        .await;
    let level = level.map_err(|error| storage_error(&log.what(&staging()), error))?;
    let is_over = |path: &Path| {
        let expires = path.filename().and_then(expiry);
        all || expires.is_some_and(|expires| expires < now)
    };
    let records = level.objects.into_iter();
    let (over, live): (Vec<_>, Vec<_>) = records.partition(|record| is_over(&record.location));
    let given_up = abandoned::give_up(log, &over, &live).await;
    let mut swept = Swept {
        removed: 0,
        uploads: given_up.uploads,
        left: (live.len() + given_up.needed.len()) as u64,
    };
    for record in &over {
        if !given_up.needed.contains(&record.location) {
            log.delete(below(&place.path, &record.location)).await?;
            swept.removed += 1;
        }
    }
    for folder in &level.common_prefixes {
        if !is_over(folder) {
            swept.left += 1;
            continue;
        }
        let name = below(&place.path, folder);
        for meta in log.list(name).await? {
            log.delete(below(&place.path, &meta.location)).await?;
        }
        // A folder that has no file goes with one that it never had.
        log.delete(&format!("{name}/none")).await?;
        swept.removed += 1;
    }
    if all {
        // The folder of all, if nothing is left in it.
        log.delete(&format!("{}/none", staging())).await?;
    }
    Ok(swept)
}
