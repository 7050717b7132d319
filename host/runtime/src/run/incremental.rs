//! Runs that make anew only what has changed: of the files that earlier runs made, those stay whose input is the same.
//!
//! The input is read, and kept, in units: some whole files, or a part of a large one. A unit is one partition of the plan,
//! whose transforms see each row by itself, so that what it becomes follows from its bytes and the application alone. Which
//! files of the output it became stands in the bookmark, a file of the same version: it appears with the output, and
//! goes back with it.

mod bookmark;
mod key;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use serde::Serialize;

use self::bookmark::{BYTES_MAX, Bookmark, Key, Made, Piece, UNITS_MAX};
pub(super) use self::bookmark::{file as bookmark_file, of as bookmark_of};
use super::execute::{Execution, Prepared};
use super::open::named_files_of;
use crate::engine::{Checks, ColumnMask, Files, Later, Planned, Unit, WrittenFile};
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::spec::{Input, InputFormat, Partitions, SchemaColumn};
use crate::storage::{Beginning, FinishedFile, ObjectMeta, Staging};

/// Input of a unit: enough that a file of the output is worth it, and little enough to be made anew for one change.
const UNIT_BYTES_MAX: u64 = 64 << 20;

/// Below it, a file of the output is small, and each thread gets one unit at most.
const UNIT_BYTES_SMALL: u64 = 4 << 20;

/// Below it, a unit is not worth a thread of its own.
const UNIT_BYTES_MIN: u64 = 1 << 20;

/// Units for each thread, so that the last ones end at about the same time.
const UNITS_PER_THREAD: u64 = 4;

/// What became of the input of an incremental run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IncrementalSummary {
    /// Files of the input that are as they were, and of which nothing was read.
    pub files_reused: u64,
    /// Files that were processed.
    pub files_processed: u64,
    /// Files that are not there any more.
    pub files_removed: u64,
    /// Why everything was made anew, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anew: Option<String>,
}

/// What the version before tells of the input.
#[derive(Debug)]
pub(super) struct Before {
    bookmark: Option<Bookmark>,
    /// Why there is none.
    why: String,
    /// The name of its file.
    file: Option<String>,
}

/// The input as it is now, of which no row was read.
#[derive(Debug)]
pub(super) struct Listed {
    files: Files,
    later: Later,
    /// What decides about its rows.
    key: Key,
    /// Whether names of its folders hold values.
    is_partitioned: bool,
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Increment {
    key: Key,
    columns: Vec<SchemaColumn>,
    origin: String,
    kept: Vec<Made>,
    fresh: Vec<Unit>,
    summary: IncrementalSummary,
}

/// How the input differs from that of the version before.
#[derive(Debug, Default)]
struct Changes {
    kept: Vec<Made>,
    retired: Vec<Made>,
    process: Vec<ObjectMeta>,
    reused: u64,
    removed: u64,
}

impl Listed {
    pub(super) fn new(input: &Input, files: Files, later: Later) -> Result<Self> {
        let key = key::of_input(input, later.columns(), files.discreet)?;
        Ok(Self {
            files,
            later,
            key,
            is_partitioned: input.partitions != Partitions::None,
        })
    }

    /// Takes what is left of the columns.
    ///
    /// # Errors
    ///
    /// `Policy` where the bookmark would tell what is masked.
    pub(super) fn add_masks(&mut self, masks: &BTreeMap<String, ColumnMask>) -> Result<()> {
        if self.is_partitioned && !masks.is_empty() {
            let message = "`mode = \"incremental\"` keeps the names of files beside the output, and policies mask columns \
                           of an input whose folders are named by values";
            let error = Error::new(ErrorKind::Policy, message);
            return Err(error.hint("use `mode = \"overwrite\"`"));
        }
        key::add_masks(&mut self.key, masks);
        Ok(())
    }
}

impl Before {
    /// What a bookmark and the files of an input have in common.
    fn changes(&self, files: &Files) -> Changes {
        let now = |object| (files.name(object), object);
        let mut now: BTreeMap<String, &ObjectMeta> = files.objects.iter().map(now).collect();
        let units = self.bookmark.iter().flat_map(|bookmark| &bookmark.units);
        let is_same = |piece: &Piece| now.get(&piece.file).is_some_and(|now| piece.is_same(now));
        let (kept, retired): (Vec<Made>, Vec<Made>) = units
            .cloned()
            .partition(|unit| unit.input.iter().all(is_same));
        let names = |units: &[Made]| -> BTreeSet<String> {
            let pieces = units.iter().flat_map(|unit| &unit.input);
            pieces.map(|piece| piece.file.clone()).collect()
        };
        let gone = names(&retired).into_iter();
        let removed = gone.filter(|name| !now.contains_key(name)).count();
        let reused = names(&kept);
        now.retain(|name, _| !reused.contains(name));
        let fresh = files.objects.iter();
        let process = fresh.filter(|object| now.contains_key(&files.name(object)));
        Changes {
            process: process.cloned().collect(),
            reused: reused.len() as u64,
            removed: removed as u64,
            kept,
            retired,
        }
    }

    /// Files that have the columns of all, if they have those that stand with them. Where a file was changed or is gone,
    /// all have to be looked at; and columns of text are guessed from a few of all.
    pub(super) fn sample(&self, input: &Input, files: &Files) -> Option<(Files, &[SchemaColumn])> {
        let stored = matches!(input.format, InputFormat::Parquet | InputFormat::Arrow);
        let bookmark = self.bookmark.as_ref().filter(|_| stored)?;
        let mut changes = self.changes(files);
        if !changes.retired.is_empty() {
            return None;
        }
        if changes.process.is_empty() {
            changes.process.extend(files.objects.first().cloned());
        }
        let some = Files {
            objects: changes.process,
            ..files.clone()
        };
        Some((some, &bookmark.columns))
    }

    /// Why everything is to be made anew, if it is.
    fn differs(&self, key: &Key, kept: usize) -> Option<String> {
        let Some(bookmark) = &self.bookmark else {
            return Some(self.why.clone());
        };
        let all: BTreeSet<_> = key.keys().chain(bookmark.key.keys()).collect();
        let other = |name: &&&String| key.get(**name) != bookmark.key.get(**name);
        if let Some(name) = all.iter().find(other) {
            return Some(format!("{name} changed"));
        }
        // The least that there will be: each run with something to do adds one.
        (kept >= UNITS_MAX).then(|| format!("it is in {kept} pieces"))
    }
}

impl Execution {
    /// As [`prepare`](Self::prepare) does in other modes; of the input, only what has changed is read.
    pub(super) async fn prepare_increment(&self) -> Result<Prepared> {
        match self.begin().await? {
            Beginning::Ready(staging) => self.prepare_staged(staging).await,
            other => Ok(Prepared::nothing(self.nothing_done(None, &other))),
        }
    }

    async fn prepare_staged(&self, staging: Box<Staging>) -> Result<Prepared> {
        let before = self.before(&staging).await;
        let before = before.context("read what the version before tells of the input");
        let increment = match before {
            Ok(before) => Box::pin(self.increment(before)).await,
            Err(error) => Err(error),
        };
        match increment {
            Ok((plan, Some((checks, replaced)))) => Ok(Prepared::Ready {
                plan,
                checks,
                staging: Arc::new(match replaced {
                    Some(files) => staging.replacing(files),
                    None => *staging,
                }),
            }),
            Ok((plan, None)) => {
                drop(staging.abort().await);
                let why = Beginning::Ready(staging);
                Ok(Prepared::nothing(self.nothing_done(Some(&plan), &why)))
            }
            Err(error) => {
                drop(staging.abort().await);
                Err(error)
            }
        }
    }

    async fn before(&self, staging: &Staging) -> Result<Before> {
        let found = |why: &str, file: Option<&str>| Before {
            bookmark: None,
            why: why.to_owned(),
            file: file.map(str::to_owned),
        };
        let Some(base) = staging.base() else {
            return Ok(found("there is no version yet", None));
        };
        let Some(name) = bookmark_of(base) else {
            return Ok(found("no run in this mode wrote the last version", None));
        };
        let Some(bytes) = staging.read(name, BYTES_MAX).await? else {
            return Ok(found("its bookmark is gone", Some(name)));
        };
        Ok(match Bookmark::read(&bytes, &base.files) {
            Ok(bookmark) => Before {
                bookmark: Some(bookmark),
                ..found("", Some(name))
            },
            Err(why) => found(&why, Some(name)),
        })
    }

    /// Plans what has to be done. Yields nothing but a plan where nothing has; and what is replaced, unless all is.
    async fn increment(&self, before: Before) -> Result<(Planned, Option<Work>)> {
        let (logical, listed) = self.plan(Some(&before)).await?;
        let listed = listed.ok_or_else(|| Error::internal("an incremental run has no input"))?;
        let Listed {
            files, later, key, ..
        } = listed;
        // Of a plan that reads nothing yet, all is known that decides about rows.
        let plan = self.engine.plan(&logical).await.context("plan the run")?;
        refuse_stateful(&plan)?;
        let key = self.key(key, &plan).await?;
        let mut changes = before.changes(&files);
        let anew = before.differs(&key, changes.kept.len());
        if anew.is_some() {
            changes.kept.clear();
            changes.reused = 0;
            changes.process.clone_from(&files.objects);
        }
        let nothing = anew.is_none() && changes.process.is_empty() && changes.retired.is_empty();
        let summary = IncrementalSummary {
            files_reused: changes.reused,
            files_processed: changes.process.len() as u64,
            files_removed: changes.removed,
            anew: anew.clone(),
        };
        let mut increment = Increment {
            key,
            columns: later.columns().to_vec(),
            origin: files.origin.clone(),
            kept: changes.kept,
            fresh: Vec::new(),
            summary,
        };
        let decided = |increment| {
            let set = self.increment.set(increment);
            set.map_err(|_| Error::internal("a run decided twice what to do"))
        };
        if nothing {
            decided(increment)?;
            return Ok((plan, None));
        }
        let process = Files {
            objects: changes.process,
            ..files
        };
        let bytes: u64 = process.objects.iter().map(|object| object.size).sum();
        let total = &self.options.progress.bytes_total;
        total.store(bytes, Ordering::Relaxed);
        increment.fresh = later
            .read(&process, share(bytes, self.engine.threads()))
            .await?;
        self.note_processed(&process);
        let plan = self.engine.plan(&logical).await.context("plan the run")?;
        if plan.partitions() != increment.fresh.len().max(1) {
            return Err(Error::internal(
                "a plan has other partitions than its input",
            ));
        }
        decided(increment)?;
        let checks = self.checks(&plan).await?;
        let replaced = anew.is_none().then(|| {
            let retired = changes.retired.into_iter().flat_map(|unit| unit.files);
            retired.chain(before.file).collect()
        });
        Ok((plan, Some((checks, replaced))))
    }

    /// Whether files of earlier runs stay, so that none has to say that there are no rows.
    pub(super) fn keeps_files(&self) -> bool {
        if let Some(replayed) = &self.replay {
            return replayed.output.files.is_empty();
        }
        let kept = self.increment.get().map(|increment| &increment.kept);
        kept.is_some_and(|kept| kept.iter().any(|unit| !unit.files.is_empty()))
    }

    /// What became of the input.
    pub(super) fn incremental(&self) -> Option<IncrementalSummary> {
        self.increment
            .get()
            .map(|increment| increment.summary.clone())
    }

    /// Leaves word for the next run of what became of which part of the input.
    pub(super) async fn write_bookmark(
        &self,
        staging: &Staging,
        written: &[WrittenFile],
    ) -> Result<Option<FinishedFile>> {
        let Some(increment) = self.increment.get() else {
            return Ok(None);
        };
        let mut units = increment.kept.clone();
        let first_fresh = units.len();
        units.extend(self.made(increment).await?);
        for WrittenFile {
            file, partition, ..
        } in written
        {
            // A file without rows, where nothing was left of any unit, belongs to whichever is there.
            let at = (first_fresh + partition).min(units.len().saturating_sub(1));
            if let Some(unit) = units.get_mut(at) {
                unit.files.push(file.path.clone());
            }
        }
        let columns = increment.columns.clone();
        let bookmark = Bookmark::new(increment.key.clone(), columns, units);
        let mut file = staging.create(&bookmark_file(&self.options.run_id)).await?;
        file.write(Bytes::from(bookmark.write()?)).await?;
        file.finish().await.map(Some)
    }

    /// The units that were read. What was changed meanwhile is not known by its etag.
    async fn made(&self, increment: &Increment) -> Result<Vec<Made>> {
        let mut now = BTreeMap::new();
        for input in &self.application.inputs {
            let files = named_files_of(&self.stores, &input.name, &input.uri).await?;
            let objects = files.objects.into_iter();
            now.extend(objects.map(|object| (object.location.clone(), object)));
        }
        let made = increment.fresh.iter().map(|unit| Made {
            input: unit
                .objects
                .iter()
                .map(|object| {
                    let piece = Piece {
                        file: format!("{}{}", increment.origin, object.location),
                        etag: object.e_tag.clone(),
                        bytes: object.size,
                        range: unit.range,
                    };
                    let now = now.get(&object.location);
                    let stayed = now.is_some_and(|now| piece.is_same(now));
                    Piece {
                        etag: piece.etag.clone().filter(|_| stayed),
                        ..piece
                    }
                })
                .collect(),
            files: Vec::new(),
        });
        Ok(made.collect())
    }
}

/// Bytes of a unit, where `bytes` are read by so many threads.
fn share(bytes: u64, threads: usize) -> u64 {
    let each = bytes.div_ceil(threads.max(1) as u64);
    let small = each.min(UNIT_BYTES_SMALL);
    let even = (each / UNITS_PER_THREAD).max(small);
    // Half of what there may be, so that the next runs can add some.
    let few = bytes.div_ceil(UNITS_MAX as u64 / 2);
    even.clamp(UNIT_BYTES_MIN, UNIT_BYTES_MAX).max(few)
}

/// The rules on what is written, and what is replaced; nothing where all is.
type Work = (Option<Checks>, Option<BTreeSet<String>>);

/// Refuses transforms that see more than a row at a time.
fn refuse_stateful(plan: &Planned) -> Result<()> {
    let steps = plan.steps();
    match steps.iter().find(|step| !step.is_stateless) {
        None => Ok(()),
        Some(step) => {
            let message = format!(
                "step `{}` is not stateless, and `mode = \"incremental\"` keeps what steps make of each file by itself",
                step.name
            );
            Err(Error::input(message)
                .fact("step", &step.name)
                .hint("use `mode = \"overwrite\"`; if the transform looks at each batch alone, have its `bind` say `stateless`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn units_are_as_large_as_threads_and_bounds_allow() {
        let mib = |bytes: u64, threads| share(bytes * MIB, threads) / MIB;
        assert_eq!(mib(1, 2), 1);
        assert_eq!(mib(6, 2), 3); // one for each thread
        assert_eq!(mib(20, 2), 4);
        assert_eq!(mib(160, 2), 20); // four for each thread
        assert_eq!(mib(10_000, 2), 64);
        let much = 10_000_000 * MIB;
        assert!(much.div_ceil(share(much, 2)) <= UNITS_MAX as u64 / 2);
    }
}
