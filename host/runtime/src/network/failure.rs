//! Why a request got no answer, as far as a guest may know.

use std::fmt;
use std::io::{self, ErrorKind};

/// Why a request got no answer. Nothing in it tells a guest what it could not know: who it was denied by, or which
/// address a name has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not declared, refused by a policy, or above the number of requests of a run.
    Denied,
    /// The name has no address.
    Name,
    /// Nobody listens, or nobody can be reached.
    Refused,
    /// No connection came about in time.
    ConnectTimeout,
    /// No connection of the run became free in time.
    Connections,
    /// The server does not prove to be who it should be.
    Certificate,
    /// The server speaks no TLS that is spoken here.
    Tls,
    /// The server did not begin to answer, or paused, for too long.
    ReadTimeout,
    /// The connection ended before the answer did.
    Ended,
    /// What the server sent is no HTTP, or what the guest sends is none.
    Protocol,
    /// The request is too large; the most that it may have in bytes.
    RequestBody(u64),
    /// Trailers of a request are not sent.
    RequestTrailers,
    /// The headers of the answer are too many or too large.
    ResponseHead,
    /// The answer is too large; the most that it may have in bytes.
    ResponseBody(u64),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("the request was denied"),
            Self::Name => f.write_str("the name has no address"),
            Self::Refused => f.write_str("the connection was refused"),
            Self::ConnectTimeout => f.write_str("no connection came about in time"),
            Self::Connections => f.write_str("no connection became free in time"),
            Self::Certificate => f.write_str("the server's certificate was refused"),
            Self::Tls => f.write_str("TLS failed"),
            Self::ReadTimeout => f.write_str("the server did not answer in time"),
            Self::Ended => f.write_str("the connection ended"),
            Self::Protocol => f.write_str("the server, or the request, broke the rules of HTTP"),
            Self::RequestBody(most) => write!(f, "the request has more than {most} bytes"),
            Self::RequestTrailers => f.write_str("trailers of a request are not sent"),
            Self::ResponseHead => f.write_str("the headers of the answer are too large"),
            Self::ResponseBody(most) => write!(f, "the answer has more than {most} bytes"),
        }
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// What went wrong while HTTP was spoken.
    pub(super) fn of(error: &hyper::Error) -> Self {
        let mut cause = std::error::Error::source(error);
        while let Some(found) = cause {
            if let Some(ours) = found.downcast_ref::<Self>() {
                return *ours;
            }
            if let Some(cut) = found.downcast_ref::<io::Error>()
                && !matches!(cut.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData)
            {
                return Self::Ended;
            }
            cause = found.source();
        }
        if error.is_parse_too_large() {
            Self::ResponseHead
        } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
            Self::Ended
        } else {
            Self::Protocol
        }
    }
}
