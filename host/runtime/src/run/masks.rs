//! Which columns of an input a run may not read, and what is left of them.

use std::collections::{BTreeMap, BTreeSet};

use super::access::Vault;
use super::held::Held;
use crate::engine::{ColumnMask, Files, HashKey};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::policy::{Action, Context, Guard, Mask, Resource, act};
use crate::spec::{Application, Uri};
use crate::storage::canonical;

/// What the policies leave of the columns of an input, by name; the others are as they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Masks(BTreeMap<String, Mask>);

/// The folders in which files of an input lie.
#[derive(Debug)]
pub(super) struct Folders {
    root: Uri,
    keys: BTreeSet<String>,
}

impl Folders {
    /// # Errors
    ///
    /// Fails only by a bug.
    pub(super) fn of(files: &Files, environment: &BTreeMap<String, String>) -> Result<Self> {
        let root = canonical(&Uri::parse(&files.origin, None)?, environment);
        let mut below = BTreeSet::new();
        for object in &files.objects {
            let key = object.location.as_ref();
            below.insert(key.rsplit_once('/').map_or("", |(folder, _)| folder));
        }
        let above = root.path().trim_matches('/');
        let full = |key| {
            let names = [above, key].into_iter().filter(|name| !name.is_empty());
            names.collect::<Vec<_>>().join("/")
        };
        let keys = below.into_iter().map(full).collect();
        Ok(Self { root, keys })
    }

    /// Those whose columns may be masked.
    ///
    /// # Errors
    ///
    /// Fails where a folder is so deep, or its name so long, that nothing can be decided about it.
    pub(super) fn masked(&self, guard: &Guard) -> Result<Vec<Resource>> {
        let snapshot = guard.snapshot();
        let mut masked = Vec::new();
        if !snapshot.denies_columns() {
            return Ok(masked);
        }
        for key in &self.keys {
            let folder = Resource::folder(&self.root, key)?;
            if snapshot.may_mask(&folder) {
                masked.push(folder);
            }
        }
        Ok(masked)
    }
}

impl Masks {
    /// Whether all columns are as they are.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The columns that are masked.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    /// Asks about each column in each folder; what is masked in one is masked in all.
    ///
    /// # Errors
    ///
    /// As [`Folders::masked`]; and where a name is none that can be decided about, or a decision cannot be kept.
    pub(super) fn decide(guard: &Guard, folders: &Folders, columns: &[String]) -> Result<Self> {
        let folders = folders.masked(guard)?;
        let mut masks = BTreeMap::new();
        for column in columns {
            let asking = || format!("ask whether the column `{column}` may be read");
            let mut found = Vec::new();
            for folder in &folders {
                let action = Action::ColumnRead;
                let context = Context::default().with(action, "column:name", column);
                let context = context.with_context(asking)?;
                let decision = guard.decide(action, folder.clone(), context)?;
                found.extend(decision.mask());
            }
            let strictest = Mask::strictest(found);
            masks.extend(strictest.map(|mask| (column.clone(), mask)));
        }
        Ok(Self(masks))
    }

    /// Whether these leave no more of any column than `now`, which was decided since.
    ///
    /// # Errors
    ///
    /// `Policy` with the first column that is to be masked otherwise.
    pub(super) fn still(&self, now: &Self) -> Result<()> {
        for (column, mask) in &now.0 {
            let before = self.0.get(column);
            let strictest = Mask::strictest(before.cloned().into_iter().chain([mask.clone()]));
            if before != strictest.as_ref() {
                let message = format!("`{column}` may no longer be read as it is being read");
                let error = Error::new(ErrorKind::Policy, message);
                return Err(error.hint("start the run again"));
            }
        }
        Ok(())
    }

    /// The secrets that values are hashed with.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.values().filter_map(|mask| match mask {
            Mask::Hash(secret) => Some(secret.as_str()),
            Mask::Null | Mask::Hide => None,
        })
    }

    /// The masks with the secrets in them.
    ///
    /// # Errors
    ///
    /// Fails where a secret is not declared by the application, or the run may not use it.
    pub(super) fn ready(
        &self,
        application: &Application,
        guard: &Guard,
        held: &Held,
        vault: &Vault,
    ) -> Result<BTreeMap<String, ColumnMask>> {
        let mut keys = BTreeMap::new();
        for secret in self.secrets() {
            let using = || format!("hash columns with the secret `{secret}`");
            let resource = Resource::secret(secret)?;
            held.grant::<act::SecretUse>(guard, resource, Context::default())
                .with_context(using)?;
            if !application.secrets.contains_key(secret) {
                return Err(missing(application, secret)).with_context(using);
            }
            let value = vault.get(secret).with_context(using)?;
            let key = HashKey::new(secret, value.as_bytes())?;
            keys.insert(secret, key);
        }
        let ready = |mask: &Mask| match mask {
            Mask::Hide => ColumnMask::Hide,
            Mask::Null => ColumnMask::Null,
            Mask::Hash(secret) => {
                let key = keys.get(secret.as_str()).cloned();
                key.map_or(ColumnMask::Hide, ColumnMask::Hash)
            }
        };
        let masks = self.0.iter();
        Ok(masks
            .map(|(name, mask)| (name.clone(), ready(mask)))
            .collect())
    }
}

fn missing(application: &Application, secret: &str) -> Error {
    let message = format!(
        "the application `{}` has no secret `{secret}`, with which a policy hashes columns",
        application.name
    );
    Error::new(ErrorKind::Policy, message)
        .hint(format!("say under `[secrets]` where `{secret}` comes from"))
}
