//! Why there is no response.

use std::fmt;

use super::Request;
use crate::Fault;

/// Why there is no response. It becomes a [`Fault`] by `?`: transient after a timeout or for a connection, else one of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// What a transform may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The step does not declare it, or a policy refuses it.
    Denied,
    /// Something took too long.
    Timeout,
    /// The server could not be reached, or did not hold the connection.
    Connection,
    /// The response, or the request, is larger than somebody accepts.
    TooLarge,
    /// Whatever else went wrong.
    Other,
}

impl Error {
    /// An error, which a test's server answers with.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message }
    }

    /// What a transform may want to tell apart.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(super) fn too_large(bytes_max: usize) -> Self {
        Self::new(
            ErrorKind::TooLarge,
            format!("the response has more than {bytes_max} bytes"),
        )
    }

    /// The same, saying which request it was. What follows `?` is left out: there is where secrets stand.
    pub(super) fn of(self, request: &Request) -> Self {
        let url = request.url.split(['?', '#']).next().unwrap_or_default();
        let message = format!("{} {url}: {}", request.method, self.message);
        Self { message, ..self }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Denied => "denied",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::TooLarge => "too-large",
            Self::Other => "other",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error.kind {
            ErrorKind::Timeout | ErrorKind::Connection => Self::Transient(error.message),
            _ => Self::Data(error.message),
        }
    }
}
