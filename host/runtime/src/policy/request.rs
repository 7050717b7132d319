//! What a principal wants to do, and what is known of it.

use std::collections::BTreeMap;

use cedar_policy::RestrictedExpression;

use super::condition::{TEXT_BYTES_MAX, address, date, size};
use super::resource::Resource;
use super::vocabulary::{Action, Home, KEYS, Key, KeyType};
use crate::error::{Error, Result};
use crate::spec::{clip, nearest};

/// What is known of a request, by the keys of conditions, in canonical form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(pub(super) BTreeMap<&'static str, Known>);

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Text(String),
    Number(i64),
    Bool(bool),
    Date(String),
    Address(String),
}

impl Context {
    /// Adds what is known: `key` as in conditions, such as `object:size`, with a value as text.
    ///
    /// # Errors
    ///
    /// Fails for keys that the action does not carry or that are the principal's, and for malformed values.
    pub fn with(mut self, action: Action, key: &str, text: &str) -> Result<Self> {
        let found = KEYS.into_iter().find(|known| known.name == key);
        let found = found.filter(|known| matches!(known.home, Home::Context(_) | Home::Of(_)));
        let Some(found) = found.filter(|known| known.applies_to(action)) else {
            let known = KEYS.into_iter().filter(|known| {
                matches!(known.home, Home::Context(_) | Home::Of(_)) && known.applies_to(action)
            });
            let known: Vec<_> = known.map(|known| known.name).collect();
            let hint = match nearest(key, known.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known: {}", known.join(", ")),
            };
            return Err(Error::input(format!("`{action}` carries no `{}`", clip(key))).hint(hint));
        };
        let value = read(found, text)
            .map_err(|flaw| Error::input(flaw).context(format!("read `{key}`")))?;
        self.0.insert(found.attribute, value);
        Ok(self)
    }

    /// As the engine takes it.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (String, RestrictedExpression)> + '_ {
        self.0.iter().map(|(name, value)| {
            let value = match value {
                Known::Text(text) => RestrictedExpression::new_string(text.clone()),
                Known::Number(number) => RestrictedExpression::new_long(*number),
                Known::Bool(truth) => RestrictedExpression::new_bool(*truth),
                Known::Date(text) => RestrictedExpression::new_datetime(text),
                Known::Address(text) => RestrictedExpression::new_ip(text),
            };
            ((*name).to_owned(), value)
        })
    }
}

fn read(key: Key, text: &str) -> Result<Known, String> {
    match key.ty {
        KeyType::Number => match text.parse() {
            Ok(number) => Ok(Known::Number(number)),
            Err(_) => size(text).map(Known::Number),
        },
        KeyType::Bool => match text {
            "true" => Ok(Known::Bool(true)),
            "false" => Ok(Known::Bool(false)),
            _ => Err(format!(
                "expected `true` or `false`, found `{}`",
                clip(text)
            )),
        },
        KeyType::Date => date(text).map(Known::Date),
        KeyType::Address if text.contains('/') => {
            Err(format!("`{}` is a range, expected an address", clip(text)))
        }
        KeyType::Address => mapped(text).map(Known::Address),
        KeyType::Text => words(key, text).map(Known::Text),
    }
}

/// An IPv4 address in the clothes of IPv6 is what it is.
fn mapped(text: &str) -> Result<String, String> {
    let v6 = text.parse::<std::net::Ipv6Addr>().ok();
    match v6.and_then(|v6| v6.to_ipv4_mapped()) {
        Some(v4) => Ok(v4.to_string()),
        None => address(text),
    }
}

/// A text in the form in which it is compared.
fn words(key: Key, text: &str) -> Result<String, String> {
    if text.len() > TEXT_BYTES_MAX || text.contains(char::is_control) {
        return Err(format!(
            "expected a text of at most {TEXT_BYTES_MAX} bytes without control characters"
        ));
    }
    match key.name {
        "network:scheme" | "secret:host" => Ok(text.to_ascii_lowercase()),
        "network:method" => Ok(text.to_ascii_uppercase()),
        "network:path" => {
            let lower = text.to_ascii_lowercase();
            let hides = ["%2e", "%2f", "%5c", "%25", "\\"]
                .iter()
                .any(|code| lower.contains(code));
            let climbs = text.split('/').any(|name| matches!(name, "." | ".."));
            if !text.starts_with('/') || text.contains("//") || hides || climbs {
                return Err(format!(
                    "path `{}` does not start with `/`, or has `//`, `.`, `..` or one of them behind `%`",
                    clip(text)
                ));
            }
            Ok(text.to_owned())
        }
        _ => Ok(text.to_owned()),
    }
}

/// What a principal wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub(super) action: Action,
    pub(super) resource: Resource,
    pub(super) context: Context,
}

impl Request {
    /// Reads a request; see [`Resource::parse`].
    ///
    /// # Errors
    ///
    /// Fails where the resource is malformed, or nothing that the action acts on.
    pub fn new(action: Action, resource: &str, context: Context) -> Result<Self> {
        Self::on(action, Resource::parse(resource, action)?, context)
    }

    /// A request about a resource in canonical form.
    ///
    /// # Errors
    ///
    /// Fails where the resource is nothing that the action acts on.
    pub fn on(action: Action, resource: Resource, context: Context) -> Result<Self> {
        if resource.kind != action.kind() || resource.folder != action.takes_folder() {
            return Err(Error::internal(format!(
                "`{resource}` is nothing for `{action}`"
            )));
        }
        Ok(Self {
            action,
            resource,
            context,
        })
    }

    /// What was not even decided about, to be told. Nothing is granted by it, so that its resource may be in any form.
    pub(super) fn refused(action: Action, resource: &str, context: Context) -> Self {
        let malformed = |_| {
            let prefix = format!("{}:", action.kind().as_str());
            let name = resource.strip_prefix(&prefix).unwrap_or(resource);
            Resource {
                kind: action.kind(),
                name: clip(name),
                folder: action.takes_folder(),
            }
        };
        Self {
            action,
            resource: Resource::parse(resource, action).unwrap_or_else(malformed),
            context,
        }
    }

    /// What is wanted.
    #[must_use]
    pub const fn action(&self) -> Action {
        self.action
    }

    /// What it would act on.
    #[must_use]
    pub const fn resource(&self) -> &Resource {
        &self.resource
    }

    /// What is known of it.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }
}
