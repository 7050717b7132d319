//! Folders of a test, in place of the host's: what the contract's interface `objects` is to a component.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::fakes::installed;
use crate::objects::PIECE_BYTES_MAX;

/// Objects of a page, fewer than of the host's, so that a test of a few objects sees more than one.
const PAGE_OBJECTS_MAX: usize = 3;
/// Bytes of a path, as the host has it.
const PATH_BYTES_MAX: usize = 1024;

#[derive(Debug)]
pub(crate) enum Error {
    Denied(String),
    Missing,
    Exists,
    Malformed(String),
    Limit(String),
    #[expect(dead_code, reason = "memory is always there")]
    Unavailable(String),
}

pub(crate) struct Object {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) etag: Option<String>,
}

pub(crate) struct Page {
    pub(crate) objects: Vec<Object>,
    pub(crate) next: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Folder(String);

#[derive(Debug)]
pub(crate) struct Writer {
    folder: String,
    path: String,
    bytes: RefCell<Vec<u8>>,
}

type Objects = BTreeMap<String, Vec<u8>>;

/// All folders by name.
#[derive(Debug, Default)]
pub(super) struct Folders(BTreeMap<String, Contents>);

#[derive(Debug, Default)]
struct Contents {
    objects: Objects,
    /// Begun and finished: this run does not see them.
    begun: BTreeSet<String>,
    written: Objects,
    deleted: BTreeSet<String>,
}

impl Folders {
    pub(super) fn add(&mut self, name: String, objects: Objects) {
        let contents = Contents {
            objects,
            ..Contents::default()
        };
        self.0.insert(name, contents);
    }

    pub(super) fn written(&self, folder: &str, path: &str) -> Option<Vec<u8>> {
        self.0.get(folder)?.written.get(path).cloned()
    }

    pub(super) fn is_deleted(&self, folder: &str, path: &str) -> bool {
        let contents = self.0.get(folder);
        contents.is_some_and(|contents| contents.deleted.contains(path))
    }
}

pub(crate) fn open(name: &str) -> Result<Folder, Error> {
    within(name, |_| Ok(Folder(name.to_owned())))
}

impl Folder {
    pub(crate) fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, Error> {
        let prefix = prefix.trim_end_matches('/');
        if !prefix.is_empty() {
            check(prefix)?;
        }
        within(&self.0, |contents| {
            let is_below = |path: &str| {
                let rest = path.strip_prefix(prefix);
                prefix.is_empty() || rest.is_some_and(|rest| rest.starts_with('/'))
            };
            let found = contents.objects.iter();
            let mut found = found
                .filter(|(path, _)| {
                    is_below(path) && after.is_none_or(|after| path.as_str() > after)
                })
                .map(|(path, bytes)| object(path, bytes));
            let objects: Vec<_> = found.by_ref().take(PAGE_OBJECTS_MAX).collect();
            let last = objects.last().map(|object| object.path.clone());
            let next = found.next().and(last);
            Ok(Page { objects, next })
        })
    }

    pub(crate) fn head(&self, path: &str) -> Result<Object, Error> {
        self.get(path, |bytes| Ok(object(path, bytes)))
    }

    pub(crate) fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
        check_length(length as usize)?;
        self.get(path, |bytes| {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = bytes.get(offset..).unwrap_or_default();
            Ok(rest.get(..length as usize).unwrap_or(rest).to_vec())
        })
    }

    pub(crate) fn create(&self, path: &str, overwrite: bool) -> Result<Writer, Error> {
        check(path)?;
        within(&self.0, |contents| {
            let is_there = contents.objects.contains_key(path) && !overwrite;
            if is_there || !contents.begun.insert(path.to_owned()) {
                return Err(Error::Exists);
            }
            Ok(Writer {
                folder: self.0.clone(),
                path: path.to_owned(),
                bytes: RefCell::default(),
            })
        })
    }

    pub(crate) fn delete(&self, path: &str) -> Result<(), Error> {
        self.get(path, |_| Ok(()))?;
        within(&self.0, |contents| {
            contents.deleted.insert(path.to_owned());
            Ok(())
        })
    }

    fn get<T>(&self, path: &str, what: impl FnOnce(&[u8]) -> Result<T, Error>) -> Result<T, Error> {
        check(path)?;
        within(&self.0, |contents| {
            what(contents.objects.get(path).ok_or(Error::Missing)?)
        })
    }
}

impl Writer {
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        check_length(bytes.len())?;
        self.bytes.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn finish(&self) -> Result<Object, Error> {
        let bytes = self.bytes.take();
        let object = object(&self.path, &bytes);
        within(&self.folder, |contents| {
            contents.written.insert(self.path.clone(), bytes);
            Ok(object)
        })
    }
}

fn object(path: &str, bytes: &[u8]) -> Object {
    Object {
        path: path.to_owned(),
        size: bytes.len() as u64,
        etag: None,
    }
}

fn check_length(length: usize) -> Result<(), Error> {
    if length > PIECE_BYTES_MAX as usize {
        let message = format!("at most {PIECE_BYTES_MAX} bytes cross at once");
        return Err(Error::Limit(message));
    }
    Ok(())
}

fn check(path: &str) -> Result<(), Error> {
    let is_wrong = |part: &str| matches!(part, "" | "." | "..") || part.contains(char::is_control);
    if path.len() > PATH_BYTES_MAX || path.split('/').any(is_wrong) {
        return Err(Error::Malformed("the path names nothing".to_owned()));
    }
    Ok(())
}

fn within<T>(
    folder: &str,
    what: impl FnOnce(&mut Contents) -> Result<T, Error>,
) -> Result<T, Error> {
    let fakes = installed();
    let mut folders = fakes.folders.borrow_mut();
    match folders.0.get_mut(folder) {
        Some(contents) => what(contents),
        None => Err(Error::Denied("the step does not declare it".to_owned())),
    }
}
