//! What went wrong while HTTP was spoken.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use crate::http::Failure;

/// What went wrong, as far as a guest may know.
pub(super) fn failure(error: &hyper::Error) -> Failure {
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(ours) = found.downcast_ref::<Failure>() {
            return *ours;
        }
        if let Some(cut) = found.downcast_ref::<io::Error>()
            && !matches!(cut.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData)
        {
            return Failure::Ended;
        }
        cause = found.source();
    }
    if error.is_parse_too_large() {
        Failure::ResponseHead
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Failure::Ended
    } else {
        Failure::Protocol
    }
}
