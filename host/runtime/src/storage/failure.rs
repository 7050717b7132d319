//! Errors of stores, for people.

use std::error::Error as StdError;

use object_store::Error as StoreError;

use crate::error::{Error, ErrorKind};

/// Characters of a store's own text that are kept: servers answer with whole pages.
const CAUSE_CHARS_MAX: usize = 400;

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
    match &error {
        StoreError::NotFound { .. } => Error::input(format!("`{what}` does not exist")),
        StoreError::AlreadyExists { .. } => Error::storage(format!("`{what}` exists already")),
        StoreError::PermissionDenied { source, .. } => {
            let cause = cause(source.as_ref());
            Error::storage(format!("access to `{what}` is denied: {cause}")).hint(
                "check the permissions; a symbolic link may not lead out of the folder that is named",
            )
        }
        StoreError::Unauthenticated { source, .. } => {
            let cause = cause(source.as_ref());
            Error::storage(format!("credentials for `{what}` are not accepted: {cause}"))
                .hint(format!("check {}", variables(what)))
        }
        StoreError::InvalidPath { source } => {
            Error::input(format!("`{what}` is no valid name: {}", cause(source)))
        }
        other if lacks_descriptors(other) => {
            Error::storage(format!("`{what}`: too many files are open at once"))
                .hint("raise the limit of open files, such as by `ulimit -n 4096`, or lower `--threads`")
        }
        other => {
            let error = Error::new(ErrorKind::Storage, format!("`{what}`: {}", cause(other)));
            let text = cause(other);
            if text.contains("No space left") {
                error.hint("free some space, or write somewhere else")
            } else {
                error
            }
        }
    }
    .source(error)
}

/// Where the credentials for `what` come from.
fn variables(what: &str) -> &'static str {
    match what.split_once("://") {
        Some(("gs", _)) => "`GOOGLE_SERVICE_ACCOUNT_KEY` or `GOOGLE_OAUTH_ACCESS_TOKEN`",
        Some(("az" | "abfss", _)) => {
            "`AZURE_STORAGE_ACCOUNT`, and `AZURE_STORAGE_KEY`, `AZURE_STORAGE_SAS_TOKEN` or `AZURE_CLIENT_SECRET`"
        }
        Some(("oci", _)) => "`OCI_ACCESS_KEY_ID`, `OCI_SECRET_ACCESS_KEY` and `OCI_REGION`",
        _ => "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`",
    }
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
