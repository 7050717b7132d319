//! Uploads that attempts began in a bucket, and that nobody will complete.
//!
//! A bucket does not say of an upload whose it is, and who gives up somebody else's loses their work. So one is taken to
//! be an attempt's only if the record of that says so: its name is one of a file of that run, and it was begun after the
//! record was written, and before the attempt was over. Of those that began since an attempt began that may go on, any
//! may be its own.

use std::collections::BTreeSet;

use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore};

use super::janitor::expiry;
use super::log::Log;
use super::manifest::is_of;
use crate::storage::guarded::Purpose;
use crate::storage::listing::below;
use crate::storage::remote::Upload;

/// Bytes of the name of a run.
const NAME_BYTES_MAX: u64 = 1024;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    /// How many.
    pub(super) uploads: u64,
    /// Records that are needed still: not all of their uploads are given up.
    pub(super) needed: BTreeSet<Path>,
}

/// Gives up the uploads of attempts that are `over` by their records, as far as the bucket lists them: not all do, and
/// what they do not list is left to their rules.
pub(super) async fn give_up(log: &Log, over: &[ObjectMeta], live: &[ObjectMeta]) -> GivenUp {
    let mut given_up = GivenUp::default();
    let Some(uploads) = log.place.uploads.as_ref().filter(|_| !over.is_empty()) else {
        return given_up;
    };
    let Ok(mut listed) = uploads.list(&log.place.path).await else {
        // The next time, it may be otherwise.
        given_up.needed = over.iter().map(|record| record.location.clone()).collect();
        return given_up;
    };
    let first_live = live.iter().map(begun).min();
    for record in over {
        let Some(run) = run_of(log, record).await else {
            continue;
        };
        let of_record = |upload: &mut Upload| is_of_attempt(log, upload, record, &run);
        for upload in listed.extract_if(.., of_record) {
            let may_go_on = first_live.is_some_and(|live| upload.begun.timestamp() >= live);
            if !may_go_on && uploads.give_up(&upload).await.is_ok() {
                given_up.uploads += 1;
            } else {
                given_up.needed.insert(record.location.clone());
            }
        }
    }
    given_up
}

/// When an attempt began, by the bucket's clock: in seconds since 1970, as some count no less.
fn begun(record: &ObjectMeta) -> i64 {
    record.last_modified.timestamp()
}

/// The run that a record names.
async fn run_of(log: &Log, record: &ObjectMeta) -> Option<String> {
    let mut options = GetOptions::default();
    let purpose = Purpose::Write { overwrite: false };
    options.extensions.insert(purpose);
    let store = &log.place.store;
    let found = store.get_opts(&record.location, options).await.ok()?;
    if found.meta.size > NAME_BYTES_MAX {
        return None;
    }
    let name = found.bytes().await.ok()?;
    let name = String::from_utf8(name.into()).ok()?;
    (!name.is_empty()).then_some(name)
}

/// Whether an upload is a file of the attempt that a record tells of.
fn is_of_attempt(log: &Log, upload: &Upload, record: &ObjectMeta, run: &str) -> bool {
    let name = below(&log.place.path, &upload.location);
    let expiry = record.location.filename().and_then(expiry);
    let ended = expiry.and_then(|expiry| i64::try_from(expiry).ok());
    let began = upload.begun.timestamp();
    is_of(name, run) && began >= begun(record) && ended.is_some_and(|ended| began <= ended)
}
