//! One version of a dataset, as it is written.

use std::collections::BTreeSet;

use chrono::{SecondsFormat, Utc};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::{FOLDER, HISTORY_MAX};
use crate::error::{Error, Result};
use crate::spec::{Mode, SchemaColumn, clip};
use crate::storage::upload::Unfinished;

/// What this program writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// The marker of what is current.
pub(in crate::storage) const SUCCESS: &str = "_SUCCESS";

/// Why a version came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A run wrote what was not there.
    Create,
    /// A run added files.
    Append,
    /// A run replaced all files.
    Overwrite,
    /// A run replaced the partitions that it wrote.
    OverwritePartitions,
    /// Files that others had written became a version.
    Import,
    /// An earlier version became current again.
    Rollback,
    /// Small files were merged.
    Compact,
    /// A run replaced what it made of files that are not the same any more, and added what it made of new ones.
    Incremental,
}

impl Operation {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Append => "append",
            Self::Overwrite => "overwrite",
            Self::OverwritePartitions => "overwrite-partitions",
            Self::Import => "import",
            Self::Rollback => "rollback",
            Self::Compact => "compact",
            Self::Incremental => "incremental",
        }
    }
}

impl From<Mode> for Operation {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::ErrorIfExists | Mode::Ignore => Self::Create,
            Mode::Append => Self::Append,
            Mode::Overwrite => Self::Overwrite,
            Mode::OverwritePartitions => Self::OverwritePartitions,
            Mode::Incremental => Self::Incremental,
        }
    }
}

/// One file of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Relative to the dataset.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// What it holds, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// BLAKE3 of its content, in hex, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
}

impl DataFile {
    /// Whether it is data, and not told beside it, such as rows that were rejected.
    #[must_use]
    pub fn is_data(&self) -> bool {
        !self.path.starts_with(FOLDER)
    }
}

/// Where a file comes from that is to appear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::storage) enum Source {
    /// An upload is to be completed.
    Upload(Unfinished),
    /// It was kept.
    Kept,
}

/// A file that is to appear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::storage) struct Appearing {
    pub(in crate::storage) path: String,
    pub(in crate::storage) from: Source,
}

/// An object beside the dataset, perhaps in another store, that appears or goes with a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::storage) struct Beside {
    /// The folder that a step opened, as a URI.
    pub(in crate::storage) folder: String,
    /// Relative to it.
    pub(in crate::storage) path: String,
    /// What was there when the run asked to replace or delete it; see [`identity`](super::beside::identity).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::storage) before: Option<String>,
    /// By what it is completed; an object without goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::storage) upload: Option<Unfinished>,
}

/// What a version tells of itself and of those before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Counts from one.
    pub version: u64,
    /// The run that committed it.
    pub run: String,
    /// Tells two attempts of one run apart.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub attempt: String,
    /// When, by the clock of the machine that did, in UTC.
    pub committed: String,
    /// Why.
    pub operation: Operation,
    /// Files of data.
    pub files: u64,
    /// Their rows, where that is known.
    pub rows: Option<u64>,
    /// Their bytes.
    pub bytes: u64,
}

/// One version of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// Tells two tries of one run apart.
    pub(in crate::storage) attempt: String,
    /// Earlier versions that are kept with it.
    pub(in crate::storage) keep: u64,
    /// The columns, where they are known; those of partitions among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema: Vec<SchemaColumn>,
    /// All its files.
    pub files: Vec<DataFile>,
    /// How files come to their places that were not part of the version before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::storage) appear: Vec<Appearing>,
    /// Files of the version before that are none of this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::storage) retire: Vec<String>,
    /// Objects that appear and go beside the dataset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::storage) beside: Vec<Beside>,
    /// The versions up to this one, oldest first.
    pub history: Vec<Past>,
}

/// What a new version changes.
#[derive(Debug)]
pub(in crate::storage) struct Change {
    pub(in crate::storage) run: String,
    pub(in crate::storage) attempt: String,
    pub(in crate::storage) operation: Operation,
    pub(in crate::storage) keep: u64,
    pub(in crate::storage) committed: String,
    pub(in crate::storage) schema: Vec<SchemaColumn>,
    pub(in crate::storage) add: Vec<(DataFile, Source)>,
    pub(in crate::storage) retire: BTreeSet<String>,
    pub(in crate::storage) beside: Vec<Beside>,
}

impl Change {
    /// Nothing, done now by the try `attempt` in the name of a run.
    pub(in crate::storage) fn new(
        run: &str,
        attempt: &str,
        operation: Operation,
        keep: u64,
    ) -> Self {
        Self {
            run: run.to_owned(),
            attempt: attempt.to_owned(),
            operation,
            keep,
            committed: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            schema: Vec::new(),
            add: Vec::new(),
            retire: BTreeSet::new(),
            beside: Vec::new(),
        }
    }
}

impl Manifest {
    /// The version after `base`, or the first.
    pub(in crate::storage) fn after(base: Option<&Self>, change: &Change) -> Self {
        let old = base.map_or(&[][..], |base| &base.files).iter();
        let stays = old.filter(|file| !change.retire.contains(&file.path));
        let added = change.add.iter().map(|(file, _)| file);
        let files: Vec<DataFile> = stays.chain(added).cloned().collect();
        let mut history = base.map(|base| base.history.clone()).unwrap_or_default();
        let data = || files.iter().filter(|file| file.is_data());
        history.push(Past {
            version: base.map_or(0, Self::version).saturating_add(1),
            run: change.run.clone(),
            attempt: change.attempt.clone(),
            committed: change.committed.clone(),
            operation: change.operation,
            files: data().count() as u64,
            // Sums of what is said, which may be anything.
            rows: data().try_fold(0, |sum: u64, file| Some(sum.saturating_add(file.rows?))),
            bytes: data().fold(0, |sum, file| sum.saturating_add(file.bytes)),
        });
        let forgotten = history.len().saturating_sub(HISTORY_MAX);
        history.drain(..forgotten);
        let appear = |(file, from): &(DataFile, Source)| Appearing {
            path: file.path.clone(),
            from: from.clone(),
        };
        Self {
            format: FORMAT,
            attempt: change.attempt.clone(),
            keep: change.keep,
            schema: change.schema.clone(),
            appear: change.add.iter().map(appear).collect(),
            retire: change.retire.iter().cloned().collect(),
            beside: change.beside.clone(),
            files,
            history,
        }
    }

    /// The same, with all its files in place.
    pub(in crate::storage) fn in_place(mut self) -> Self {
        self.appear.clear();
        self
    }

    /// What it tells of itself.
    #[must_use]
    pub fn past(&self) -> Option<&Past> {
        self.history.last()
    }

    /// Its number; zero is no version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.past().map_or(0, |past| past.version)
    }

    /// The run that committed it.
    #[must_use]
    pub fn run(&self) -> &str {
        self.past().map_or("", |past| &past.run)
    }

    /// What it tells of a run that committed lately.
    pub(in crate::storage) fn of_run(&self, run: &str) -> Option<&Past> {
        self.history.iter().rev().find(|past| past.run == run)
    }

    /// Whether one of its files is of a run, by its name: that is so for longer than its version is remembered.
    pub(in crate::storage) fn has_file_of(&self, run: &str) -> bool {
        let mut names = self.files.iter().map(|file| file.path.as_str());
        names.any(|name| is_of(name, run))
    }

    /// Its files by their names.
    pub(in crate::storage) fn names(&self) -> BTreeSet<&str> {
        self.files.iter().map(|file| file.path.as_str()).collect()
    }

    /// Reads what was written as version `version`.
    ///
    /// # Errors
    ///
    /// Fails for what is no manifest of that version, or names what no file of a dataset has.
    pub fn read(bytes: &[u8], version: u64) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let malformed = |why: String| Error::storage(format!("it is no manifest: {why}"));
        let head: Head = serde_json::from_slice(bytes).map_err(|why| malformed(why.to_string()))?;
        if head.format != FORMAT {
            let message = format!(
                "its format is {}, and this program reads {FORMAT}",
                head.format
            );
            return Err(Error::storage(message).hint("use the newer program that wrote it"));
        }
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|why| malformed(why.to_string()))?;
        if manifest.version() != version {
            return Err(malformed(format!("it says version {}", manifest.version())));
        }
        let files = manifest.files.iter().map(|file| &file.path);
        let changed = manifest.appear.iter().map(|file| &file.path);
        for name in files.chain(changed).chain(&manifest.retire) {
            check_name(name).map_err(malformed)?;
        }
        for beside in &manifest.beside {
            if !is_path(&beside.path) {
                return Err(malformed(format!(
                    "`{}` is no name of an object",
                    clip(&beside.path)
                )));
            }
        }
        Ok(manifest)
    }

    /// As it is written.
    ///
    /// # Errors
    ///
    /// Does not fail but for a bug.
    pub(in crate::storage) fn write(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|error| Error::internal("a manifest cannot be written").source(error))
    }

    /// What `_SUCCESS` says.
    pub(in crate::storage) fn success(&self) -> Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Success<'a> {
            version: u64,
            run: &'a str,
            committed: Option<&'a str>,
            rows: Option<u64>,
            bytes: Option<u64>,
            schema: &'a [SchemaColumn],
            files: Vec<&'a DataFile>,
        }
        let past = self.past();
        let success = Success {
            version: self.version(),
            run: self.run(),
            committed: past.map(|past| past.committed.as_str()),
            rows: past.and_then(|past| past.rows),
            bytes: past.map(|past| past.bytes),
            schema: &self.schema,
            files: self.files.iter().filter(|file| file.is_data()).collect(),
        };
        serde_json::to_vec_pretty(&success)
            .map_err(|error| Error::internal("a marker cannot be written").source(error))
    }
}

/// How the names of files of data end. None of them is the end of another.
const ENDS: [&str; 8] = [
    ".parquet",
    ".csv",
    ".csv.gz",
    ".csv.zst",
    ".ndjson",
    ".ndjson.gz",
    ".ndjson.zst",
    ".arrow",
];

/// The run in the name of a file that it wrote, as in `part-00000-000-RUN.csv.gz`.
#[must_use]
pub fn run_of(name: &str) -> Option<&str> {
    let (first, rest) = name.strip_prefix("part-")?.split_once('-')?;
    let (second, rest) = rest.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let run = ENDS.iter().find_map(|end| rest.strip_suffix(end))?;
    (is_number(first) && is_number(second) && !run.is_empty()).then_some(run)
}

/// Whether a file is one of a run by its name: a part, or what stands beside the data under the run's name. No other run
/// has such files.
pub(in crate::storage) fn is_of(path: &str, run: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_beside = || path.starts_with(FOLDER) && name.strip_suffix(".json") == Some(run);
    run_of(name) == Some(run) || is_beside()
}

/// A file may be data, or told beside it; what the log itself consists of is none.
fn check_name(name: &str) -> Result<(), String> {
    let mut parts = name.split('/');
    let ours = parts.next() == Some(FOLDER)
        && matches!(parts.next(), Some("log" | "kept" | "staging") | None);
    if is_path(name) && !ours && name != SUCCESS {
        return Ok(());
    }
    Err(format!("`{}` is no name of a file", clip(name)))
}

fn is_path(name: &str) -> bool {
    !name.is_empty() && Path::parse(name).is_ok_and(|path| path.as_ref() == name)
}

/// Where a file is kept that is part of earlier versions only.
#[must_use]
pub fn kept(path: &str) -> String {
    format!("{FOLDER}/kept/{path}")
}

/// Where attempts have what they have written so far.
pub(in crate::storage) fn staging() -> String {
    format!("{FOLDER}/staging")
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn files_are_known_by_the_name_of_their_run_and_by_no_part_of_it() {
        for path in [
            "part-00000-000-r.1.parquet",
            "day=1/part-00012-345-r.1.csv.gz",
            "_sluice/quarantine/part-00000-000-r.1.parquet",
            "_sluice/bookmark/r.1.json",
        ] {
            assert!(is_of(path, "r.1"), "{path}");
            for other in ["r", "r.1.", "1", "r.1.csv", "0-r.1", "000-r.1", ""] {
                assert!(!is_of(path, other), "{path} of {other}");
            }
        }
        assert!(!is_of("r.1.json", "r.1"));
        assert!(!is_of("part-x-000-r.1.parquet", "r.1"));
    }
}
