//! What a guest, which sends requests over HTTP, and the host, which does it for it, have to say to each other.

use std::fmt;
use std::time::Duration;

/// How long a guest wants to wait at most; where it does not say, as long as the run's limits let it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Until there is a connection.
    pub connect: Option<Duration>,
    /// Until the answer's headers are there.
    pub first_byte: Option<Duration>,
    /// Between two pieces of its body.
    pub between_bytes: Option<Duration>,
}

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
