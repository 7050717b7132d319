//! `sluice audit`, and the file that `sluice run --audit` writes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::BufReader;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use sluicegate::error::{Error, Result, ResultExt as _};
use sluicegate::policy::audit::{Tail, verify};
use sluicegate::policy::{Audit, AuditLog};

use crate::report::{self, Outcome};

/// Looks at what runs were allowed and denied
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    Verify(Verify),
}

/// Checks that nothing in an audit was changed, moved or deleted, and that its end is there
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// What `sluice run --audit` wrote
    audit: PathBuf,
    /// The hash that the last run printed: that nothing is missing after it
    #[arg(long, value_name = "HASH")]
    hash: Option<String>,
}

/// Does the task.
pub(crate) fn run(task: &Task, json: bool) -> Outcome {
    let Task::Verify(arguments) = task;
    let doing = || format!("verify `{}`", arguments.audit.display());
    let file = read(&arguments.audit).with_context(doing)?;
    let verified = verify(file, arguments.hash.as_deref()).with_context(doing)?;
    if json {
        return report::print_json(&verified);
    }
    report::print(&format!(
        "{} records of {} runs with {} decisions are as they were written\nthe last hash is {}\n",
        verified.records, verified.runs, verified.decisions, verified.hash
    ))
}

/// An audit, to be read from its start.
pub(crate) fn read(path: &Path) -> Result<BufReader<File>> {
    let shown = path.display();
    let is_file = std::fs::metadata(path).is_ok_and(|of| of.is_file());
    if !is_file {
        return Err(Error::input(format!("`{shown}` is no regular file")));
    }
    let file = File::open(path).map_err(|cause| unusable(path, &cause))?;
    Ok(BufReader::new(file))
}

fn unusable(path: &Path, cause: &std::io::Error) -> Error {
    Error::storage(cause.to_string()).context(format!("open the audit `{}`", path.display()))
}

/// The audit of one run, in a file of its own or after other runs.
pub(crate) struct Audited {
    log: Arc<AuditLog>,
    /// Locked, so that no other run writes between our lines.
    file: File,
    path: PathBuf,
}

impl Audited {
    /// Makes the file, readable by its owner alone, or appends to one that ends with a whole run.
    pub(crate) fn open(path: &Path, run: &str, application: &str) -> Result<Self> {
        let unusable = |cause: std::io::Error| unusable(path, &cause);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let file = options.open(path).map_err(unusable)?;
        let shown = path.display();
        if !file.metadata().map_err(unusable)?.is_file() {
            return Err(Error::input(format!("audit `{shown}` is no regular file")));
        }
        file.try_lock().map_err(|cause| match cause {
            TryLockError::Error(cause) => unusable(cause),
            TryLockError::WouldBlock => {
                Error::input(format!("another run writes to the audit `{shown}`"))
                    .hint("wait for it, or name another file")
            }
        })?;
        let doing = || format!("append to the audit `{shown}`");
        let after = Tail::find(&mut &file).with_context(doing)?;
        let out = Box::new(file.try_clone().map_err(unusable)?);
        let log = AuditLog::begin(out, SystemTime::now, after, run, application);
        Ok(Self {
            log: Arc::new(log.with_context(doing)?),
            file,
            path: path.to_owned(),
        })
    }

    /// What the run tells its decisions.
    pub(crate) fn log(&self) -> Arc<dyn Audit> {
        Arc::clone(&self.log) as Arc<dyn Audit>
    }

    /// Ends the audit on disk, and yields the hash of its last line.
    pub(crate) fn close(&self) -> Result<String> {
        let hash = self.log.close()?;
        let synced = self.file.sync_all();
        synced.map_err(|cause| unusable(&self.path, &cause))?;
        Ok(hash)
    }
}
