//! Errors of stores, for people.

use std::error::Error as StdError;

use object_store::Error as StoreError;
use object_store::client::{HttpError, HttpErrorKind};

use crate::error::{Error, ErrorKind};

/// Characters of a store's own text that are kept: servers answer with whole pages.
const CAUSE_CHARS_MAX: usize = 400;

/// Characters of a code in a store's answer that are kept; theirs are a word.
const CODE_CHARS_MAX: usize = 80;

/// What a store said, as an error about `what`, such as a URI.
///
/// What does not exist is the user's to correct, everything else the storage's.
#[must_use]
pub fn storage_error(what: &str, error: StoreError) -> Error {
    if let StoreError::Generic { source, .. } = &error
        && let Some(error) = source.downcast_ref::<Error>()
    {
        return error.to_shared(); // a store of ours says more than storage can
    }
    if let Some(error) = answered(what, &error) {
        return error;
    }
    let passes = is_transient(&error);
    let told = match &error {
        StoreError::NotFound { .. } => Error::input(format!("`{what}` does not exist")),
        StoreError::AlreadyExists { .. } => Error::storage(format!("`{what}` exists already")),
        StoreError::PermissionDenied { source, .. } => {
            let cause = cause(source.as_ref());
            Error::storage(format!("access to `{what}` is denied: {cause}")).hint(
                "check the permissions; a symbolic link may not lead out of the folder that is named",
            )
        }
        StoreError::InvalidPath { source } => {
            Error::input(format!("`{what}` is no valid name: {}", cause(source)))
        }
        other if lacks_descriptors(other) => {
            Error::storage(format!("`{what}`: too many files are open at once"))
                .hint("raise the limit of open files, such as by `ulimit -n 4096`, or lower `--threads`")
        }
        other => {
            let text = cause(other);
            let error = Error::new(ErrorKind::Storage, format!("`{what}`: {text}"));
            if text.contains("No space left") {
                error.hint("free some space, or write somewhere else")
            } else if text.contains("Read-only file system") {
                error.hint("nobody may write to this disk: mount it for writing, or write somewhere else")
            } else {
                error
            }
        }
    }
    .source(error);
    if passes { told.passing() } else { told }
}

/// Answers that say that it is not the request that is wrong, but the time: too slow, too many, and what a server has not in
/// its hands.
const PASSING: [&str; 7] = ["408", "425", "429", "500", "502", "503", "504"];

/// The same in the words of S3, which may begin to answer before it knows.
const PASSING_CODES: [&str; 5] = [
    "<Code>InternalError</Code>",
    "<Code>SlowDown</Code>",
    "<Code>ServiceUnavailable</Code>",
    "<Code>RequestTimeout</Code>",
    "<Code>OperationAborted</Code>",
];

/// Whether a store may do later what it failed to do now, as its client leaves the question open: a connection that was
/// lost or not made, time that ran out, a server that is out of order. What a store denies, lacks or finds changed stays so, as
/// does what a local disk fails at.
pub(super) fn is_transient(error: &StoreError) -> bool {
    let StoreError::Generic { source, .. } = error else {
        return false;
    };
    let mut next: Option<&(dyn StdError + 'static)> = Some(source.as_ref());
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<Error>() {
            return error.is_transient();
        }
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return error.kind() != HttpErrorKind::Unknown;
        }
        next = error.source();
    }
    let text = source.to_string();
    match text.split_once("status code: ") {
        Some((_, status)) => PASSING.iter().any(|passing| status.starts_with(passing)),
        None => PASSING_CODES.iter().any(|code| text.contains(code)),
    }
}

/// What a server's refusal means. Clients of buckets tell it apart for objects, but not for listings, and hide it in
/// text that they all share; of a page of XML, its code is all that helps.
fn answered(what: &str, error: &StoreError) -> Option<Error> {
    let (scheme, _) = what.split_once("://")?;
    let text = error.to_string();
    let (_, answer) = text.split_once("status code: ")?;
    let code = answer
        .split_once("<Code>")
        .and_then(|(_, rest)| rest.split_once("</Code>"))
        .map_or_else(|| answer.split(':').next(), |(code, _)| Some(code))?;
    let code: String = code.chars().take(CODE_CHARS_MAX).collect();
    let error = match answer.get(..3)? {
        "400" | "401" | "403" if code.contains("Expired") => {
            let error = Error::storage(format!("credentials for `{what}` have expired: {code}"));
            return Some(match variables(scheme) {
                Some(variables) => error.hint(format!("renew {variables}, and run again")),
                None => error,
            });
        }
        "401" => Error::storage(format!("credentials for `{what}` are not accepted: {code}")),
        "403" => Error::storage(format!("access to `{what}` is denied: {code}")),
        "404" if matches!(error, StoreError::Generic { .. }) => {
            let store = if matches!(scheme, "az" | "abfss") {
                "container"
            } else {
                "bucket"
            };
            return Some(Error::input(format!(
                "`{what}` does not exist: there is no such {store}"
            )));
        }
        _ => return None,
    };
    Some(match variables(scheme) {
        Some(variables) => error.hint(format!("check {variables}, and what they permit")),
        None => error,
    })
}

/// Where the credentials for a scheme come from.
fn variables(scheme: &str) -> Option<&'static str> {
    Some(match scheme {
        "s3" => "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`",
        "gs" => {
            "`GOOGLE_SERVICE_ACCOUNT_KEY`, `GOOGLE_APPLICATION_CREDENTIALS` or `GOOGLE_OAUTH_ACCESS_TOKEN`"
        }
        "az" | "abfss" => "`AZURE_STORAGE_KEY`, `AZURE_STORAGE_SAS_TOKEN` or `AZURE_CLIENT_SECRET`",
        "oci" => "`OCI_ACCESS_KEY_ID`, `OCI_SECRET_ACCESS_KEY` and `OCI_REGION`",
        _ => return None,
    })
}

/// Whether the process, or the machine, has no descriptor left for another file.
fn lacks_descriptors(error: &(dyn StdError + 'static)) -> bool {
    // `ENFILE` and `EMFILE`, which are the same on all Unixes.
    const CODES: [i32; 2] = [23, 24];
    let mut next = Some(error);
    while let Some(error) = next {
        let code = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::raw_os_error);
        if code.is_some_and(|code| CODES.contains(&code)) {
            return true;
        }
        next = error.source();
    }
    false
}

/// The innermost texts of an error, on one line and of bounded length.
fn cause(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(error) = inner {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        inner = error.source();
    }
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(CAUSE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
