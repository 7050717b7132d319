//! Secrets that the step declares as readable. Those that only go into headers of requests are never here.

use std::fmt;

#[cfg(target_arch = "wasm32")]
use crate::component::access::sluicegate::access::secrets as imports;
#[cfg(not(target_arch = "wasm32"))]
use crate::harness::secrets as imports;

use crate::Fault;

/// The secret of this name.
///
/// # Errors
///
/// [`ErrorKind::Denied`] where the step does not declare it, [`ErrorKind::Unavailable`] where it could not be had.
pub fn read(name: &str) -> Result<String, Error> {
    imports::read(name).map_err(|error| {
        let (kind, why) = match error {
            imports::Error::Denied(why) => (ErrorKind::Denied, why),
            imports::Error::Unavailable(why) => (ErrorKind::Unavailable, why),
        };
        let message = format!("secret `{name}`: {why}");
        Error { kind, message }
    })
}

/// Why there is no secret. It becomes a [`Fault`] by `?`.
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
    /// It is declared, and could not be had.
    Unavailable,
}

impl Error {
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
            ErrorKind::Denied => Self::Data(error.message),
            ErrorKind::Unavailable => Self::Transient(error.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Fakes;

    #[test]
    fn a_secret_is_read_by_its_name_and_no_other_is_there() {
        Fakes::new().secret("token", "hunter2").install();
        assert_eq!(read("token").unwrap(), "hunter2");
        let error = read("other").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(
            error.to_string(),
            "secret `other`: the step does not declare it"
        );
        assert!(matches!(Fault::from(error), Fault::Data(_)));
    }
}
