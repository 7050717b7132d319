//! An object that is being written.

use std::io::{self, Write};

use super::{Error, Object, imports};

/// Bytes that are collected before they are handed to the host, so that many small writes cost as few calls as one.
const PIECE_BYTES: usize = 1 << 20;

/// An object that is being written. Dropping it before [`Self::finish`] leaves nothing.
#[derive(Debug)]
pub struct Writer {
    handle: imports::Writer,
    what: String,
    piece: Vec<u8>,
}

impl Writer {
    pub(super) const fn new(handle: imports::Writer, what: String) -> Self {
        Self {
            handle,
            what,
            piece: Vec::new(),
        }
    }

    /// Ends the object; it appears with the run's output.
    ///
    /// # Errors
    ///
    /// As the store says. Nothing is left then.
    pub fn finish(mut self) -> Result<Object, Error> {
        self.hand_over()?;
        let object = self.handle.finish();
        object
            .map(Object::from)
            .map_err(|error| Error::new(error, &self.what))
    }

    fn hand_over(&mut self) -> Result<(), Error> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let done = self.handle.write(&self.piece);
        self.piece.clear();
        done.map_err(|error| Error::new(error, &self.what))
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() >= PIECE_BYTES {
            self.hand_over()?;
        }
        let room = PIECE_BYTES.saturating_sub(self.piece.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.piece.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(self.hand_over()?)
    }
}
