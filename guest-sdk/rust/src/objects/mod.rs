//! Objects in folders that the step declares, by the names that it gives them.
//!
//! ```
//! use std::io::{BufRead, Write};
//!
//! use sluicegate_guest::objects::Folder;
//! # use sluicegate_guest::harness::Fakes;
//! # let fakes = Fakes::new().folder("lookup", [("rates.csv", "EUR,1.5\n")]).folder("out", [("x", "")]);
//! # fakes.install();
//!
//! let rates = Folder::open("lookup")?.reader("rates.csv")?;
//! let mut copy = Folder::open("out")?.create("rates.txt")?;
//! for line in rates.lines() {
//!     writeln!(copy, "{}", line?)?;
//! }
//! copy.finish()?;
//! # assert_eq!(fakes.written("out", "rates.txt").unwrap(), b"EUR,1.5\n");
//! # Ok::<_, std::io::Error>(())
//! ```

mod error;
mod reader;
mod writer;

use std::rc::Rc;

#[cfg(target_arch = "wasm32")]
use crate::component::access::sluicegate::access::objects as imports;
#[cfg(not(target_arch = "wasm32"))]
use crate::harness::objects as imports;

pub use error::{Error, ErrorKind};
pub use reader::Reader;
pub use writer::Writer;

/// Bytes that cross the boundary at once: the contract's limit.
pub const PIECE_BYTES_MAX: u32 = 8 << 20;

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Relative to the folder, names joined by `/`.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Changes when the content does, where the store tells.
    pub etag: Option<String>,
}

/// A folder with all that is in it, however deep. A clone is the same folder.
#[derive(Clone, Debug)]
pub struct Folder {
    name: Rc<str>,
    handle: Rc<imports::Folder>,
}

impl Folder {
    /// Opens a folder by the name that the step gives it. Nothing is asked of a store yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Denied`] where the step declares no such folder.
    pub fn open(name: &str) -> Result<Self, Error> {
        let opened = imports::open(name);
        let handle = opened.map_err(|error| Error::new(error, &format!("folder `{name}`")))?;
        Ok(Self {
            name: name.into(),
            handle: Rc::new(handle),
        })
    }

    /// The objects whose paths begin with the folder `prefix`, empty for all, in the order of their paths. It ends after
    /// an error.
    pub fn list(&self, prefix: &str) -> impl Iterator<Item = Result<Object, Error>> {
        let mut after = Some(None);
        let pages = std::iter::from_fn(move || {
            let from: Option<String> = after.take()?;
            let page = self.handle.list(prefix, from.as_deref());
            let (objects, error) = match page {
                Ok(page) => {
                    after = page.next.map(Some);
                    (page.objects, None)
                }
                Err(error) => (Vec::new(), Some(Err(self.error(error, prefix)))),
            };
            let objects = objects.into_iter().map(|object| Ok(Object::from(object)));
            Some(objects.chain(error))
        });
        pages.flatten()
    }

    /// What is known of one object.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Missing`] where there is none.
    pub fn head(&self, path: &str) -> Result<Object, Error> {
        let object = self.handle.head(path);
        object
            .map(Object::from)
            .map_err(|error| self.error(error, path))
    }

    /// The bytes from `offset` on, at most `length` of them, fewer at the end of the object and none beyond it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Missing`] where there is no such object, [`ErrorKind::Limit`] beyond [`PIECE_BYTES_MAX`].
    pub fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
        let bytes = self.handle.read(path, offset, length);
        bytes.map_err(|error| self.error(error, path))
    }

    /// A whole object of at most `bytes_max`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Limit`] where it is larger.
    pub fn read_all(&self, path: &str, bytes_max: usize) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        loop {
            // One more than may be there, so that a larger object is noticed.
            let room = u32::try_from(bytes_max.saturating_add(1).saturating_sub(whole.len()));
            let length = room.unwrap_or(u32::MAX).min(PIECE_BYTES_MAX);
            let piece = self.read(path, whole.len() as u64, length)?;
            whole.extend_from_slice(&piece);
            if whole.len() > bytes_max {
                let message = format!("it is larger than {bytes_max} bytes");
                return Err(self.error(imports::Error::Limit(message), path));
            }
            if piece.len() < length as usize {
                return Ok(whole);
            }
        }
    }

    /// Reads an object from its start, piece by piece; it can seek.
    ///
    /// # Errors
    ///
    /// Those of [`Self::head`].
    pub fn reader(&self, path: &str) -> Result<Reader, Error> {
        let object = self.head(path)?;
        Ok(Reader::new(self.clone(), object))
    }

    /// Begins an object that is not there yet. It appears when the run is committed, all at once with the run's output.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Exists`] where it is there already.
    pub fn create(&self, path: &str) -> Result<Writer, Error> {
        self.begin(path, false)
    }

    /// Begins an object that takes the place of the one that may be there, when the run is committed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Exists`] where this run has written it already.
    pub fn overwrite(&self, path: &str) -> Result<Writer, Error> {
        self.begin(path, true)
    }

    /// Deletes an object, when the run is committed.
    ///
    /// # Errors
    ///
    /// As the store says.
    pub fn delete(&self, path: &str) -> Result<(), Error> {
        let done = self.handle.delete(path);
        done.map_err(|error| self.error(error, path))
    }

    fn begin(&self, path: &str, overwrite: bool) -> Result<Writer, Error> {
        match self.handle.create(path, overwrite) {
            Ok(handle) => Ok(Writer::new(handle, self.what(path))),
            Err(error) => Err(self.error(error, path)),
        }
    }

    fn error(&self, error: imports::Error, path: &str) -> Error {
        Error::new(error, &self.what(path))
    }

    fn what(&self, path: &str) -> String {
        format!("`{path}` in folder `{}`", self.name)
    }
}

impl From<imports::Object> for Object {
    fn from(object: imports::Object) -> Self {
        Self {
            path: object.path,
            size: object.size,
            etag: object.etag,
        }
    }
}

#[cfg(test)]
mod tests;
