//! Resources in one canonical form, and the patterns that statements name them by.

use std::fmt;

use super::vocabulary::{Action, ResourceKind};
use crate::error::{Error, Result};
use crate::spec::{Scheme, Uri, clip, nearest};

/// Bytes of a resource: the path of a local file has at most 4,096.
pub const RESOURCE_BYTES_MAX: usize = 4_200;

/// Names in a path: as many folders as anybody nests, and few enough to look each up.
pub const SEGMENTS_MAX: usize = 64;

/// One thing that a principal wants to act on, in canonical form.
///
/// Two texts name the same thing exactly if they are equal: hosts are in lower case with their port, objects have the
/// canonical form of [`Uri`], and paths have no empty name, no `.` and no `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    pub(super) kind: ResourceKind,
    /// Without the kind: `scheme:bucket/key`, `host:port`, or a name.
    pub(super) name: String,
    /// Whether a folder is meant, which is listed.
    pub(super) folder: bool,
}

/// Why a text is no resource.
type Flaw = String;

impl Resource {
    /// The secret of a name.
    ///
    /// # Errors
    ///
    /// Fails where it is no name.
    pub fn secret(name: &str) -> Result<Self> {
        Self::parse(&format!("secret:{name}"), Action::SecretUse)
    }

    /// Reads what `action` is to act on, such as `s3://raw/sales/x.csv`. Listing takes a folder, with or without a
    /// slash at its end.
    ///
    /// # Errors
    ///
    /// Fails with what is wrong with the text, also where it is another kind than the action takes.
    pub fn parse(text: &str, action: Action) -> Result<Self> {
        Self::read(text, action).map_err(|flaw| {
            let form = form(action.kind());
            Error::input(flaw).hint(format!("`{action}` acts on a resource such as `{form}`"))
        })
    }

    fn read(text: &str, action: Action) -> Result<Self, Flaw> {
        let (kind, name) = split(text)?;
        if kind != action.kind() {
            return Err(format!("`{}` is nothing for `{action}`", clip(text)));
        }
        let folder = action.takes_folder();
        let name = match kind {
            ResourceKind::Object => {
                let uri = object(name)?;
                if !folder && (uri.path().is_empty() || uri.is_folder()) {
                    return Err(format!(
                        "`{}` names a folder, expected an object in it",
                        clip(text)
                    ));
                }
                object_name(&uri, uri.path())?
            }
            ResourceKind::Host => host(name, false)?,
            _ => {
                check_word(name, false)?;
                name.to_owned()
            }
        };
        Ok(Self { kind, name, folder })
    }

    /// The object `key` of the store that holds `uri`, as it is: nothing in a key is decoded.
    ///
    /// # Errors
    ///
    /// Fails where the key has empty names, `.` or `..`, or is too long or too deep to be decided about.
    pub fn object(uri: &Uri, key: &str) -> Result<Self> {
        Self::of_store(uri, key, false)
    }

    /// The folder `key` of the store that holds `uri`; empty for all of it.
    ///
    /// # Errors
    ///
    /// As [`object`](Self::object).
    pub fn folder(uri: &Uri, key: &str) -> Result<Self> {
        Self::of_store(uri, key, true)
    }

    /// The folder that an object lies in; the bucket itself where it is in none.
    pub(super) fn above(&self) -> Self {
        let end = self.name.rfind('/').unwrap_or(self.name.len());
        Self {
            kind: self.kind,
            name: self.name.get(..end).unwrap_or_default().to_owned(),
            folder: true,
        }
    }

    /// What has the name `name` in this folder.
    pub(super) fn inside(&self, name: &str) -> Result<Self> {
        let name = format!("{}/{name}", self.name);
        check_names(&name).map_err(Error::input)?;
        Ok(Self {
            kind: self.kind,
            name,
            folder: false,
        })
    }

    fn of_store(uri: &Uri, key: &str, folder: bool) -> Result<Self> {
        let name = object_name(uri, key).map_err(Error::input)?;
        Ok(Self {
            kind: ResourceKind::Object,
            name,
            folder,
        })
    }

    /// Whether it is the object that a URI names.
    #[must_use]
    pub fn is(&self, uri: &Uri) -> bool {
        object_name(uri, uri.path()).is_ok_and(|name| !self.folder && name == self.name)
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> ResourceKind {
        self.kind
    }

    /// The name without the kind: `scheme:bucket/key`, `host:port`, or a word.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its entity.
    pub(super) fn entity_type(&self) -> &'static str {
        match self.kind {
            ResourceKind::Object if !self.folder => "Object",
            ResourceKind::Object if self.name.contains('/') => "Prefix",
            kind => entity_type(kind),
        }
    }

    /// The folders above it and its bucket, as types and names.
    pub(super) fn ancestors(&self) -> Vec<(&'static str, &str)> {
        if self.kind != ResourceKind::Object {
            return Vec::new();
        }
        let ends = self.name.match_indices('/').map(|(at, _)| at);
        ends.enumerate()
            .filter_map(|(depth, end)| {
                let ty = if depth == 0 { "Bucket" } else { "Prefix" };
                Some((ty, self.name.get(..end)?))
            })
            .collect()
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != ResourceKind::Object {
            return write!(f, "{}:{}", self.kind.as_str(), self.name);
        }
        let (bucket, key) = self.name.split_once('/').unwrap_or((&self.name, ""));
        let (scheme, authority) = bucket.split_once(':').unwrap_or((bucket, ""));
        match authority.split_once('@').filter(|_| scheme == "az") {
            Some((container, account)) => {
                write!(
                    f,
                    "abfss://{container}@{account}.dfs.core.windows.net/{key}"
                )?;
            }
            None => write!(f, "{scheme}://{authority}/{key}")?,
        }
        f.write_str(if self.folder && !key.is_empty() {
            "/"
        } else {
            ""
        })
    }
}

/// The type of a kind's entities; of a bucket, the bucket's own.
pub(super) const fn entity_type(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Object => "Bucket",
        ResourceKind::Host => "Host",
        ResourceKind::Secret => "Secret",
        ResourceKind::Clock => "Clock",
        ResourceKind::Random => "Random",
        ResourceKind::Log => "Log",
        ResourceKind::Application => "Application",
        ResourceKind::Run => "Run",
    }
}

const fn form(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Object => "s3://raw/sales/x.csv",
        ResourceKind::Host => "host:example.com:443",
        ResourceKind::Secret => "secret:api-token",
        ResourceKind::Clock => "clock:wall",
        ResourceKind::Random => "random:secure",
        ResourceKind::Log => "log:run",
        ResourceKind::Application => "application:sales-etl",
        ResourceKind::Run => "run:r-1",
    }
}

/// Which resources a statement is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pattern {
    /// `*`.
    Any,
    /// `secret:*`.
    AnyOf(ResourceKind),
    /// One object, host, or other thing.
    One(ResourceKind, String),
    /// `s3://raw/sales/*`: a folder and all within; never `raw/sales-hr`.
    Within(String),
    /// A name with `*` in it, each for any text, slashes included.
    Glob(ResourceKind, String),
}

impl Pattern {
    /// Reads what a statement says, after its variables were replaced.
    pub(super) fn parse(text: &str) -> Result<Self, Flaw> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let (kind, name) = split(text)?;
        if name == "*" {
            return Ok(Self::AnyOf(kind));
        }
        if name.contains('?') {
            return Err(format!(
                "`{}` has a `?`, which cannot be represented: write `*`, or name each",
                clip(text)
            ));
        }
        match kind {
            ResourceKind::Object => Self::object(name),
            ResourceKind::Host => {
                let name = host(name, true)?;
                Ok(Self::named(kind, name))
            }
            _ => {
                check_word(name, true)?;
                Ok(Self::named(kind, name.to_owned()))
            }
        }
    }

    fn object(text: &str) -> Result<Self, Flaw> {
        let told = clip(text);
        let (folder, is_folder) = match text.strip_suffix("/*") {
            Some(folder) => (folder, true),
            None => (text, false),
        };
        if folder.contains('*') {
            return Self::glob(text);
        }
        let uri = object(&format!("{folder}{}", if is_folder { "/" } else { "" }))?;
        let name = object_name(&uri, uri.path())?;
        if is_folder {
            return Ok(Self::Within(name));
        }
        if uri.path().is_empty() {
            return Err(format!(
                "`{told}` is a bucket, expected what in it: `{}/*` is all",
                told.trim_end_matches('/')
            ));
        }
        if uri.is_folder() {
            return Err(format!("`{told}` ends in `/`: write `/*` for all within"));
        }
        Ok(Self::One(ResourceKind::Object, name))
    }

    /// A text with `*` elsewhere than at its end: nothing in it is decoded.
    fn glob(text: &str) -> Result<Self, Flaw> {
        let told = clip(text);
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('*') {
            return Err(format!(
                "`{told}` has a `*` in the name of its bucket, which would reach across buckets: name each, or write `object:*`"
            ));
        }
        if key.ends_with('/') {
            return Err(format!("`{told}` ends in `/`: write `/*` for all within"));
        }
        if key.contains(['%', '[']) {
            return Err(format!(
                "`{told}` has `%` or `[` beside a `*`: write names as they are"
            ));
        }
        let bucket = object(&format!("{scheme}://{authority}/"))?;
        check_path(key)?;
        let name = object_name(&bucket, key)?;
        Ok(Self::Glob(ResourceKind::Object, name))
    }

    fn named(kind: ResourceKind, name: String) -> Self {
        if name.contains('*') {
            Self::Glob(kind, name)
        } else {
            Self::One(kind, name)
        }
    }

    /// The kind, where there is one.
    pub(super) const fn kind(&self) -> Option<ResourceKind> {
        match self {
            Self::Any => None,
            Self::AnyOf(kind) | Self::One(kind, _) | Self::Glob(kind, _) => Some(*kind),
            Self::Within(_) => Some(ResourceKind::Object),
        }
    }
}

fn split(text: &str) -> Result<(ResourceKind, &str), Flaw> {
    if text.len() > RESOURCE_BYTES_MAX {
        return Err(format!(
            "resource is longer than {RESOURCE_BYTES_MAX} bytes"
        ));
    }
    if text.contains("://") {
        return Ok((ResourceKind::Object, text));
    }
    let words = ResourceKind::WORDS;
    let (word, name) = text.split_once(':').ok_or_else(|| {
        let known = words.map(|(word, _)| format!("`{word}:`")).join(", ");
        format!(
            "resource `{}` has no kind, expected one of {known}",
            clip(text)
        )
    })?;
    let found = words.iter().find(|(known, _)| *known == word);
    let (_, kind) = found.ok_or_else(|| {
        let hint = nearest(word, words.map(|(word, _)| word));
        let hint = hint.map_or_else(
            || {
                format!(
                    ", expected one of {}",
                    words.map(|(word, _)| word).join(", ")
                )
            },
            |word| format!(", did you mean `{word}`?"),
        );
        format!("unknown kind of resource `{}`{hint}", clip(word))
    })?;
    if *kind == ResourceKind::Object && name != "*" {
        return Err(format!(
            "`{}` is no URI: an object is named by one such as `s3://raw/sales/x.csv`",
            clip(text)
        ));
    }
    Ok((*kind, name))
}

/// The place that a text names, which hides nothing.
fn object(text: &str) -> Result<Uri, Flaw> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if !rest.is_empty() {
        check_path(rest)?;
    }
    let uri = Uri::parse(text, None).map_err(|error| error.message().to_owned())?;
    if uri.pattern().is_some() {
        return Err(format!("`{}` is a glob, expected one place", clip(text)));
    }
    if uri.scheme() == Scheme::Az && !uri.authority().contains('@') {
        return Err(format!(
            "`{}` names no account, expected `abfss://container@account.dfs.core.windows.net/…`",
            clip(text)
        ));
    }
    Ok(uri)
}

/// The key of a store as a name: two stores share none.
fn object_name(uri: &Uri, key: &str) -> Result<String, Flaw> {
    let mut name = format!("{}:{}", uri.scheme().as_str(), uri.authority());
    if !key.is_empty() {
        check_names(key)?;
        name.push('/');
        name.push_str(key);
    }
    if name.len() > RESOURCE_BYTES_MAX {
        return Err(format!(
            "resource is longer than {RESOURCE_BYTES_MAX} bytes"
        ));
    }
    Ok(name)
}

/// Characters that people do not see: two names that look alike must not differ by them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// Checks a path that nobody trusts: names joined by `/`, none of them empty or of dots, nothing behind `%`, nothing that
/// is not seen.
///
/// # Errors
///
/// Fails with what is wrong with it.
pub fn check_path(path: &str) -> Result<(), String> {
    let told = clip(path);
    if path.contains(is_invisible) || path.contains('\\') {
        return Err(format!(
            "`{told}` has a backslash, or a character that is not seen"
        ));
    }
    let lower = path.to_ascii_lowercase();
    if ["%2e", "%2f", "%5c", "%25", "%00"]
        .iter()
        .any(|code| lower.contains(code))
    {
        return Err(format!("`{told}` hides dots or separators behind `%`"));
    }
    check_names(path)
}

/// Names joined by `/`, none of them empty or of dots.
fn check_names(path: &str) -> Result<(), Flaw> {
    let told = clip(path);
    let mut depth = 0;
    for name in path.split('/') {
        depth += 1;
        if matches!(name, "" | "." | "..") {
            return Err(format!("`{told}` has an empty name, `.` or `..`"));
        }
    }
    if depth > SEGMENTS_MAX {
        return Err(format!("`{told}` has more than {SEGMENTS_MAX} names"));
    }
    Ok(())
}

fn check_word(name: &str, glob: bool) -> Result<(), Flaw> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c) || glob && c == '*';
    if name.is_empty() || !name.chars().all(legal) {
        return Err(format!(
            "name `{}` is malformed, expected letters, digits, `.`, `_`, `-`, `@`",
            clip(name)
        ));
    }
    Ok(())
}

/// `name:port` in lower case, without a dot at the end of the name.
fn host(text: &str, glob: bool) -> Result<String, Flaw> {
    let told = clip(text);
    let malformed =
        |why: &str| format!("host `{told}` {why}, expected one such as `example.com:443`");
    let (name, port) = text
        .rsplit_once(':')
        .ok_or_else(|| malformed("has no port"))?;
    let number = port.parse::<u16>().ok().filter(|port| *port > 0);
    let is_port = number.is_some_and(|number| number.to_string() == port);
    let is_any_port = glob && port == "*";
    if !is_port && !is_any_port {
        return Err(malformed("has a malformed port"));
    }
    if let Some(address) = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
    {
        let address: std::net::Ipv6Addr = address
            .parse()
            .map_err(|_| malformed("has a malformed address"))?;
        return Ok(format!("[{address}]:{port}"));
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || glob && c == '*';
    let is_name = name
        .split('.')
        .all(|label| (1..=63).contains(&label.len()) && label.chars().all(legal));
    if !is_name {
        return Err(malformed("has a malformed name"));
    }
    // `2130706433`, `0x7f.1` and `127.1` are addresses to some resolvers and names to others.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with("0x") || last.chars().all(|c| c.is_ascii_digit());
    if is_number && name.parse::<std::net::Ipv4Addr>().is_err() {
        return Err(malformed("is an address in an odd form"));
    }
    if name.contains('*') && name != "*" && !name.starts_with("*.") || name.matches('*').count() > 1
    {
        return Err(malformed(
            "has a `*` elsewhere than in place of its first labels",
        ));
    }
    Ok(format!("{name}:{port}"))
}
