//! Headers: what a guest may not set, and what only the host does.

use std::fmt;
use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::rule::Rule;
use crate::error::{Error, Result};
use crate::spec::HeaderSecret;

/// Headers that the connection needs for itself, that make one request another to some servers, or that say
/// who is asking: credentials come from the step's `headers`, which bind them to a host and a path.
const FORBIDDEN: [&str; 22] = [
    "authorization",
    "connection",
    "cookie",
    "cookie2",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// The shortest secret whose echo is looked for: a shorter one is in every text.
const ECHO_BYTES: usize = 6;

/// Gives the values of headers that only the host may see.
pub trait HeaderSecrets: Send + Sync {
    /// The secret of this name, for use with a host. The value is neither kept nor shown.
    ///
    /// # Errors
    ///
    /// Fails where the secret may not be used there, or cannot be had.
    fn header(&self, secret: &str, host: &str) -> Result<String>;
}

/// The headers of a step.
#[derive(Clone)]
pub(super) struct Headers {
    /// What any rule of the step sets, so that no header of a guest can be mistaken for it.
    own: Vec<String>,
    secrets: Arc<dyn HeaderSecrets>,
}

impl Headers {
    pub(super) fn new(rules: &[Rule], secrets: Arc<dyn HeaderSecrets>) -> Self {
        let own = rules.iter().flat_map(|rule| &rule.headers);
        let own = own.map(|header| header.name.clone()).collect();
        Self { own, secrets }
    }

    /// Whether a guest may not set a header, nor see it in an answer.
    pub(super) fn is_forbidden(&self, name: &str) -> bool {
        FORBIDDEN.contains(&name) || self.own.iter().any(|own| own == name)
    }

    /// Adds what a rule says, for its host alone, and returns the values for [`Echoes`].
    ///
    /// # Errors
    ///
    /// As [`HeaderSecrets::header`], and where a value is no header.
    pub(super) fn add(&self, rule: &Rule, host: &str, to: &mut HeaderMap) -> Result<Echoes> {
        let mut echoes = Vec::new();
        for HeaderSecret {
            name,
            secret,
            prefix,
        } in &rule.headers
        {
            let found = self.secrets.header(secret, host)?;
            // The causes of these would repeat the value.
            let malformed = |what: &str| {
                let message = format!("the header `{name}` from the secret `{secret}` {what}");
                Error::input(message)
            };
            let key = HeaderName::try_from(name.as_str())
                .map_err(|_| malformed("has a malformed name"))?;
            let mut value = HeaderValue::try_from(format!("{prefix}{found}"))
                .map_err(|_| malformed("has a line break or a control character in it"))?;
            value.set_sensitive(true);
            if to.insert(key, value).is_some() {
                return Err(malformed("is already set"));
            }
            echoes.push(found);
        }
        Ok(Echoes(echoes))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Headers({})", self.own.join(", "))
    }
}

/// What an answer's headers must not repeat.
pub(super) struct Echoes(Vec<String>);

impl Echoes {
    /// Takes out the headers of an answer in which a secret stands.
    pub(super) fn remove(&self, from: &mut HeaderMap) {
        let echoing = |value: &HeaderValue| {
            let long = self.0.iter().filter(|secret| secret.len() >= ECHO_BYTES);
            long.into_iter()
                .any(|secret| memchr::memmem::find(value.as_bytes(), secret.as_bytes()).is_some())
        };
        let names: Vec<HeaderName> = from
            .iter()
            .filter(|(_, value)| echoing(value))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            from.remove(name);
        }
    }
}
