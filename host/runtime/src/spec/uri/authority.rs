//! The part of a URI between `://` and the next `/`: which store, server or account.

use super::{Flaw, Scheme};
use crate::spec::quantity::clip;

/// Where the accounts of Azure are found.
const AZURE_SUFFIX: &str = ".dfs.core.windows.net";

/// What stands before the first `/`, and the rest.
pub(super) fn split(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()))
}

/// The canonical authority of a URI that begins with `word`, which is one of `scheme`'s.
pub(super) fn read(word: &str, scheme: Scheme, text: &str) -> Result<String, Flaw> {
    let places = usize::from(matches!(word, "abfss" | "oci"));
    if text.matches('@').count() > places || (places == 1 && text.contains(':')) {
        return Err(Flaw::secret(scheme, "URI carries a user or a password"));
    }
    match word {
        "s3" => bucket(text),
        "gs" => google_bucket(text),
        "az" => container(text, "expected `az://container/key`"),
        "abfss" => container_of_account(text),
        "oci" => bucket_of_namespace(text),
        _ => host(scheme, text),
    }
}

/// An authority as it is shown after [`Scheme::as_str`], or after another word that is returned.
pub(super) fn show(scheme: Scheme, authority: &str) -> (&'static str, &'static str) {
    if scheme == Scheme::Az && authority.contains('@') {
        ("abfss", AZURE_SUFFIX)
    } else {
        (scheme.as_str(), "")
    }
}

fn bucket(name: &str) -> Result<String, Flaw> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
    if name.is_empty() {
        return Err(Flaw::new("URI names no bucket").hint("expected `s3://bucket/key`"));
    }
    if !(3..=63).contains(&name.len()) || !name.chars().all(legal) || name.contains("..") {
        return Err(Flaw::new(format!("bucket `{}` is malformed", clip(name)))
            .hint("a bucket has 3 to 63 of the characters `a-z`, `0-9`, `-`, `.` and `_`"));
    }
    Ok(name.to_owned())
}

fn google_bucket(name: &str) -> Result<String, Flaw> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
    if name.is_empty() {
        return Err(Flaw::new("URI names no bucket").hint("expected `gs://bucket/key`"));
    }
    let parts = name.split('.');
    let short = (3..=222).contains(&name.len()) && parts.clone().all(|part| part.len() <= 63);
    let whole = name.split('.').all(|part| !part.is_empty());
    if !short || !whole || !name.chars().all(legal) || !is_framed(name) {
        return Err(
            Flaw::new(format!("bucket `{}` is malformed", clip(name))).hint(
                "a bucket has 3 to 63 of the characters `a-z`, `0-9`, `-`, `_`, more of them \
                 between dots, and begins and ends with a letter or a digit",
            ),
        );
    }
    Ok(name.to_owned())
}

fn container(name: &str, form: &str) -> Result<String, Flaw> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() {
        return Err(Flaw::new("URI names no container").hint(form));
    }
    let short = (3..=63).contains(&name.len());
    if !short || !name.chars().all(legal) || name.contains("--") || !is_framed(name) {
        return Err(Flaw::new(format!("container `{}` is malformed", clip(name))).hint(
            "a container has 3 to 63 of the characters `a-z`, `0-9` and single `-`, and begins and \
             ends with a letter or a digit",
        ));
    }
    Ok(name.to_owned())
}

/// `container@account.dfs.core.windows.net`, kept without the suffix.
fn container_of_account(text: &str) -> Result<String, Flaw> {
    let form = "expected `abfss://container@account.dfs.core.windows.net/key`, or \
                `az://container/key` for the account in `AZURE_STORAGE_ACCOUNT`";
    let Some((name, host)) = text.split_once('@') else {
        return Err(Flaw::new("URI names no account").hint(form));
    };
    let container = container(name, form)?;
    let host = host.to_ascii_lowercase();
    let Some(account) = host.strip_suffix(AZURE_SUFFIX) else {
        return Err(Flaw::new(format!("host `{}` is no account's", clip(&host))).hint(form));
    };
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !(3..=24).contains(&account.len()) || !account.chars().all(legal) {
        return Err(
            Flaw::new(format!("account `{}` is malformed", clip(account)))
                .hint("an account has 3 to 24 of the characters `a-z` and `0-9`"),
        );
    }
    Ok(format!("{container}@{account}"))
}

fn bucket_of_namespace(text: &str) -> Result<String, Flaw> {
    let form = "expected `oci://bucket@namespace/key`";
    let Some((bucket, namespace)) = text.split_once('@') else {
        let part = if text.is_empty() {
            "bucket"
        } else {
            "namespace"
        };
        return Err(Flaw::new(format!("URI names no {part}")).hint(form));
    };
    if bucket.is_empty() {
        return Err(Flaw::new("URI names no bucket").hint(form));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    // `.` and `..` would be steps in the path of a request.
    let dots = bucket.chars().all(|c| c == '.');
    if bucket.len() > 256 || !bucket.chars().all(legal) || dots {
        return Err(Flaw::new(format!("bucket `{}` is malformed", clip(bucket)))
            .hint("a bucket has up to 256 letters, digits, `-`, `.` and `_`"));
    }
    if namespace.is_empty() {
        return Err(Flaw::new("URI names no namespace").hint(form));
    }
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    // It becomes a label of a host's name.
    if namespace.len() > 63 || !namespace.chars().all(legal) || !is_framed(namespace) {
        return Err(
            Flaw::new(format!("namespace `{}` is malformed", clip(namespace))).hint(
                "a namespace has up to 63 of the characters `a-z`, `0-9`, `-` and `_`; \
                 `oci os ns get` tells yours",
            ),
        );
    }
    Ok(text.to_owned())
}

/// Whether a name begins and ends with a letter or a digit.
fn is_framed(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    name.starts_with(is_plain) && name.ends_with(is_plain)
}

fn host(scheme: Scheme, authority: &str) -> Result<String, Flaw> {
    let form = format!("expected `{}://host/path`", scheme.as_str());
    if authority.is_empty() {
        return Err(Flaw::new("URI names no host").hint(form));
    }
    let malformed = || {
        let message = format!("host `{}` is malformed", clip(authority));
        Flaw::new(message).hint(form.clone())
    };
    let url = url::Url::parse(&format!("{}://{authority}/", scheme.as_str()));
    let url = url.map_err(|_| malformed())?;
    let host = url.host_str().ok_or_else(malformed)?;
    Ok(url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}
