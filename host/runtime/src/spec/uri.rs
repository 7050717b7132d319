//! Where data is: one canonical form for paths and URIs.

mod authority;
mod segments;

use std::fmt;

use segments::{Segment, Segments};

use super::nearest::nearest;
use super::quantity::clip;
use crate::error::{Error, Result};

/// Bytes of a URI or path that are accepted; no store takes longer names.
const TEXT_BYTES_MAX: usize = 4096;

/// Bytes of a key in an object store, by the rules of S3.
const KEY_BYTES_MAX: usize = 1024;

/// Bytes of one name in a file system.
const NAME_BYTES_MAX: usize = 255;

/// What kind of place a URI names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// The local file system.
    File,
    /// A bucket of an S3-compatible store.
    S3,
    /// A bucket of Google Cloud Storage.
    Gs,
    /// A container of Azure Blob Storage.
    Az,
    /// A bucket of Oracle Cloud's Object Storage.
    Oci,
    /// A web server, for reading single files.
    Http,
    /// The same over TLS.
    Https,
}

impl Scheme {
    const WORDS: [(&'static str, Self); 8] = [
        ("file", Self::File),
        ("s3", Self::S3),
        ("gs", Self::Gs),
        ("az", Self::Az),
        ("abfss", Self::Az),
        ("oci", Self::Oci),
        ("http", Self::Http),
        ("https", Self::Https),
    ];

    /// The word before `://`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Az => "az",
            Self::Oci => "oci",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Whether it is a web server, which lists nothing and is for reading.
    #[must_use]
    pub const fn is_web(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// A variable that credentials come from.
    const fn variable(self) -> &'static str {
        match self {
            Self::File | Self::S3 | Self::Http | Self::Https => "AWS_ACCESS_KEY_ID",
            Self::Gs => "GOOGLE_SERVICE_ACCOUNT_KEY",
            Self::Az => "AZURE_STORAGE_KEY",
            Self::Oci => "OCI_ACCESS_KEY_ID",
        }
    }
}

/// Where data is: a file, a folder or a glob, in one canonical form.
///
/// Nothing is encoded any more, there are no `.`, `..` or empty names, and no credentials: a URI that
/// carries any is refused. Two URIs are the same place exactly if they are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uri {
    scheme: Scheme,
    /// As [`authority`](Self::authority).
    authority: String,
    /// Names joined by `/`, without one at either end; what stands before a glob.
    path: String,
    folder: bool,
    pattern: Option<String>,
}

/// Why a text is no URI.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// Whether the text carries credentials and must not be shown.
    pub(super) secret: bool,
}

impl Flaw {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            secret: false,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn secret(scheme: Scheme, message: &str) -> Self {
        let hint = format!(
            "credentials come from the environment, such as `{}`",
            scheme.variable()
        );
        Self {
            secret: true,
            ..Self::new(message).hint(hint)
        }
    }
}

impl From<Flaw> for Error {
    fn from(flaw: Flaw) -> Self {
        let error = Self::input(flaw.message);
        flaw.hint.into_iter().fold(error, Self::hint)
    }
}

impl Uri {
    /// Reads a URI or a plain path; a relative path is taken from the folder `base`.
    ///
    /// After `scheme://`, `%` escapes are decoded; a plain path is taken as it stands. `*`, `**`, `?`
    /// and `[..]` are a glob, `[*]` (or `%2A` in a URI) a literal star. A `/` at the end says that a
    /// folder is meant.
    ///
    /// # Errors
    ///
    /// Fails with which part is wrong and what was expected; never repeats credentials.
    pub fn parse(text: &str, base: Option<&Self>) -> Result<Self> {
        Self::read(text, base).map_err(Into::into)
    }

    /// Reads the URI or the absolute path of a folder, or of an application file within it.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse); and fails for a glob.
    pub fn parse_folder(text: &str) -> Result<Self> {
        let mut uri = Self::parse(text, None)?;
        if uri.pattern.is_some() {
            return Err(Error::input(format!(
                "`{}` is a glob, expected a folder",
                clip(text)
            )));
        }
        let extension = uri.name().rsplit_once('.').map(|(_, extension)| extension);
        if !uri.folder && extension == Some("toml") {
            uri.path.truncate(uri.path.rfind('/').unwrap_or(0));
        }
        uri.folder = true;
        Ok(uri)
    }

    /// As [`parse`](Self::parse), with a reason that can be shown beside a line of text.
    pub(super) fn read(text: &str, base: Option<&Self>) -> Result<Self, Flaw> {
        if text.is_empty() {
            return Err(Flaw::new("URI is empty").hint(FORMS));
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(Flaw::new(format!(
                "URI is longer than {TEXT_BYTES_MAX} bytes"
            )));
        }
        if let Some(at) = text.find(char::is_control) {
            return Err(Flaw::new(format!(
                "URI has a control character at byte {at}"
            )));
        }
        let Some((scheme, rest)) = text.split_once("://").filter(|(word, _)| is_scheme(word))
        else {
            return Self::read_path(text, base);
        };
        let word = scheme.to_ascii_lowercase();
        match Scheme::WORDS.iter().find(|(known, _)| *known == word) {
            Some((_, Scheme::File)) => Self::read_file(rest),
            Some((word, scheme)) => Self::read_remote(word, *scheme, rest),
            None => Err(unknown_scheme(&word)),
        }
    }

    fn read_path(text: &str, base: Option<&Self>) -> Result<Self, Flaw> {
        for (word, _) in Scheme::WORDS {
            if text
                .strip_prefix(word)
                .is_some_and(|rest| rest.starts_with(':'))
            {
                return Err(Flaw::new(format!("`{word}:` is not followed by `//`")).hint(FORMS));
            }
        }
        if text == "~" || text.starts_with("~/") {
            return Err(Flaw::new("`~` stands for no folder here").hint("write the path in full"));
        }
        let segments = Segments::plain(text)?;
        if text.starts_with('/') {
            return Self::assemble(Scheme::File, String::new(), Vec::new(), segments);
        }
        let Some(base) = base else {
            return Err(Flaw::new(format!(
                "path `{}` is relative, expected `/…`",
                clip(text)
            )));
        };
        let before = base.path.split('/').filter(|name| !name.is_empty());
        let before = before.map(Segment::literal).collect();
        Self::assemble(base.scheme, base.authority.clone(), before, segments)
    }

    fn read_file(rest: &str) -> Result<Self, Flaw> {
        let (host, path) = authority::split(rest);
        if host.contains('@') {
            return Err(Flaw::secret(Scheme::File, "file URI carries a user"));
        }
        if !host.is_empty() && !host.eq_ignore_ascii_case("localhost") {
            let message = format!("file URI names a host `{}`", clip(host));
            return Err(Flaw::new(message).hint("expected `file:///path`, with three slashes"));
        }
        refuse_credentials(Scheme::File, path)?;
        Self::assemble(
            Scheme::File,
            String::new(),
            Vec::new(),
            Segments::encoded(path, true)?,
        )
    }

    fn read_remote(word: &str, scheme: Scheme, rest: &str) -> Result<Self, Flaw> {
        let (authority, path) = authority::split(rest);
        refuse_credentials(scheme, path)?;
        let authority = authority::read(word, scheme, authority)?;
        if scheme.is_web() && path.contains(['?', '#']) {
            return Err(Flaw::new("URI has a query or a fragment")
                .hint("a web address names one file by its path alone; `%3F` is a literal `?`"));
        }
        let segments = Segments::encoded(path, false)?;
        Self::assemble(scheme, authority, Vec::new(), segments)
    }

    fn assemble(
        scheme: Scheme,
        authority: String,
        before: Vec<Segment>,
        segments: Segments,
    ) -> Result<Self, Flaw> {
        let (path, pattern, folder) = segments.resolve(before)?;
        let uri = Self {
            scheme,
            authority,
            path,
            folder,
            pattern,
        };
        if scheme.is_web() && (uri.folder || uri.pattern.is_some()) {
            return Err(Flaw::new("web address is a folder or a glob")
                .hint("a web server lists nothing; name one file"));
        }
        if scheme != Scheme::File && uri.path.len() > KEY_BYTES_MAX {
            return Err(Flaw::new(format!(
                "key is longer than {KEY_BYTES_MAX} bytes"
            )));
        }
        let long = uri.path.split('/').find(|name| name.len() > NAME_BYTES_MAX);
        if let Some(name) = long.filter(|_| scheme == Scheme::File) {
            let message = format!(
                "name `{}` is longer than {NAME_BYTES_MAX} bytes",
                clip(name)
            );
            return Err(Flaw::new(message));
        }
        if let Some(pattern) = &uri.pattern {
            glob::Pattern::new(pattern).map_err(|error| {
                Flaw::new(format!("glob `{}` is malformed: {}", clip(pattern), error.msg))
                    .hint("`*` is any part of a name, `**/` any folders, `?` one character, `[ab]` one of some")
            })?;
        }
        Ok(uri)
    }

    /// What kind of place it is.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The bucket; `container` or `container@account` of Azure; `bucket@namespace` of Oracle; or the host
    /// with its port. Empty for local files.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Names joined by `/`, without one at either end; what stands before a glob.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it ends in `/`, or names the root, or stands before a glob.
    #[must_use]
    pub const fn is_folder(&self) -> bool {
        self.folder
    }

    /// The glob, relative to [`path`](Self::path); names joined by `/`.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_deref()
    }

    /// The folder before the glob, and the glob.
    #[must_use]
    pub fn split_glob(&self) -> (Self, Option<&str>) {
        (
            Self {
                pattern: None,
                ..self.clone()
            },
            self.pattern(),
        )
    }

    /// The last name, of the glob if it is one; empty for a root.
    #[must_use]
    pub fn name(&self) -> &str {
        let path = self.pattern.as_deref().unwrap_or(&self.path);
        path.rsplit('/').next().unwrap_or_default()
    }

    /// The folder that holds it; a root holds itself.
    #[must_use]
    pub fn parent(&self) -> Self {
        let mut path = self.path.clone();
        if self.pattern.is_none() {
            path.truncate(path.rfind('/').unwrap_or(0));
        }
        Self {
            path,
            folder: true,
            pattern: None,
            ..self.clone()
        }
    }

    /// Where `other` is below this place: names joined by `/`, without a glob's; empty if both are the
    /// same. None if it is elsewhere.
    #[must_use]
    pub fn relative<'a>(&self, other: &'a Self) -> Option<&'a str> {
        if self.scheme != other.scheme || self.authority != other.authority {
            return None;
        }
        let rest = other.path.strip_prefix(&self.path)?;
        match rest.strip_prefix('/') {
            Some(below) => Some(below),
            None if self.path.is_empty() || rest.is_empty() => Some(rest),
            None => None,
        }
    }

    /// Whether `other` is this place, or below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.relative(other).is_some()
    }

    /// All of the store that holds it.
    #[must_use]
    pub fn root(&self) -> Self {
        Self {
            path: String::new(),
            ..self.parent()
        }
    }

    /// The same place in the account of `other`, if only that one names an account: the account that the
    /// environment names may be the same.
    #[must_use]
    pub fn in_account_of(&self, other: &Self) -> Self {
        match other.authority.split_once('@') {
            Some((_, account)) if other.scheme == Scheme::Az => self.of_account(account),
            _ => self.clone(),
        }
    }

    /// The same place in this account of Azure, if it is a container that names none.
    #[must_use]
    pub fn of_account(&self, account: &str) -> Self {
        let mut uri = self.clone();
        if self.scheme == Scheme::Az && !uri.authority.contains('@') {
            uri.authority.push('@');
            uri.authority.push_str(account);
        }
        uri
    }

    /// As a URI that reads back, whatever it names.
    #[must_use]
    pub fn encoded(&self) -> String {
        match self.scheme {
            Scheme::File => {
                let end = if self.folder && !self.path.is_empty() {
                    "/"
                } else {
                    ""
                };
                format!("file:///{}{end}", segments::encode(&self.path))
            }
            _ => self.to_string(),
        }
    }

    /// The same place, taken as a folder.
    #[must_use]
    pub fn as_folder(&self) -> Self {
        Self {
            folder: true,
            ..self.clone()
        }
    }
}

/// A local file is shown as its path, everything else as a URI that reads back.
impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scheme == Scheme::File {
            write!(f, "/{}", self.path)?;
        } else {
            let (word, suffix) = authority::show(self.scheme, &self.authority);
            write!(f, "{word}://{}{suffix}/", self.authority)?;
            f.write_str(&segments::encode(&self.path))?;
        }
        if self.folder && !self.path.is_empty() {
            f.write_str("/")?;
        }
        f.write_str(self.pattern.as_deref().unwrap_or_default())
    }
}

/// What may be written.
const FORMS: &str = "expected a path, or `file:///path`, `s3://bucket/key`, `gs://bucket/key`, \
                     `az://container/key`, `oci://bucket@namespace/key`, `https://host/path`";

/// What others call the schemes.
const OTHER_WORDS: [(&str, &str); 7] = [
    ("s3a", "s3"),
    ("s3n", "s3"),
    ("gcs", "gs"),
    ("azure", "az"),
    ("abfs", "abfss"),
    ("wasb", "abfss"),
    ("wasbs", "abfss"),
];

fn is_scheme(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn unknown_scheme(word: &str) -> Flaw {
    let flaw = Flaw::new(format!("scheme `{}://` is not supported", clip(word)));
    let known = Scheme::WORDS.iter().map(|(word, _)| *word);
    let other = OTHER_WORDS.iter().find(|(other, _)| *other == word);
    match other
        .map(|(_, known)| *known)
        .or_else(|| nearest(word, known))
    {
        Some(near) => flaw.hint(format!("did you mean `{near}://`?")),
        None => flaw.hint(FORMS),
    }
}

/// Refuses what signed URLs and connection strings carry.
fn refuse_credentials(scheme: Scheme, path: &str) -> Result<(), Flaw> {
    const SECRETS: [&str; 10] = [
        "awsaccesskeyid",
        "signature",
        "sig",
        "token",
        "access_token",
        "key",
        "password",
        "secret",
        "access_key_id",
        "secret_access_key",
    ];
    let Some((_, query)) = path.split_once('?') else {
        return Ok(());
    };
    for pair in query.split(['&', ';', '?']) {
        let name = pair
            .split('=')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let known = SECRETS.contains(&name.as_str())
            || name.starts_with("x-amz-")
            || name.starts_with("x-goog-");
        if known && pair.contains('=') {
            return Err(Flaw::secret(scheme, "URI carries credentials in its query"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
