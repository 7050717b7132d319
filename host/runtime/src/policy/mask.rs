//! What is shown of a column that a statement denies.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};

use super::resource::Resource;

/// Before the name of the secret that values are hashed with.
const HASH: &str = "hash:";

/// What a run sees of a column that it may not read; the strictest last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mask {
    /// HMAC-SHA-256 of each value, in hexadecimal, with the secret of this name. Nulls stay.
    Hash(String),
    /// Nulls of the column's type.
    Null,
    /// Nothing: for the run, there is no such column.
    Hide,
}

impl Mask {
    /// Reads what a statement says.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix(HASH)) {
            ("hide", _) => Ok(Self::Hide),
            ("null", _) => Ok(Self::Null),
            (_, Some(secret)) => {
                Resource::secret(secret).map_err(|error| error.message().to_owned())?;
                Ok(Self::Hash(secret.to_owned()))
            }
            (_, None) => Err(format!(
                "unknown mask `{}`, expected `hide`, `null`, or `hash:` and the name of a secret",
                crate::spec::clip(text)
            )),
        }
    }

    /// The strictest of several; hashes with different secrets have nothing in common and hide. None of none.
    #[must_use]
    pub fn strictest(masks: impl IntoIterator<Item = Self>) -> Option<Self> {
        // In order, and each once: two hashes that follow each other differ.
        let masks: BTreeSet<Self> = masks.into_iter().collect();
        masks.into_iter().reduce(|one, other| match other {
            Self::Hash(_) => Self::Hide,
            other => one.max(other),
        })
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(secret) => write!(f, "{HASH}{secret}"),
            Self::Null => f.write_str("null"),
            Self::Hide => f.write_str("hide"),
        }
    }
}

impl Serialize for Mask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
