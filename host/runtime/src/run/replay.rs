//! Runs that are done again from their receipts, to see whether they make the same files.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::execute::{Execution, Work, Written};
use super::receipt::{InputFile, InputReceipt, Receipt};
use super::{Options, THREADS_MAX};
use crate::engine::Files;
use crate::error::{Error, ErrorKind, Result, ResultExt as _};
use crate::limits::Limits;
use crate::sandbox::Plugin;
use crate::spec::{Application, ApplicationFile, Input, Step};
use crate::storage::{DataFile, Staging};

/// Differences that an error tells; the others are counted.
const TOLD_MAX: usize = 10;

/// A run that made the same files again, byte by byte.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Replayed {
    /// The run's name.
    pub run_id: String,
    /// The application's name.
    pub application: String,
    /// Files that are the same.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Wall-clock time, in seconds.
    pub seconds: f64,
    /// What was not as it was then, although the files are the same.
    pub notes: Vec<String>,
}

/// What is not as it was, and need not matter.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn add(&self, note: String) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(note);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Receipt {
    /// The application of the run, with its parameters.
    ///
    /// # Errors
    ///
    /// As [`ApplicationFile::parse`] and [`ApplicationFile::resolve`]: the receipt may have been changed, or be of a
    /// version of the program that knew more.
    pub fn application(&self) -> Result<Application> {
        let origin = &self.origin;
        let file = ApplicationFile::parse(&origin.text, &origin.file)?;
        file.resolve(&origin.folder, &origin.parameters, &origin.built_in)
    }
}

/// Does the run of `receipt` again as `options` say, but in its name, with its time and its threads, and with `limits`
/// changed. Nothing is written: files are compared by their sizes and hashes.
///
/// # Errors
///
/// `Input` where inputs or plugins are not what they were, or a step would do something twice; `Contract` where a file
/// is another; and as [`execute`](super::execute).
pub async fn replay(
    receipt: Receipt,
    options: Options,
    limits: impl FnOnce(&mut Limits) -> Result<()>,
) -> Result<Replayed> {
    let mut application = receipt.application()?;
    limits(&mut application.limits)?;
    let mut acting = application
        .steps
        .iter()
        .filter(|step| !step.access.only_reads());
    if let Some(step) = acting.next() {
        let message = format!(
            "step `{}` writes objects, or sends requests that do more than read: it would do so again",
            step.name
        );
        return Err(Error::input(message).hint("such a run cannot be replayed"));
    }
    let options = Options {
        run_id: receipt.run.clone(),
        started: receipt.started()?,
        threads: receipt.threads,
        ..options
    };
    if !(1..=THREADS_MAX).contains(&options.threads) {
        let message = format!("a run of {} threads cannot be replayed", options.threads);
        return Err(Error::input(message));
    }
    let execution = Execution::new(application, options)?;
    Box::pin(execution.of(receipt).replay()).await
}

impl Execution {
    /// The same, which does the run of a receipt again.
    fn of(self, receipt: Receipt) -> Self {
        Self {
            replay: Some(Arc::new(receipt)),
            ..self
        }
    }

    async fn replay(self) -> Result<Replayed> {
        self.told(async |run| {
            run.note_circumstances()?;
            match Box::pin(run.work()).await? {
                Work::Done(staging, written) => run.compare_files(&staging, &written).await,
                Work::Nothing(..) => Err(Error::internal("a replay found something")),
            }
        })
        .await
    }

    /// Of the files that an input has by now, those that the run read.
    ///
    /// # Errors
    ///
    /// Fails where one is gone, or is another.
    pub(super) fn only_replayed(&self, input: &Input, files: &mut Files) -> Result<()> {
        let Some(receipt) = &self.replay else {
            return Ok(());
        };
        let mut inputs = receipt.inputs.iter();
        let Some(read) = inputs.find(|read| read.name == input.name) else {
            let message = format!("the receipt says nothing of input `{}`", input.name);
            return Err(Error::input(message));
        };
        self.pick(read, files)
            .with_context(|| format!("find what the run read of input `{}`", input.name))
    }

    fn pick(&self, read: &InputReceipt, files: &mut Files) -> Result<()> {
        let Some(listed_then) = &read.files else {
            let message =
                "the receipt does not tell which files were read, as policies masked columns";
            return Err(Error::new(ErrorKind::Policy, message));
        };
        let now = std::mem::take(&mut files.objects).into_iter();
        let mut now: BTreeMap<String, _> = now
            .map(|object| (object.location.to_string(), object))
            .collect();
        let mut wrong = Vec::new();
        for file in listed_then {
            let InputFile { path, bytes, .. } = file;
            let Some(object) = now.remove(path) else {
                wrong.push(format!("`{path}` is gone"));
                continue;
            };
            let same = file.is_same(&object);
            if object.size != *bytes {
                wrong.push(format!(
                    "`{path}` had {bytes} bytes, and has {}",
                    object.size
                ));
            } else if !same && files.local {
                self.notes
                    .add(format!("`{path}` was written or copied since"));
            } else if !same {
                wrong.push(format!("`{path}` was written since"));
            }
            files.objects.push(object);
        }
        listed(&wrong, ErrorKind::Input, |count| {
            format!("{count} files are not what they were")
        })
    }

    /// Whether the component of a step is the one that the run had.
    pub(super) fn same_plugin(&self, step: &Step, plugin: &Plugin) -> Result<()> {
        let steps = self.replay.iter().flat_map(|receipt| &receipt.steps);
        let mut steps = steps.filter(|then| then.name == step.name);
        match steps.next() {
            Some(then) if then.sha256 != plugin.digest() => {
                let message = format!(
                    "the plugin `{}` of step `{}` is another: it was sha256 {}, and is {}",
                    step.plugin,
                    step.name,
                    then.sha256,
                    plugin.digest()
                );
                Err(Error::input(message).hint("put the one that the run had to its place"))
            }
            _ => Ok(()),
        }
    }

    fn note_circumstances(&self) -> Result<()> {
        let Some(receipt) = &self.replay else {
            return Ok(());
        };
        let ours = env!("CARGO_PKG_VERSION");
        if receipt.sluice != ours {
            self.notes.add(format!(
                "the run was one of sluice {}, and this is {ours}",
                receipt.sluice
            ));
        }
        let now: Vec<_> = self.policies()?.into_iter().collect();
        if now != receipt.policies {
            self.notes.add("other policies decide".to_owned());
        }
        for reason in &receipt.undetermined {
            self.notes.add(reason.clone());
        }
        Ok(())
    }

    async fn compare_files(&self, staging: &Staging, written: &Written) -> Result<Replayed> {
        // They are kept nowhere.
        drop(staging.abort().await);
        let receipt = &written.receipt;
        let now = written.files.iter().map(|written| {
            let file = DataFile {
                rows: Some(written.rows),
                ..written.file.told()
            };
            (file.path.clone(), file)
        });
        let mut now: BTreeMap<_, _> = now.collect();
        let mut wrong = Vec::new();
        for then in &receipt.output.files {
            let name = &then.path;
            match now.remove(name) {
                None => wrong.push(format!("`{name}` was not made again")),
                Some(file) if file == *then => {}
                Some(file) => wrong.push(format!("`{name}` {}", differs(then, &file))),
            }
        }
        wrong.extend(now.keys().map(|name| format!("`{name}` is new")));
        let notes = self.notes.take();
        let files = &receipt.output.files;
        let same = listed(&wrong, ErrorKind::Contract, |count| {
            format!("{count} of {} files are not the same", files.len())
        });
        // What was not as it was may be why.
        same.map_err(|error| notes.iter().cloned().fold(error, Error::hint))?;
        Ok(Replayed {
            run_id: receipt.run.clone(),
            application: receipt.application.clone(),
            files: files.len() as u64,
            rows: files.iter().filter_map(|file| file.rows).sum(),
            bytes: files.iter().map(|file| file.bytes).sum(),
            seconds: self.started.elapsed().as_secs_f64(),
            notes,
        })
    }
}

fn differs(then: &DataFile, now: &DataFile) -> String {
    match (then.rows, now.rows) {
        (Some(before), Some(after)) if before != after => {
            format!("had {before} rows, and has {after}")
        }
        _ if then.bytes != now.bytes => {
            format!("had {} bytes, and has {}", then.bytes, now.bytes)
        }
        _ => "has other bytes".to_owned(),
    }
}

/// An error that tells what is wrong, if anything is.
fn listed(wrong: &[String], kind: ErrorKind, all: impl Fn(usize) -> String) -> Result<()> {
    match wrong {
        [] => Ok(()),
        [only] => Err(Error::new(kind, only)),
        _ => {
            let mut text = all(wrong.len());
            for told in wrong.iter().take(TOLD_MAX) {
                text.push_str("\n  ");
                text.push_str(told);
            }
            if wrong.len() > TOLD_MAX {
                text.push_str("\n  …");
            }
            Err(Error::new(kind, text))
        }
    }
}
