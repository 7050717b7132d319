//! Why something was not done with an object.

use std::fmt;
use std::io;

use super::imports;
use crate::Fault;

/// Why something was not done with an object.
///
/// It becomes a [`Fault`] by `?`: transient where another try may help, else one of the data. It becomes a [`std::io::Error`], too.
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
    /// There is no such object.
    Missing,
    /// There is one already, or this run has written one already.
    Exists,
    /// A path that names nothing: empty, absolute, with `..`, or too long.
    Malformed,
    /// A limit was reached; another try changes nothing.
    Limit,
    /// The store did not do it; another try may help.
    Unavailable,
}

impl Error {
    pub(super) fn new(error: imports::Error, what: &str) -> Self {
        let (kind, why) = match error {
            imports::Error::Denied(why) => (ErrorKind::Denied, why),
            imports::Error::Missing => (ErrorKind::Missing, "there is no such object".to_owned()),
            imports::Error::Exists => (ErrorKind::Exists, "there is one already".to_owned()),
            imports::Error::Malformed(why) => (ErrorKind::Malformed, why),
            imports::Error::Limit(why) => (ErrorKind::Limit, why),
            imports::Error::Unavailable(why) => (ErrorKind::Unavailable, why),
        };
        let message = format!("{what}: {why}");
        Self { kind, message }
    }

    /// What a transform may want to tell apart.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Denied => "denied",
            Self::Missing => "missing",
            Self::Exists => "exists",
            Self::Malformed => "malformed",
            Self::Limit => "limit",
            Self::Unavailable => "unavailable",
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
            ErrorKind::Unavailable => Self::Transient(error.message),
            _ => Self::Data(error.message),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::Denied => io::ErrorKind::PermissionDenied,
            ErrorKind::Missing => io::ErrorKind::NotFound,
            ErrorKind::Exists => io::ErrorKind::AlreadyExists,
            ErrorKind::Malformed => io::ErrorKind::InvalidInput,
            ErrorKind::Limit => io::ErrorKind::QuotaExceeded,
            ErrorKind::Unavailable => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// What reading or writing an object failed with is the object's error again; another is one of the data.
impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Error>() {
            Ok(error) => error.into(),
            Err(error) => Self::Data(error.to_string()),
        }
    }
}
