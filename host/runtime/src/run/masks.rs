//! Which columns of an input a run may not read, and what is left of them.

use std::collections::{BTreeMap, BTreeSet};

use super::access::Vault;
use crate::engine::{ColumnMask, Files, HashKey};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::policy::{Action, Context, Guard, Mask, Resource, act};
use crate::spec::{Application, Uri};
use crate::storage::canonical;

/// What the policies leave of the columns of an input, by name; the others are as they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Masks(BTreeMap<String, Mask>);

/// The folders in which files of an input lie and whose columns may be masked.
///
/// # Errors
///
/// Fails where a folder is so deep, or its name so long, that nothing can be decided about it.
pub(super) fn folders(
    guard: &Guard,
    files: &Files,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<Resource>> {
    let snapshot = guard.snapshot();
    if !snapshot.denies_columns() {
        return Ok(Vec::new());
    }
    let root = canonical(&Uri::parse(&files.origin, None)?, environment);
    let mut keys = BTreeSet::new();
    for object in &files.objects {
        let key = object.location.as_ref();
        keys.insert(key.rsplit_once('/').map_or("", |(folder, _)| folder));
    }
    let mut folders = Vec::new();
    for key in keys {
        let above = root.path().trim_matches('/');
        let names = [above, key].into_iter().filter(|name| !name.is_empty());
        let key = names.collect::<Vec<_>>().join("/");
        let folder = Resource::folder(&root, &key)?;
        if snapshot.may_mask(&folder) {
            folders.push(folder);
        }
    }
    Ok(folders)
}

impl Masks {
    /// Asks about each column in each folder; what is masked in one is masked in all.
    ///
    /// # Errors
    ///
    /// Fails where a name is none that can be decided about, and where a decision cannot be kept.
    pub(super) fn decide(guard: &Guard, folders: &[Resource], columns: &[String]) -> Result<Self> {
        let mut masks = BTreeMap::new();
        for column in columns {
            let asking = || format!("ask whether the column `{column}` may be read");
            let mut found = Vec::new();
            for folder in folders {
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
        vault: &Vault,
    ) -> Result<BTreeMap<String, ColumnMask>> {
        let mut keys = BTreeMap::new();
        for secret in self.secrets() {
            let using = || format!("hash columns with the secret `{secret}`");
            let resource = Resource::parse(&format!("secret:{secret}"), Action::SecretUse)?;
            guard
                .grant::<act::SecretUse>(resource, Context::default())
                .with_context(using)?;
            let value = vault
                .get(secret)
                .ok_or_else(|| missing(application, secret));
            let key = HashKey::new(secret, value.with_context(using)?.as_bytes())?;
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
