//! The names of a path: decoding, globs, `.` and `..`.

use std::fmt::Write as _;

use super::Flaw;
use crate::spec::quantity::clip;

/// One name of a path.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    name: String,
    /// The same as a glob, if it is one.
    glob: Option<String>,
}

impl Segment {
    pub(super) fn literal(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            glob: None,
        }
    }

    /// What matches exactly this name, or what it matches if it is a glob.
    fn into_pattern(self) -> String {
        let Self { name, glob } = self;
        glob.unwrap_or_else(|| glob::Pattern::escape(&name))
    }
}

/// The names of a path in the order of the text, `.` and `..` included.
#[derive(Debug)]
pub(super) struct Segments {
    list: Vec<Segment>,
    folder: bool,
}

impl Segments {
    /// Of a plain path, in which nothing is encoded and empty names mean nothing.
    pub(super) fn plain(text: &str) -> Result<Self, Flaw> {
        refuse_backslash(text)?;
        let list = text.split('/').filter(|part| !part.is_empty()).map(|part| {
            let glob = part.contains(['*', '?', '[']).then(|| part.to_owned());
            Segment {
                name: part.to_owned(),
                glob,
            }
        });
        Ok(Self {
            list: list.collect(),
            folder: ends_as_folder(text),
        })
    }

    /// Of the path of a URI. Empty names mean nothing in a file system, and are refused elsewhere.
    pub(super) fn encoded(text: &str, collapse: bool) -> Result<Self, Flaw> {
        refuse_backslash(text)?;
        let inner = text.strip_prefix('/').unwrap_or(text);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let mut list = Vec::new();
        for part in inner.split('/') {
            if !part.is_empty() {
                list.push(decode(part)?);
            } else if !collapse && !inner.is_empty() {
                return Err(Flaw::new("URI has an empty name").hint("write `/` in place of `//`"));
            }
        }
        Ok(Self {
            list,
            folder: ends_as_folder(text),
        })
    }

    /// The path before the glob, the glob, and whether a folder is meant.
    pub(super) fn resolve(
        self,
        before: Vec<Segment>,
    ) -> Result<(String, Option<String>, bool), Flaw> {
        let mut names = before;
        for segment in self.list {
            match segment.name.as_str() {
                "." => {}
                ".." => {
                    let flaw = || Flaw::new("`..` leads above the root");
                    names.pop().ok_or_else(flaw)?;
                }
                _ => names.push(segment),
            }
        }
        let fixed = names.iter().position(|segment| segment.glob.is_some());
        let globs = names.split_off(fixed.unwrap_or(names.len()));
        let path: Vec<String> = names.into_iter().map(|segment| segment.name).collect();
        let path = path.join("/");
        if globs.is_empty() {
            let folder = self.folder || path.is_empty();
            return Ok((path, None, folder));
        }
        let mut pattern: Vec<String> = globs.into_iter().map(Segment::into_pattern).collect();
        if self.folder {
            // All files below the folders that match.
            pattern.push("**".to_owned());
            pattern.push("*".to_owned());
        }
        Ok((path, Some(pattern.join("/")), true))
    }
}

fn ends_as_folder(text: &str) -> bool {
    matches!(text.rsplit('/').next(), Some("" | "." | ".."))
}

fn refuse_backslash(text: &str) -> Result<(), Flaw> {
    if text.contains('\\') {
        return Err(Flaw::new("URI has a backslash").hint("names are separated by `/`"));
    }
    Ok(())
}

/// One name of a URI. What was encoded is literal.
fn decode(part: &str) -> Result<Segment, Flaw> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut glob = Vec::with_capacity(part.len());
    let mut is_glob = false;
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            is_glob |= b"*?[".contains(first);
            bytes.push(*first);
            glob.push(*first);
            continue;
        }
        let [high, low, after @ ..] = rest else {
            return Err(malformed(part));
        };
        let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
            return Err(malformed(part));
        };
        let byte = high * 16 + low;
        if byte.is_ascii_control() || matches!(byte, b'/' | b'\\') {
            return Err(Flaw::new(format!(
                "name `{}` hides a separator or a control character behind `%`",
                clip(part)
            )));
        }
        rest = after;
        bytes.push(byte);
        if b"*?[]".contains(&byte) {
            glob.extend([b'[', byte, b']']);
        } else {
            glob.push(byte);
        }
    }
    let utf8 = |bytes| String::from_utf8(bytes).map_err(|_| malformed(part));
    let (name, glob) = (utf8(bytes)?, utf8(glob)?);
    if matches!(name.as_str(), "." | "..") && name != part {
        return Err(Flaw::new(format!(
            "name `{}` hides dots behind `%`",
            clip(part)
        )));
    }
    Ok(Segment {
        name,
        glob: is_glob.then_some(glob),
    })
}

fn malformed(part: &str) -> Flaw {
    Flaw::new(format!("name `{}` is malformed", clip(part)))
        .hint("after `scheme://`, `%` is followed by two hexadecimal digits of UTF-8, and a literal `%` is `%25`")
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// The path of a URI that reads back as `path`.
pub(super) fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for c in path.chars() {
        if "%*?[]#\"<>\\ ".contains(c) {
            let _ = write!(encoded, "%{:02X}", u32::from(c));
        } else {
            encoded.push(c);
        }
    }
    encoded
}
