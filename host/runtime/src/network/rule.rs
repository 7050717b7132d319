//! Which requests a step declared, and what exactly a request asks for.
//!
//! A [`Target`] is a request in the only form that is let through: whatever a server could read as another host or
//! another path than we do is refused, not repaired.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use http::Uri;
use tokio_rustls::rustls::ClientConfig;

use super::address::Range;
use super::budget::URI_BYTES_MAX;
use super::trust;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::{HeaderSecret, HttpRule, clip};

/// Bytes of a host's name, and of a label of it: as in DNS.
const NAME_BYTES: usize = 253;
const LABEL_BYTES: usize = 63;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) tls: bool,
    /// In lower case; an address of IPv6 in brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) method: String,
    /// Without the query.
    pub(super) path: String,
    /// With it, as it is sent.
    pub(super) path_and_query: String,
}

impl Target {
    /// Reads what a request asks for.
    ///
    /// # Errors
    ///
    /// `Policy` for everything that could be read in two ways.
    pub(super) fn read(method: &str, uri: &Uri) -> Result<Self> {
        let odd = |what: &str, text: &str| {
            let message = format!("the request has {what}: `{}`", clip(text));
            Error::new(ErrorKind::Policy, message)
        };
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            other => {
                return Err(odd(
                    "a scheme other than `http` and `https`",
                    other.unwrap_or(""),
                ));
            }
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let (host, port) = host_and_port(authority, tls)
            .ok_or_else(|| odd("a host or a port in an odd form", authority))?;
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
        let path_and_query = match path_and_query {
            query if query.is_empty() || query.starts_with('?') => format!("/{query}"),
            text => text.to_owned(),
        };
        let path = path_and_query.split('?').next().unwrap_or("/");
        let is_plain = path_and_query.bytes().all(|byte| byte.is_ascii_graphic());
        if path_and_query.len() > URI_BYTES_MAX || !is_plain || !is_plain_path(path) {
            return Err(odd("a path in an odd form", &path_and_query));
        }
        let is_word = method.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_word || matches!(method, "CONNECT" | "TRACE" | "") {
            return Err(odd("a method that is not sent", method));
        }
        Ok(Self {
            tls,
            host,
            port,
            method: method.to_owned(),
            path: path.to_owned(),
            path_and_query,
        })
    }

    /// As a resource of policies.
    pub(super) fn resource(&self) -> String {
        format!("host:{}:{}", self.host, self.port)
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// In full, with the query.
    pub(super) fn url(&self) -> String {
        let (scheme, authority) = (self.scheme(), self.authority());
        format!("{scheme}://{authority}{}", self.path_and_query)
    }

    /// As in the header `host`.
    pub(super) fn authority(&self) -> String {
        if self.port == default_port(self.tls) {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (self.scheme(), self.authority());
        write!(
            f,
            "{} {scheme}://{authority}{}",
            self.method,
            clip(&self.path)
        )
    }
}

const fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// The host in lower case, and the port.
fn host_and_port(authority: &str, tls: bool) -> Option<(String, u16)> {
    let bracket = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority.get(bracket..)?.find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(bracket + colon);
            let number: u16 = port.get(1..)?.parse().ok()?;
            // Neither `+80` nor `080`.
            (host, (format!(":{number}") == port).then_some(number)?)
        }
        None => (authority, default_port(tls)),
    };
    let host = host.to_ascii_lowercase();
    (port > 0 && is_host(&host)).then_some((host, port))
}

/// Whether a host is a name, or an address in the one form in which it is written.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']').unwrap_or_default();
        let parsed: Option<Ipv6Addr> = address.parse().ok();
        return parsed.is_some_and(|parsed| {
            parsed.to_string() == address && parsed.to_ipv4_mapped().is_none()
        });
    }
    let is_label = |label: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        (1..=LABEL_BYTES).contains(&label.len()) && label.chars().all(legal)
    };
    if host.len() > NAME_BYTES || !host.split('.').all(is_label) {
        return false;
    }
    // `2130706433`, `0x7f.1` and `127.1` are addresses to some resolvers, and names to others.
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
    !is_number
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_string() == host)
}

/// Whether every server reads a path as we do: no name is empty, `.` or `..`, nothing is escaped that means the same
/// without, and what some take for a separator is not there.
fn is_plain_path(path: &str) -> bool {
    if !path.starts_with('/') || path.contains("//") || path.contains(['\\', ';', '#']) {
        return false;
    }
    if path.split('/').any(|name| matches!(name, "." | "..")) {
        return false;
    }
    path.split('%').skip(1).all(|escaped| {
        let code = escaped
            .get(..2)
            .filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        byte.is_some_and(|byte| {
            let is_same = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            !is_same && !byte.is_ascii_control() && !b"/\\%;".contains(&byte)
        })
    })
}

/// A rule of a step, ready to be matched.
#[derive(Clone)]
pub struct Rule {
    tls: bool,
    host: String,
    port: u16,
    path: String,
    methods: Vec<String>,
    ranges: Vec<Range>,
    pub(super) headers: Vec<HeaderSecret>,
    pub(super) trust: Arc<ClientConfig>,
}

impl Rule {
    /// Makes a rule of what a step declares. `authorities` is what its `ca_file` holds, as PEM.
    ///
    /// # Errors
    ///
    /// `Input` where a range of addresses or a certificate is malformed.
    pub fn new(rule: &HttpRule, authorities: Option<&[u8]>) -> Result<Self> {
        let ranges = rule.addresses.iter().map(|text| {
            text.parse().map_err(|why: String| {
                Error::input(format!("address `{}`: {why}", clip(text))).context(of(rule))
            })
        });
        let trust = trust::config(authorities).map_err(|error| error.context(of(rule)))?;
        Ok(Self {
            tls: rule.tls,
            host: rule.host.clone(),
            port: rule.port,
            path: rule.path.clone(),
            methods: rule.methods.clone(),
            ranges: ranges.collect::<Result<_>>()?,
            headers: rule.headers.clone(),
            trust,
        })
    }

    /// Whether a request fits.
    pub(super) fn fits(&self, target: &Target) -> bool {
        let path = match self.path.strip_suffix('*') {
            // What is left ends with `/`.
            Some(folder) => target.path.starts_with(folder),
            None => target.path == self.path,
        };
        self.tls == target.tls
            && self.host == target.host
            && self.port == target.port
            && self.methods.contains(&target.method)
            && path
    }

    /// A request that stands for all that fit: its path ends with `/*` where all below a folder do.
    pub(super) fn sample(&self) -> Target {
        Target {
            tls: self.tls,
            host: self.host.clone(),
            port: self.port,
            method: self.methods.first().cloned().unwrap_or_default(),
            path: self.path.clone(),
            path_and_query: self.path.clone(),
        }
    }

    /// Whether a special address was declared.
    pub(super) fn covers(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }
}

fn of(rule: &HttpRule) -> String {
    format!("read the rule for `{}`", clip(&rule.host))
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tls, host, port, ..
        } = self;
        let scheme = if *tls { "https" } else { "http" };
        write!(
            f,
            "Rule({} {scheme}://{host}:{port}{})",
            self.methods.join("|"),
            self.path
        )
    }
}
