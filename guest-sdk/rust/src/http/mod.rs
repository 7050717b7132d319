//! Requests over HTTP that the step declares; one at a time, and the transform waits for it.
//!
//! What a step declares may include headers from secrets: the host adds them, and the transform never sees them.
//! No redirect is followed.
//!
//! ```
//! use sluicegate_guest::http::Request;
//! # use sluicegate_guest::harness::Fakes;
//! # use sluicegate_guest::http::Response;
//! # Fakes::new().http(|_| Ok(Response::new(200, "{}"))).install();
//!
//! let request = Request::get("https://api.example.com/v1/rates").header("accept", "application/json");
//! let response = request.send()?;
//! assert_eq!((response.status, &*response.body), (200, &b"{}"[..]));
//! # Ok::<_, sluicegate_guest::http::Error>(())
//! ```

mod error;
#[cfg(target_arch = "wasm32")]
mod outgoing;

use std::time::Duration;

#[cfg(target_arch = "wasm32")]
use self::outgoing as client;
#[cfg(not(target_arch = "wasm32"))]
use crate::harness::http as client;

pub use error::{Error, ErrorKind};

/// Bytes of a response's body that are accepted, unless a request names another bound: a transform has little memory, and a
/// server may send more than anybody asked for.
pub const BODY_BYTES_MAX: usize = 8 << 20;

/// How long each part of a request may take, unless it says otherwise: long for a server, short for a person who waits.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// A request. [`Self::send`] sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// With scheme, `http` or `https`, and host.
    pub url: String,
    /// In this order; a name may come more than once.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
    /// How long each of these may take: to connect, until the first byte of the response, and between two pieces of its body.
    pub timeout: Duration,
    /// Bytes of the response's body that are accepted; [`BODY_BYTES_MAX`] unless said otherwise.
    pub body_bytes_max: usize,
}

/// The response to a request, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Such as 200.
    pub status: u16,
    /// In the order in which they came. A value is bytes, by HTTP.
    pub headers: Vec<(String, Vec<u8>)>,
    /// As it came, after the encoding for the transfer was undone.
    pub body: Vec<u8>,
}

impl Request {
    /// A request with a method, a URL, and nothing else.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: TIMEOUT,
            body_bytes_max: BODY_BYTES_MAX,
        }
    }

    /// A request that gets something.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A request that posts something.
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..Self::new("POST", url)
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Says how long each part of it may take.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Says how many bytes of the response's body are accepted.
    #[must_use]
    pub const fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.body_bytes_max = bytes;
        self
    }

    /// Sends it, and waits for the whole response. A status such as 404 is a response, and no error.
    ///
    /// # Errors
    ///
    /// Those of [`ErrorKind`].
    pub fn send(&self) -> Result<Response, Error> {
        let target = Target::of(&self.url)
            .ok_or_else(|| Error::new(ErrorKind::Other, "it is no URL of http or https"))
            .map_err(|error| error.of(self))?;
        let response = client::send(self, &target).map_err(|error| error.of(self))?;
        if response.body.len() > self.body_bytes_max {
            return Err(Error::too_large(self.body_bytes_max).of(self));
        }
        Ok(response)
    }
}

impl Response {
    /// A response without headers, for tests.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Whether the status is one of success, from 200 to 299.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The first header of this name, whatever its case, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let of_name = |(known, _): &&(String, Vec<u8>)| known.eq_ignore_ascii_case(name);
        let (_, value) = self.headers.iter().find(of_name)?;
        std::str::from_utf8(value).ok()
    }
}

/// The parts of a URL that a request is made of.
#[cfg_attr(
    all(not(target_arch = "wasm32"), not(test)),
    expect(dead_code, reason = "only a component takes it apart")
)]
pub(crate) struct Target<'a> {
    is_tls: bool,
    authority: &'a str,
    /// From `/` or `?` on; empty where there is neither.
    path_with_query: &'a str,
}

impl<'a> Target<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let is_tls = scheme.eq_ignore_ascii_case("https");
        if !is_tls && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        // What follows `#` is for who looks at the response.
        let rest = rest.split('#').next().unwrap_or_default();
        let path = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path_with_query) = rest.split_at(path);
        (!authority.is_empty()).then_some(Self {
            is_tls,
            authority,
            path_with_query,
        })
    }
}

#[cfg(test)]
mod tests;
