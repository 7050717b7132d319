//! What people do with a dataset that runs wrote: look at its versions, go back to one, merge its small files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use serde::Serialize;

use super::first_rows;
use super::incremental::bookmark_of;
use super::open::origin;
use crate::engine::{Engine, Files, Sink, WrittenFile};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::limits::Limits;
use crate::policy::{Action, Guard, Need, Resource};
use crate::spec::{
    Compression, Input, InputFormat, Mode, Output, OutputFormat, ParquetOutput, Partitions, Rules,
    SchemaColumn, Scheme, Source, Uri,
};
use crate::storage::{
    Beginning, FinishedFile, Intent, Meter, ObjectMeta, Past, Place, Repaired, Retries, Snapshot,
    Staging, Stores, canonical, repair, rollback, snapshot,
};

/// Rows of a row group of merged files: what readers are tuned for.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// What people do with a dataset.
const OWN: [Action; 6] = [
    Action::ObjectList,
    Action::ObjectHead,
    Action::ObjectGet,
    Action::ObjectCreate,
    Action::ObjectOverwrite,
    Action::ObjectDelete,
];

/// What is left to be done beside one.
const BESIDE: [Action; 3] = [
    Action::ObjectCreate,
    Action::ObjectOverwrite,
    Action::ObjectDelete,
];

/// A dataset, as whoever runs the command may see and change it.
#[derive(Debug)]
pub struct Dataset {
    place: Place,
}

/// The versions of a dataset.
#[derive(Clone, Debug, Serialize)]
pub struct History {
    /// The one that readers see.
    pub current: u64,
    /// Those that can be read, oldest first.
    pub kept: Vec<u64>,
    /// What is known of all, oldest first.
    pub versions: Vec<Past>,
}

/// What a merge of small files did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Compacted {
    /// The version that it committed; none where there was nothing to merge.
    pub version: Option<u64>,
    /// Files that were merged.
    pub merged: u64,
    /// Files that they became.
    pub into: u64,
}

impl Dataset {
    /// The dataset at `uri`, which may be relative to the folder `base`; credentials and endpoints are taken from
    /// `environment`.
    ///
    /// # Errors
    ///
    /// Fails where it cannot be opened. Nothing is asked of a server yet.
    pub fn open(uri: &str, base: &Path, environment: BTreeMap<String, String>) -> Result<Self> {
        Self::open_beside(uri, &[], base, environment)
    }

    /// The same for who may also complete and delete what runs left to be done in the folders `beside` it. What its
    /// versions say may be anybody's who can write there, so that nothing is touched but what is named here.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_beside(
        uri: &str,
        beside: &[String],
        base: &Path,
        environment: BTreeMap<String, String>,
    ) -> Result<Self> {
        let base = Uri::parse_folder(&base.to_string_lossy())?;
        let uri = Uri::parse(uri, Some(&base))?.as_folder();
        let mut needs = Vec::new();
        let mut may = |uri: &Uri, actions: &[Action], why| {
            let uri = canonical(uri, &environment);
            for action in actions {
                let folder = Resource::folder(&uri, uri.path())?;
                needs.push(Need::within(*action, folder, why));
            }
            Ok::<_, Error>(())
        };
        may(&uri, &OWN, "dataset")?;
        for folder in beside {
            let folder = Uri::parse(folder, Some(&base))?.as_folder();
            may(&folder, &BESIDE, "beside")?;
        }
        let guard = Guard::owner_of(&needs)?;
        let stores = Stores::new(environment, Arc::new(Meter::default()), guard);
        let place = stores.open_output(&uri)?;
        Ok(Self { place })
    }

    /// Its versions.
    ///
    /// # Errors
    ///
    /// Fails if storage does, and where no run has written to it.
    pub async fn history(&self) -> Result<History> {
        let Snapshot {
            manifest, versions, ..
        } = self.snapshot(None).await?;
        Ok(History {
            current: manifest.version(),
            kept: versions,
            versions: manifest.history,
        })
    }

    /// The columns of a version.
    ///
    /// # Errors
    ///
    /// As [`history`](Self::history), and where the version is not kept.
    pub async fn schema(&self, version: Option<u64>) -> Result<Vec<SchemaColumn>> {
        Ok(self.snapshot(version).await?.manifest.schema)
    }

    /// The first rows of a version.
    ///
    /// # Errors
    ///
    /// As [`schema`](Self::schema), and where its files are in no known format.
    pub async fn rows(&self, version: Option<u64>, rows: usize) -> Result<Vec<RecordBatch>> {
        let snapshot = self.snapshot(version).await?;
        let Some(first) = snapshot.objects.first() else {
            return Ok(Vec::new());
        };
        let uri = self.place.uri.clone();
        let input = Input::guess("dataset", uri, first.location.as_ref())?;
        first_rows(&input, &self.files(snapshot.objects), rows).await
    }

    /// Makes an earlier version current, the one before the last unless it is named.
    ///
    /// # Errors
    ///
    /// As [`rollback`].
    pub async fn roll_back(&self, to: Option<u64>, run: &str) -> Result<Past> {
        rollback(&self.place, to, run).await.map_err(unnamed)
    }

    /// Does what a process left undone.
    ///
    /// # Errors
    ///
    /// As [`repair`].
    pub async fn repair(&self, all: bool) -> Result<Repaired> {
        repair(&self.place, all).await.map_err(unnamed)
    }

    /// Merges Parquet files that are smaller than half of `target_bytes`, folder by folder. The rows of a folder keep
    /// the order of its files, but for those that are large enough to stay.
    ///
    /// # Errors
    ///
    /// Fails if storage does, where files are of another format, and as `Conflict` where one of them is replaced meanwhile.
    pub async fn compact(&self, target_bytes: u64, run: &str) -> Result<Compacted> {
        let snapshot = self.snapshot(None).await?;
        let version = snapshot.manifest.version();
        if bookmark_of(&snapshot.manifest).is_some() {
            let uri = &self.place.uri;
            let message = format!(
                "the files of `{uri}` are what `mode = \"incremental\"` made of pieces of the input, each by itself"
            );
            return Err(Error::input(message)
                .hint("a run in the mode `overwrite` merges them, and is whole"));
        }
        let mut folders: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for object in snapshot.objects {
            let name = self.place.below(&object.location);
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            if object.size < target_bytes / 2 {
                folders.entry(folder.to_owned()).or_default().push(object);
            }
        }
        folders.retain(|_, objects| objects.len() > 1);
        if folders.is_empty() {
            return Ok(Compacted::default());
        }
        let intent = Intent {
            run: run.to_owned(),
            mode: Mode::Append,
            keep_versions: 1,
            time: Limits::default().wall_time,
        };
        let beginning = Staging::begin(&self.place, intent).await;
        let Beginning::Ready(staging) = beginning.map_err(unnamed)? else {
            return Err(Error::input(format!(
                "a run named `{run}` committed before"
            )));
        };
        let replaced: BTreeSet<String> = folders
            .values()
            .flatten()
            .map(|object| self.place.below(&object.location))
            .collect();
        let merged = replaced.len() as u64;
        let staging = Arc::new(staging.replacing(replaced));
        let mut finished = Vec::new();
        for (folder, objects) in folders {
            let doing = || format!("merge the files of `{}{folder}`", self.place.uri);
            let merge = self.merge(&staging, (&folder, objects), (target_bytes, run));
            finished.extend(Box::pin(merge).await.with_context(doing)?);
        }
        let into = finished.len() as u64;
        let staging =
            Arc::into_inner(staging).ok_or_else(|| Error::internal("a merge outlived"))?;
        let schema = snapshot.manifest.schema;
        let committed = staging.commit(finished, schema).await;
        let committed = committed.with_context(|| format!("merge files of version {version}"))?;
        Ok(Compacted {
            version: Some(committed.version.version),
            merged,
            into,
        })
    }
}

/// A refusal as whoever named too little is told it: no statement of a policy would help.
fn unnamed(error: Error) -> Error {
    match error.hints() {
        [.., last] if error.kind() == ErrorKind::Policy => {
            Error::new(ErrorKind::Policy, error.to_string()).hint(last.clone())
        }
        _ => error,
    }
}

impl Dataset {
    async fn snapshot(&self, version: Option<u64>) -> Result<Snapshot> {
        let found = snapshot(&self.place, version).await?;
        found.ok_or_else(|| {
            let error = Error::input(format!("`{}` has no versions", self.place.uri));
            error.hint("a dataset has them once a run has written to it; `sluice head` shows the rows of any folder")
        })
    }

    fn files(&self, objects: Vec<ObjectMeta>) -> Files {
        Files {
            store: Arc::clone(&self.place.store),
            objects,
            origin: origin(&self.place),
            local: self.place.uri.scheme() == Scheme::File,
            discreet: false,
        }
    }

    /// The rows of Parquet files of one folder, in as few files as `target_bytes` allows.
    async fn merge(
        &self,
        staging: &Arc<Staging>,
        (folder, objects): (&str, Vec<ObjectMeta>),
        (target_bytes, run): (u64, &str),
    ) -> Result<Vec<FinishedFile>> {
        let first = objects.first().map_or("", |first| first.location.as_ref());
        let uri = self.place.uri.clone();
        let input = Input {
            // The folder of a partition says the same of all its files.
            partitions: Partitions::None,
            ..Input::guess("dataset", uri.clone(), first)?
        };
        if input.format != InputFormat::Parquet {
            let error = Error::input(format!("`{first}` is no Parquet file"));
            return Err(error.hint("only Parquet files are merged; write the others anew with a larger `target_file_bytes`"));
        }
        let engine = Engine::new(&Limits::default(), 1)?;
        let opened = engine.open(0, &input, &self.files(objects)).await?;
        let plan = engine.plan(&opened.scan(&BTreeMap::new())?).await?;
        let sink = Sink {
            output: Output {
                from: Source::Input(0),
                uri,
                format: OutputFormat::Parquet(ParquetOutput {
                    compression: Compression::Zstd,
                    row_group_rows: ROW_GROUP_ROWS,
                }),
                mode: Mode::Append,
                keep_versions: 1,
                partition_by: Vec::new(),
                target_file_bytes: target_bytes,
                contract: None,
                rules: Rules::default(),
                provenance: false,
            },
            folder: if folder.is_empty() {
                String::new()
            } else {
                format!("{folder}/")
            },
            schema: plan.schema(),
            staging: Arc::clone(staging),
            run_id: run.to_owned(),
            retries: Retries::new(&Limits::default(), run, |_| ()),
            bytes_max: u64::MAX,
            bytes: Arc::default(),
            rows: Arc::default(),
            checks: None,
            provenance: None,
        };
        let mut finished = Vec::new();
        for partition in 0..plan.partitions() {
            for WrittenFile { mut file, rows, .. } in
                sink.write(partition, plan.execute(partition)?).await?
            {
                file.rows = Some(rows);
                finished.push(file);
            }
        }
        Ok(finished)
    }
}
