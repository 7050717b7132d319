//! What clients are configured from.

use std::collections::BTreeMap;

use object_store::ClientOptions;

use super::{CONNECT_TIME_MAX, REQUEST_TIME_MAX};
use crate::error::{Error, Result};

/// What matches all names and all addresses in a list of hosts without a proxy.
const EVERY_HOST: &str = "*,0.0.0.0/0,::/0";

/// The environment that a client is configured from, such as `AWS_REGION`. An empty variable is not set.
///
/// It holds credentials, and so cannot be printed.
#[derive(Clone)]
pub(in crate::storage) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Takes what the caller may use.
    pub(in crate::storage) const fn new(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }

    /// All of them.
    pub(in crate::storage) const fn variables(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).filter(|value| !value.is_empty());
        value.map(String::as_str)
    }

    /// Whether a variable is set to what means yes.
    pub(super) fn is_set(&self, name: &str) -> bool {
        let yes = ["1", "true", "yes", "on"];
        self.get(name)
            .is_some_and(|value| yes.iter().any(|yes| value.eq_ignore_ascii_case(yes)))
    }

    /// The endpoint in a variable, without `/` at its end, and whether it may be spoken to without TLS: a
    /// server of this machine may, others only if that is allowed.
    pub(super) fn endpoint(
        &self,
        name: &str,
        allow_http: Option<&str>,
    ) -> Result<Option<(&str, bool)>> {
        let Some(endpoint) = self.get(name) else {
            return Ok(None);
        };
        let wrong = |why: &str| {
            Error::input(format!("endpoint in `{name}` {why}"))
                .hint("expected `https://host[:port]`")
        };
        let url = url::Url::parse(endpoint).map_err(|_| wrong("is no URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("carries a user or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a query or a fragment"));
        }
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(wrong("names no host")),
        };
        let endpoint = endpoint.trim_end_matches('/');
        let allowed = allow_http.is_some_and(|name| self.is_set(name));
        match (url.scheme(), allow_http) {
            ("https", _) => Ok(Some((endpoint, false))),
            ("http", _) if loopback || allowed => Ok(Some((endpoint, true))),
            ("http", Some(name)) => {
                Err(wrong("is not encrypted").hint(format!("set `{name}=true` to allow it")))
            }
            ("http", None) => Err(wrong("is not encrypted")),
            _ => Err(wrong("is neither `https` nor `http`")),
        }
    }

    /// How to reach servers: within bounds, and by the proxy of this environment only.
    pub(super) fn options(&self, allow_http: bool) -> ClientOptions {
        let get = |name: &str| {
            let value = self.get(name);
            value.or_else(|| self.get(&name.to_ascii_lowercase()))
        };
        // A client without a proxy of its own takes the one of the process's environment. One that is
        // never used keeps it from looking there.
        let (proxy, excluded) = match get("HTTPS_PROXY").or_else(|| get("ALL_PROXY")) {
            Some(proxy) => (proxy, get("NO_PROXY").unwrap_or_default()),
            None => ("http://127.0.0.1:9", EVERY_HOST),
        };
        ClientOptions::new()
            .with_allow_http(allow_http)
            .with_connect_timeout(CONNECT_TIME_MAX)
            .with_timeout(REQUEST_TIME_MAX)
            .with_proxy_url(proxy)
            .with_proxy_excludes(excluded)
    }
}
