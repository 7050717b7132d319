//! Making the files of a run visible.

use std::collections::BTreeSet;

use super::{FinishedFile, Intent, Staging, is_hidden};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::{Mode, SchemaColumn};
use crate::storage::dataset::{
    Beside, Change, Created, DataFile, Failed, Manifest, Operation, Past, SUCCESS, Source, give_up,
    settle, settle_own, unsettled,
};

/// Other runs that may commit just before this one does, each time that it tries.
const CONFLICTS_MAX: usize = 50;

/// What a commit made visible.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The version.
    pub version: Past,
    /// Whether it was another attempt of the same run that committed it, before this one could.
    pub by_other: bool,
}

/// Files that will be added, and by what.
type Added = Vec<(DataFile, Source)>;

/// What a run has made: files, the columns of their rows, and what appears and goes beside them.
struct Made {
    added: Added,
    schema: Vec<SchemaColumn>,
    beside: Vec<Beside>,
}

impl Staging {
    /// Makes `files` visible, in place of what they replace, as the next version of the dataset. `schema` is what its
    /// rows have, those of partitions among them.
    ///
    /// # Errors
    ///
    /// Fails if storage does; as `Conflict` if another run was faster, and the mode does not let both be. Nothing is
    /// visible then. Where it fails after the commit, or where nobody knows whether there was one, it says so, and
    /// nothing is given up.
    pub async fn commit(
        mut self,
        files: Vec<FinishedFile>,
        schema: Vec<SchemaColumn>,
    ) -> Result<Committed> {
        let mut added = Added::new();
        for file in files {
            let given_up =
                Error::internal(format!("`{}` was given up before its commit", file.path));
            added.push(file.detach().ok_or(given_up)?);
        }
        let side = self.side.take();
        let made = Made {
            added,
            schema,
            beside: side.as_ref().map_or(Ok(Vec::new()), |side| side.detach())?,
        };
        let outcome = match self.publish(&made).await {
            // Whatever was detached stays, for whoever settles it.
            Err(Failed::Unknown(error)) => return Err(error),
            Err(Failed::Not(error)) => Err(error),
            Ok(committed) => Ok(committed),
        };
        if !outcome.as_ref().is_ok_and(|committed| !committed.by_other) {
            self.give_up(&made.added).await;
            give_up(&self.log, &made.beside).await;
        }
        if let Some(side) = side {
            side.abort().await;
        }
        // Uploads that belong to no finished file. What cannot be given up is removed when its time is over.
        drop(self.abort().await);
        outcome
    }

    async fn publish(&mut self, made: &Made) -> Result<Committed, Failed> {
        let added = &made.added;
        for _ in 0..CONFLICTS_MAX {
            if let Some(other) = self.import().await? {
                if let Some(committed) = self.rebase(other, added).await? {
                    return Ok(committed);
                }
                continue;
            }
            let change = self.change(made).await?;
            let manifest = Manifest::after(self.base.as_ref(), &change);
            match self.log.create(&manifest).await? {
                Created::Ours => {
                    if let Some(committed) = self.finish(&manifest).await? {
                        return Ok(committed);
                    }
                    if let Some(committed) = self.rebase(manifest, added).await? {
                        return Ok(committed);
                    }
                }
                Created::Taken(other) => {
                    if let Some(committed) = self.rebase(*other, added).await? {
                        return Ok(committed);
                    }
                }
            }
        }
        Err(self.conflict("others commit to it all the time").into())
    }

    /// Makes a version of what others wrote who keep no log, so that this one is not all there is. Yields the version
    /// that somebody else committed meanwhile.
    async fn import(&mut self) -> Result<Option<Manifest>> {
        if self.base.is_some() {
            return Ok(None);
        }
        if !self.intent.mode.takes_existing() {
            // Whatever came to be there since the beginning.
            return match self.existing().await? {
                Some(what) => Err(self.conflict(&format!("it holds {what}"))),
                None => Ok(None),
            };
        }
        let listed = self.listed().await?.into_iter();
        let found: Added = listed
            .filter(|file| !is_hidden(&file.path))
            .map(|file| (file, Source::Kept))
            .collect();
        if found.is_empty() {
            return Ok(None);
        }
        let keep = self.intent.keep_versions;
        let change = Change {
            add: found,
            ..Change::new("", &self.attempt, Operation::Import, keep)
        };
        let imported = Manifest::after(None, &change).in_place();
        match self.log.create(&imported).await {
            Ok(Created::Ours) => {
                self.log.mark_settled(imported.version()).await?;
                self.base = Some(imported);
                Ok(None)
            }
            Ok(Created::Taken(other)) => Ok(Some(*other)),
            Err(Failed::Not(error) | Failed::Unknown(error)) => Err(error),
        }
    }

    /// What this run makes of the last version.
    async fn change(&self, made: &Made) -> Result<Change> {
        let added = &made.added;
        if let Some(base) = &self.base {
            self.check_replaced(base)?;
        }
        let retire = match self.intent.mode {
            _ if self.replaces.is_some() => self.replaces.clone().unwrap_or_default(),
            Mode::Overwrite | Mode::Incremental => {
                let listed = self.listed().await?.into_iter().map(|file| file.path);
                let known = self.base.iter().flat_map(|base| &base.files);
                let listed = listed.filter(|name| name != SUCCESS);
                listed.chain(known.map(|file| file.path.clone())).collect()
            }
            Mode::OverwritePartitions => self
                .base
                .as_ref()
                .map_or_else(BTreeSet::new, |base| in_folders_of(base, added)),
            Mode::Append | Mode::ErrorIfExists | Mode::Ignore => BTreeSet::new(),
        };
        let there = self.base.iter().flat_map(Manifest::names);
        let there: BTreeSet<&str> = there.chain(retire.iter().map(String::as_str)).collect();
        // It would be taken for the old one, and go with it.
        if let Some((file, _)) = added
            .iter()
            .find(|(file, _)| there.contains(file.path.as_str()))
        {
            return Err(self.namesake(&file.path));
        }
        let operation = match self.replaces {
            Some(_) if self.intent.mode == Mode::Append => Operation::Compact,
            _ => self.intent.mode.into(),
        };
        let Intent {
            run, keep_versions, ..
        } = &self.intent;
        Ok(Change {
            schema: made.schema.clone(),
            add: added.clone(),
            retire,
            beside: made.beside.clone(),
            ..Change::new(run, &self.attempt, operation, *keep_versions)
        })
    }

    /// Goes on from what another run committed, if both may be; yields its commit if it was in this run's name.
    async fn rebase(&mut self, other: Manifest, added: &Added) -> Result<Option<Committed>> {
        let (last, entries) = self.log.last().await?;
        let last = last.unwrap_or(other);
        settle(&self.log, &last, &entries).await?;
        if let Some(past) = last.of_run(&self.intent.run) {
            let version = past.clone();
            let by_other = true;
            return Ok(Some(Committed { version, by_other }));
        }
        let who = format!("run `{}` committed to it", last.run());
        self.check_replaced(&last)?;
        match self.intent.mode {
            Mode::Append => {}
            Mode::OverwritePartitions => {
                let before = self.base.as_ref().map(|base| in_folders_of(base, added));
                if before.unwrap_or_default() != in_folders_of(&last, added) {
                    return Err(self.conflict(&format!("{who}, in a partition of this one")));
                }
            }
            Mode::Overwrite | Mode::Incremental | Mode::ErrorIfExists | Mode::Ignore => {
                return Err(self.conflict(&who));
            }
        }
        self.base = Some(last);
        Ok(None)
    }

    /// Whether the files that this one merged are all part of a version: what came in their place would be undone.
    fn check_replaced(&self, last: &Manifest) -> Result<()> {
        let (there, mut merged) = (last.names(), self.replaces.iter().flatten());
        if merged.all(|name| there.contains(name.as_str())) {
            return Ok(());
        }
        let who = format!("run `{}` committed to it", last.run());
        Err(self.conflict(&format!("{who}, in place of a file of this one")))
    }

    fn conflict(&self, why: &str) -> Error {
        let uri = &self.place().uri;
        let message = format!("output `{uri}` was written meanwhile: {why}");
        let error = Error::new(ErrorKind::Conflict, message);
        error.hint("run again; `mode = \"append\"` lets several runs add files to one output, and `mode = \"overwrite-partitions\"` replace different partitions")
    }

    /// Everything that follows from a commit. None where there was none: who sleeps while others commit may write a
    /// version whose number was taken, and forgotten, long ago.
    async fn finish(&self, manifest: &Manifest) -> Result<Option<Committed>, Failed> {
        let version = manifest.past().cloned();
        let version = version.ok_or_else(|| Error::internal("a version without a number"))?;
        let number = version.version;
        let done = async {
            let (last, entries) = self.log.last().await?;
            let later = last.filter(|last| last.version() > number);
            if let Some(later) = later {
                match later.history.iter().find(|past| past.version == number) {
                    Some(past) if past.attempt == self.attempt => {}
                    Some(_) => {
                        self.log.forget(number).await?;
                        return Ok(false);
                    }
                    None => return Err(self.conflict("nobody remembers by how many runs")),
                }
            }
            settle_own(&self.log, manifest, &entries)
                .await
                .map(|()| true)
        };
        match done.await {
            Ok(true) => Ok(Some(Committed {
                version,
                by_other: false,
            })),
            Ok(false) => Ok(None),
            Err(error) => Err(Failed::Unknown(unsettled(error, number))),
        }
    }

    /// Gives up what was detached for a commit that did not come to be.
    async fn give_up(&self, added: &Added) {
        for (file, source) in added {
            let Source::Upload(upload) = source else {
                continue;
            };
            if let Ok(mut upload) = self.log.resume(&file.path, upload).await {
                // What could not be given up stays hidden.
                drop(upload.abort().await);
            }
        }
    }
}

/// The files of a version that are in the same folders as those that are added.
fn in_folders_of(base: &Manifest, added: &Added) -> BTreeSet<String> {
    let folder = |name: &str| name.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let folders: BTreeSet<_> = added.iter().map(|(file, _)| folder(&file.path)).collect();
    let files = base.files.iter().filter(|file| file.is_data());
    let there = files.filter(|file| folders.contains(&folder(&file.path)));
    there.map(|file| file.path.clone()).collect()
}
