//! A table with a fixed set of keys.

use std::ops::Range;

use super::{Entry, Node, Problems};
use crate::spec::quantity::clip;

/// The fields of a table; a key that is not known is a problem at once.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    what: &'static str,
    span: Range<usize>,
    entries: &'a [Entry],
    pub(crate) problems: &'a Problems,
}

impl<'a> Fields<'a> {
    /// The fields of `node`, which is `what`, and stands at `span` for errors about the whole.
    pub(crate) fn new(
        node: &'a Node,
        span: &Range<usize>,
        what: &'static str,
        known: &[&str],
        problems: &'a Problems,
    ) -> Option<Self> {
        let entries = node.table(what, problems)?;
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                let message = format!("unknown key `{}` in {what}", clip(&entry.key));
                problems.add_unknown(&entry.span, message, &entry.key, known);
            }
        }
        Some(Self {
            what,
            span: span.clone(),
            entries,
            problems,
        })
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A field that has to be there.
    pub(crate) fn required(&self, key: &str) -> Option<&'a Node> {
        let node = self.get(key);
        if node.is_none() {
            self.problems
                .add(&self.span, format!("{} has no `{key}`", self.what));
        }
        node
    }

    /// A problem with the table as a whole, such as `has no from`.
    pub(crate) fn whole(&self, message: &str, hint: &str) {
        self.problems
            .add_with_hint(&self.span, format!("{} {message}", self.what), hint);
    }

    /// What `read` makes of a field, or `default` where there is none. None after a problem.
    pub(crate) fn or<T>(
        &self,
        key: &str,
        default: T,
        read: impl FnOnce(&'a Node) -> Option<T>,
    ) -> Option<T> {
        self.get(key).map_or(Some(default), read)
    }

    /// A text that may be absent.
    pub(crate) fn text_or_empty(&self, key: &str) -> Option<String> {
        self.or(key, String::new(), |node| node.string(self.problems))
    }

    /// Texts that may be absent.
    pub(crate) fn strings_or_empty(&self, key: &str) -> Option<Vec<String>> {
        self.or(key, Vec::new(), |node| node.strings(self.problems))
    }

    /// Refuses keys that mean nothing here, and says why.
    pub(crate) fn refuse(&self, keys: &[&str], why: &str) {
        for key in keys {
            if let Some(entry) = self.entry(key) {
                self.problems.add(&entry.span, format!("`{key}` {why}"));
            }
        }
    }
}
