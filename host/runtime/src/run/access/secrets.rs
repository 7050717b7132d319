//! Secrets of a run: where they come from, who may see them, and what must never be shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::policy::{Action, Context, Guard, Resource, act};
use crate::run::Options;
use crate::sandbox::{SecretError, Secrets};
use crate::spec::{Application, SecretSource, Step};
use crate::storage::read_private;

mod command;
mod redact;

pub(crate) use redact::Redactor;

/// Bytes of a secret: the largest keys and certificates have a tenth of it.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// The secrets of a run, had once, before the first row is read. It cannot be printed.
#[derive(Default)]
pub(in crate::run) struct Vault {
    values: BTreeMap<String, String>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Vault {
    /// Fetches the secrets that the steps of `application` use, and those that columns are hashed with.
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
        let mut values = BTreeMap::new();
        for (name, source) in &application.secrets {
            let mut steps = application.steps.iter();
            let is_used = hashing.contains(name.as_str()) || steps.any(|step| uses(step, name));
            if !is_used {
                continue;
            }
            let value = fetch(source, options, guard).await;
            let value =
                value.map_err(|error| error.context(format!("fetch the secret `{name}`")))?;
            values.insert(name.clone(), value);
        }
        Ok(Self { values })
    }

    /// The value of a secret that is used.
    pub(in crate::run) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// What replaces the values in all that people are shown.
    pub(in crate::run) fn redactor(&self) -> Redactor {
        let values: Vec<_> = self.values.values().map(String::as_str).collect();
        Redactor::new(&values)
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
        SecretSource::File(uri) => {
            let file = Resource::object(uri, uri.path())?;
            // A transform that reads secrets gets all that the file holds.
            let guard = guard.of_bytes();
            let granted = guard.grant::<act::ObjectGet>(file, Context::default())?;
            read_private(&granted, uri, SECRET_BYTES_MAX)?
        }
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
}

impl Readable {
    pub(super) fn new(step: &Step, guard: Guard, vault: &Arc<Vault>) -> Self {
        Self {
            names: step.access.secrets.clone(),
            guard,
            vault: Arc::clone(vault),
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
        let secret = Resource::parse(&format!("secret:{name}"), Action::SecretRead);
        let granted = secret.and_then(|secret| {
            let context = Context::default();
            self.guard.grant::<act::SecretRead>(secret, context)
        });
        if granted.is_err() {
            return Err(SecretError::Denied(format!("a policy refuses `{name}`")));
        }
        let value = self.vault.get(name).map(str::to_owned);
        value.ok_or_else(|| SecretError::Unavailable(format!("`{name}` is not there")))
    }
}
