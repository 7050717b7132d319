//! `${…}` in statements: what it may name, and what takes its place.

use super::principal::Principal;
use crate::spec::clip;

/// The variables that are not tags.
pub(super) const NAMES: [&str; 5] = [
    "principal.name",
    "run.id",
    "run.application",
    "run.compartment",
    "run.submitter",
];

/// Before the key of a tag.
const TAG: &str = "tag.";

/// A piece of a text in which variables were replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// As the statement has it: a `*` is a wildcard.
    Text(String),
    /// The value of a variable: all of it is literal.
    Value(String),
}

/// Who the variables are of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope<'a> {
    /// Nobody yet: any variable that can exist stands for some word.
    Check,
    /// A principal.
    Of(&'a Principal),
}

/// Why a text has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unresolved(pub(super) String);

/// Whether the text names variables.
pub(super) fn has_any(text: &str) -> bool {
    text.contains("${")
}

impl Scope<'_> {
    /// The text in pieces, with the variables' values.
    pub(super) fn expand(self, text: &str) -> Result<Vec<Chunk>, Unresolved> {
        let mut chunks = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| Unresolved(format!("`{}` has a `${{` without `}}`", clip(text))))?;
            if !before.is_empty() {
                chunks.push(Chunk::Text(before.to_owned()));
            }
            chunks.push(Chunk::Value(self.value(name)?));
            rest = after;
        }
        if !rest.is_empty() {
            chunks.push(Chunk::Text(rest.to_owned()));
        }
        Ok(chunks)
    }

    fn value(self, name: &str) -> Result<String, Unresolved> {
        let tag = name.strip_prefix(TAG).filter(|key| !key.is_empty());
        if tag.is_none() && !NAMES.contains(&name) {
            let known = NAMES.map(|name| format!("`${{{name}}}`")).join(", ");
            return Err(Unresolved(format!(
                "unknown variable `${{{}}}`, expected {known} or `${{tag.KEY}}`",
                clip(name)
            )));
        }
        let Self::Of(principal) = self else {
            return Ok("x".to_owned());
        };
        let value = match tag {
            Some(key) => principal.tags().get(key).map(String::as_str),
            None => principal.attribute(name),
        };
        value.map(str::to_owned).ok_or_else(|| {
            Unresolved(format!(
                "`{principal}` has no value for `${{{}}}`",
                clip(name)
            ))
        })
    }

    /// The text with values that are one name each: no separator, no wildcard, nothing that steers.
    pub(super) fn expand_name(self, text: &str) -> Result<String, Unresolved> {
        let mut whole = String::new();
        for chunk in self.expand(text)? {
            match chunk {
                Chunk::Text(text) => whole.push_str(&text),
                Chunk::Value(value) => {
                    let odd = |c: char| !(c.is_alphanumeric() || "._-@+=".contains(c));
                    if value.is_empty() || value.chars().all(|c| c == '.') || value.contains(odd) {
                        return Err(Unresolved(format!(
                            "the value `{}` of a variable is no plain name, and stands in `{}`",
                            clip(&value),
                            clip(text)
                        )));
                    }
                    whole.push_str(&value);
                }
            }
        }
        Ok(whole)
    }
}
