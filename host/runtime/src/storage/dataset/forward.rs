//! Bringing files to their places.

use std::collections::BTreeSet;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::{Error as StoreError, ObjectStore, ObjectStoreExt, PutPayload, RenameOptions};
use tokio::time::Duration;

use super::beside;
use super::log::{Entries, Log};
use super::manifest::{Appearing, Manifest, Operation, SUCCESS, Source, kept};
use crate::error::{Error, Result};
use crate::spec::Scheme;
use crate::storage::failure::storage_error;
use crate::storage::guarded::{Purpose, Shelves, asking};
use crate::storage::listing::below;
use crate::storage::pause::sleep;

/// How often a file is looked for that a server may be putting into its place.
pub(super) const LOOKS_MAX: u32 = 5;

/// The pause before it is looked for again; it doubles each time.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Versions that a commit forgets: it adds one, and catches up on those that others were not allowed to.
const FORGOTTEN_MAX: usize = 16;

/// Files that are moved at once.
const MOVES_MAX: usize = 8;

/// Brings the files of the version `manifest` to their places, the last that there is: those that are new appear, those
/// that are no part of it go. Can be done any number of times, and by several at once.
///
/// # Errors
///
/// Fails if storage does; and where a file is gone, which only others can have removed.
pub(in crate::storage) async fn settle(
    log: &Log,
    manifest: &Manifest,
    entries: &Entries,
) -> Result<()> {
    settle_as(log, manifest, entries, false).await
}

/// The same by who has just committed it, and was asked about all that it wrote.
pub(in crate::storage) async fn settle_own(
    log: &Log,
    manifest: &Manifest,
    entries: &Entries,
) -> Result<()> {
    settle_as(log, manifest, entries, true).await
}

/// The same by who goes back to what was before it: what is beside the dataset stays as it is.
pub(super) async fn settle_files(log: &Log, manifest: &Manifest, entries: &Entries) -> Result<()> {
    if manifest.beside.is_empty() || entries.is_settled(manifest.version()) {
        return settle(log, manifest, entries).await;
    }
    place_files(log, manifest).await
}

async fn settle_as(log: &Log, manifest: &Manifest, entries: &Entries, own: bool) -> Result<()> {
    let version = manifest.version();
    // Who committed after it has settled it before.
    if entries.is_settled(version) || entries.last() > Some(version) {
        return Ok(());
    }
    // What is beside comes first: who has no right to it has done nothing, and others can do all.
    let moved = match beside::settle(log, manifest, own).await {
        Ok(()) => place_files(log, manifest).await,
        Err(error) => Err(error),
    };
    let now = log.entries().await?;
    if now.is_settled(version) || now.last() > Some(version) {
        // Others were faster. If they have gone on, what was moved here may have been moved against them.
        return if now.last() > Some(version) {
            heal(log).await.map(drop)
        } else {
            Ok(())
        };
    }
    moved?;
    log.mark_settled(version).await?;
    // Housekeeping: whoever comes next does what is left of it.
    drop(prune(log, manifest, &now).await);
    Ok(())
}

/// Says of what kept [`settle`] from its end that it came after the commit.
pub(in crate::storage) fn unsettled(error: Error, version: u64) -> Error {
    let doing =
        format!("bring the files of version {version}, which is committed, to their places");
    let hint = "`sluice dataset repair` does what is left; so does the next run that writes there";
    error.context(doing).hint(hint)
}

/// Moves back those files of the last version that a process moved away which came late. Yields how many.
pub(in crate::storage) async fn heal(log: &Log) -> Result<u64> {
    let (last, entries) = log.last().await?;
    let Some(last) = last.filter(|last| entries.is_settled(last.version())) else {
        return Ok(0);
    };
    let place = &log.place;
    let listing = place.store.list(Some(&place.path));
    let listed: Vec<_> = listing
        .map_ok(|meta| below(&place.path, &meta.location).to_owned())
        .try_collect()
        .await
        .map_err(|error| storage_error(&place.uri.to_string(), error))?;
    let listed: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
    let mut healed = 0;
    for name in last.names().difference(&listed) {
        match rename(log, &kept(name), name).await {
            Ok(()) => healed += 1,
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(storage_error(&log.what(name), error)),
        }
    }
    Ok(healed)
}

pub(super) type Moves<'m, 'a> = dyn Iterator<Item = BoxFuture<'a, Result<()>>> + Send + 'm;

/// Does what can be done side by side, a few at once, and ends with the first failure.
pub(super) async fn all(moves: &mut Moves<'_, '_>) -> Result<()> {
    let mut moves = stream::iter(moves).buffer_unordered(MOVES_MAX);
    while moves.try_next().await?.is_some() {}
    Ok(())
}

async fn place_files(log: &Log, manifest: &Manifest) -> Result<()> {
    if !manifest.retire.is_empty() {
        // From now on, and until the end, who lists the folder sees parts of two versions.
        log.delete(SUCCESS).await?;
    }
    let appear = manifest.appear.iter();
    all(&mut appear.map(|file| appear_one(log, manifest, file).boxed())).await?;
    let retire = manifest.retire.iter();
    all(&mut retire.map(|name| retire_one(log, manifest, name).boxed())).await?;
    mark(log, manifest).await
}

/// Says in Spark's way that all is there, and what.
async fn mark(log: &Log, manifest: &Manifest) -> Result<()> {
    let marker = PutPayload::from(manifest.success()?);
    let path = log.path(SUCCESS);
    // Who may only create has made the first version; if there is a marker already, it is that one's.
    let is_first = manifest
        .past()
        .is_some_and(|past| past.operation == Operation::Create);
    let put = if is_first {
        log.put_new(&path, marker).await
    } else {
        log.place.store.put(&path, marker).await.map(drop)
    };
    match put {
        Err(StoreError::AlreadyExists { .. }) => Ok(()),
        outcome => outcome.map_err(|error| storage_error(&log.what(SUCCESS), error)),
    }
}

async fn appear_one(log: &Log, manifest: &Manifest, file: &Appearing) -> Result<()> {
    let outcome = match &file.from {
        Source::Upload(upload) => match log.resume(&file.path, upload).await {
            Ok(mut upload) => upload.complete().await.map(drop),
            Err(error) => Err(error),
        },
        Source::Kept => rename(log, &kept(&file.path), &file.path).await,
    };
    let Err(error) = outcome else {
        return Ok(());
    };
    // Somebody did it before, and the answer was lost or was somebody else's.
    if is_there(log, manifest, file).await {
        return Ok(());
    }
    let what = log.what(&file.path);
    Err(if matches!(error, StoreError::NotFound { .. }) {
        let (version, run) = (manifest.version(), manifest.run());
        Error::storage(format!(
            "`{what}` is lost: it belongs to version {version}, which run `{run}` committed"
        ))
        .hint("an upload that is not completed is removed by some rules of buckets; `sluice dataset rollback` makes an earlier version current")
    } else {
        storage_error(&what, error).context("complete a file")
    })
}

/// Whether a file is in its place, or comes to be while a server does what it was asked for before.
async fn is_there(log: &Log, manifest: &Manifest, file: &Appearing) -> bool {
    let known = manifest.files.iter().find(|known| known.path == file.path);
    let (path, mut pause) = (log.path(&file.path), PAUSE);
    let looks = match log.place.uri.scheme() {
        Scheme::File => 1,
        _ => LOOKS_MAX,
    };
    for look in 0..looks {
        if look > 0 {
            sleep(pause).await;
            pause *= 2;
        }
        let asked = asking(Purpose::Write { overwrite: false });
        let found = log.place.store.get_opts(&path, asked).await;
        if found.is_ok_and(|found| known.is_none_or(|known| known.bytes == found.meta.size)) {
            return true;
        }
    }
    false
}

async fn retire_one(log: &Log, manifest: &Manifest, name: &str) -> Result<()> {
    let outcome = if manifest.keep > 0 {
        rename(log, name, &kept(name)).await
    } else {
        log.place.store.delete(&log.path(name)).await
    };
    match outcome {
        // It is gone, whoever moved it.
        Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
        Err(error) => {
            Err(storage_error(&log.what(name), error).context("move away what is replaced"))
        }
    }
}

async fn rename(log: &Log, from: &str, to: &str) -> Result<(), StoreError> {
    let mut options = RenameOptions::default();
    options.extensions.insert(Shelves);
    let (from, to) = (log.path(from), log.path(to));
    log.place.store.rename_opts(&from, &to, options).await
}

/// Removes versions that are not kept any more, with those of their files that no other has.
async fn prune(log: &Log, last: &Manifest, entries: &Entries) -> Result<()> {
    let first = last.version().saturating_sub(last.keep);
    let (old, kept_versions): (Vec<u64>, Vec<u64>) =
        entries.versions().partition(|version| *version < first);
    if old.is_empty() {
        return Ok(());
    }
    let old: Vec<u64> = old.into_iter().take(FORGOTTEN_MAX).collect();
    let mut needed: BTreeSet<String> = last.names().into_iter().map(str::to_owned).collect();
    let mut garbage: BTreeSet<String> = last.retire.iter().cloned().collect();
    for version in kept_versions {
        if version == last.version() {
            continue;
        }
        let Some(manifest) = log.read(version).await? else {
            continue;
        };
        needed.extend(manifest.names().into_iter().map(str::to_owned));
        garbage.extend(manifest.retire);
    }
    for version in &old {
        if let Some(manifest) = log.read(*version).await? {
            garbage.extend(manifest.retire);
        }
    }
    let garbage = garbage.difference(&needed).map(|name| kept(name));
    all(&mut garbage.map(|name| async move { log.delete(&name).await }.boxed())).await?;
    for version in old {
        log.forget(version).await?;
    }
    Ok(())
}
