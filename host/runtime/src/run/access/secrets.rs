//! Secrets of a run: where they come from, who may see them, and what must never be shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::policy::{Context, Guard, Resource, act};
use crate::run::Options;
use crate::run::logs::Logs;
use crate::sandbox::{Level, LogSink, SecretError, Secrets};
use crate::spec::{Application, SecretSource, Step, Uri};
use crate::storage::{Stamp, private_stamp, read_private};

mod command;
mod redact;

pub(crate) use redact::Redactor;

/// Bytes of a secret: the largest keys and certificates have a tenth of it.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// How often at most a file is looked at for another value, when the secret is used: soon enough for who revokes it, and
/// seldom enough to cost nothing.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Values that a secret may take on in one run: all of them are hidden in what people are shown until its end.
const VALUES_MAX: usize = 1_000;

/// The secrets of a run, had before the first row is read. Those of files are read again when the files have changed;
/// the environment and programs are asked once. It cannot be printed.
#[derive(Default)]
pub(in crate::run) struct Vault {
    secrets: BTreeMap<String, Mutex<Kept>>,
}

/// A secret as it is at present.
struct Kept {
    /// None where it could not be had when it was looked for last.
    value: Option<String>,
    file: Option<File>,
}

/// The file that a secret comes from.
struct File {
    uri: Uri,
    guard: Guard,
    logs: Logs,
    stamp: Option<Stamp>,
    looked: Instant,
    values: usize,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.secrets.keys()).finish()
    }
}

impl Vault {
    /// Fetches the secrets that the steps of `application` use, and those that columns are hashed with. From then on
    /// the logs of the run hide them.
    ///
    /// # Errors
    ///
    /// Fails where one is not there, is readable by others, too large, or no text.
    pub(in crate::run) async fn open(
        application: &Application,
        options: &Options,
        guard: &Guard,
        hashing: &BTreeSet<&str>,
    ) -> Result<Self> {
        let logs = options.progress.logs();
        let mut secrets = BTreeMap::new();
        for (name, source) in &application.secrets {
            let mut steps = application.steps.iter();
            let is_used = hashing.contains(name.as_str()) || steps.any(|step| uses(step, name));
            if !is_used {
                continue;
            }
            let file = match source {
                SecretSource::File(uri) => Some(File::at(uri, guard, logs)),
                SecretSource::Environment(_) | SecretSource::Command(_) => None,
            };
            let value = fetch(source, options, guard).await;
            let value = value.with_context(|| format!("fetch the secret `{name}`"))?;
            logs.hide(&value);
            let value = Some(value);
            secrets.insert(name.clone(), Mutex::new(Kept { value, file }));
        }
        Ok(Self { secrets })
    }

    /// The value of a secret that is used, as it is now.
    ///
    /// # Errors
    ///
    /// Fails where it is not there any more, or as it was when it was fetched.
    pub(in crate::run) fn get(&self, name: &str) -> Result<String> {
        let secret = self.secrets.get(name);
        let secret = secret
            .ok_or_else(|| Error::internal(format!("the secret `{name}` was not fetched")))?;
        let mut secret = secret.lock().unwrap_or_else(PoisonError::into_inner);
        secret
            .look()
            .with_context(|| format!("fetch the secret `{name}` again"))?;
        let gone = || Error::input(format!("the secret `{name}` is not there any more"));
        secret.value.clone().ok_or_else(gone)
    }
}

impl Kept {
    /// Reads the file again if it has changed. Where that fails, nothing is left to use.
    fn look(&mut self) -> Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        if file.looked.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        file.looked = Instant::now();
        let stamp = private_stamp(&file.uri);
        if stamp.is_some() && stamp == file.stamp {
            return Ok(());
        }
        (self.value, file.stamp) = (None, None);
        let value = file.read()?;
        file.logs.hide(&value);
        (self.value, file.stamp) = (Some(value), stamp);
        Ok(())
    }
}

impl File {
    fn at(uri: &Uri, guard: &Guard, logs: &Logs) -> Self {
        Self {
            uri: uri.clone(),
            guard: guard.clone(),
            logs: logs.clone(),
            // Before the file is read, so that what changes meanwhile is seen.
            stamp: private_stamp(uri),
            looked: Instant::now(),
            values: 1,
        }
    }

    fn read(&mut self) -> Result<String> {
        if self.values == VALUES_MAX {
            let message = format!("it has had {VALUES_MAX} values in this run");
            return Err(Error::input(message));
        }
        self.values += 1;
        text(read_file(&self.uri, &self.guard)?)
    }
}

fn uses(step: &Step, name: &str) -> bool {
    let access = &step.access;
    let headers = access.http.iter().flat_map(|rule| &rule.headers);
    access.secrets.iter().any(|secret| secret == name)
        || headers.into_iter().any(|header| header.secret == name)
}

/// The value of a secret.
///
/// # Errors
///
/// As [`Vault::open`].
pub(in crate::run) async fn fetch(
    source: &SecretSource,
    options: &Options,
    guard: &Guard,
) -> Result<String> {
    let bytes = match source {
        SecretSource::Environment(variable) => {
            let value = options.environment.get(variable);
            let value = value.filter(|value| !value.is_empty());
            let missing = || {
                Error::input(format!("the variable `{variable}` is not set"))
                    .hint("set it where the run is started")
            };
            value.ok_or_else(missing)?.clone().into_bytes()
        }
        SecretSource::File(uri) => read_file(uri, guard)?,
        SecretSource::Command(words) if options.commands => {
            command::output(words, &options.environment, SECRET_BYTES_MAX).await?
        }
        SecretSource::Command(_) => {
            return Err(
                Error::new(ErrorKind::Policy, "programs are not run for secrets here")
                    .hint("take the secret from the environment or from a file"),
            );
        }
    };
    text(bytes)
}

fn read_file(uri: &Uri, guard: &Guard) -> Result<Vec<u8>> {
    let file = Resource::object(uri, uri.path())?;
    // A transform that reads secrets gets all that the file holds.
    let guard = guard.of_bytes();
    let granted = guard.grant::<act::ObjectGet>(file, Context::default())?;
    read_private(&granted, uri, SECRET_BYTES_MAX)
}

fn text(bytes: Vec<u8>) -> Result<String> {
    let text = String::from_utf8(bytes).map_err(|_| Error::input("the secret is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() || text.len() > SECRET_BYTES_MAX {
        let message = format!("the secret is empty, or has more than {SECRET_BYTES_MAX} bytes");
        return Err(Error::input(message));
    }
    Ok(text.to_owned())
}

/// The secrets that the transform of a step may see.
pub(super) struct Readable {
    names: Vec<String>,
    guard: Guard,
    vault: Arc<Vault>,
    logs: Arc<dyn LogSink>,
}

impl Readable {
    pub(super) fn new(
        step: &Step,
        guard: Guard,
        vault: &Arc<Vault>,
        logs: &Arc<dyn LogSink>,
    ) -> Self {
        Self {
            names: step.access.secrets.clone(),
            guard,
            vault: Arc::clone(vault),
            logs: Arc::clone(logs),
        }
    }
}

impl Secrets for Readable {
    fn read(&self, name: &str) -> Result<String, SecretError> {
        if !self.names.iter().any(|known| known == name) {
            return Err(SecretError::Denied(format!(
                "the step reads no secret of this name; it reads {}",
                self.names.join(", ")
            )));
        }
        let granted = Resource::secret(name).and_then(|secret| {
            let context = Context::default();
            self.guard.grant::<act::SecretRead>(secret, context)
        });
        if granted.is_err() {
            return Err(SecretError::Denied(format!("a policy refuses `{name}`")));
        }
        self.vault.get(name).map_err(|error| {
            self.logs.log(Level::Warn, &error.to_string());
            SecretError::Unavailable(format!("`{name}` is not there"))
        })
    }
}
