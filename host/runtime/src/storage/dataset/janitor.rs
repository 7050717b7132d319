//! Removing what attempts left that never ended.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

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
fn expiry(name: &str) -> Option<u64> {
    name.rsplit_once('.')?.1.parse().ok()
}

/// What attempts left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Attempts whose files, or whose record of uploads, were removed.
    pub removed: u64,
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
    let mut swept = Swept::default();
    let place = &log.place;
    let folder = log.path(&staging());
    let level = place.store.list_with_delimiter(Some(&folder)).await;
    let level = level.map_err(|error| storage_error(&log.what(&staging()), error))?;
    let records = level.objects.iter().map(|meta| &meta.location);
    for attempt in records.chain(&level.common_prefixes) {
        let expires = attempt.filename().and_then(expiry);
        if !all && expires.is_none_or(|expires| expires >= now) {
            swept.left += 1;
            continue;
        }
        let name = below(&place.path, attempt);
        if level.common_prefixes.contains(attempt) {
            for meta in log.list(name).await? {
                log.delete(below(&place.path, &meta.location)).await?;
            }
            // A folder that has no file goes with one that it never had.
            log.delete(&format!("{name}/none")).await?;
        } else {
            log.delete(name).await?;
        }
        swept.removed += 1;
    }
    if all {
        // The folder of all, if nothing is left in it.
        log.delete(&format!("{}/none", staging())).await?;
    }
    Ok(swept)
}
