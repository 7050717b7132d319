//! An object as a stream of bytes.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::{Folder, Object};

/// Bytes of an object that are read at once: a store answers a request in milliseconds, whatever it is for, and a transform has
/// little memory.
const PIECE_BYTES: u32 = 1 << 20;

/// Reads an object, piece by piece.
#[derive(Debug)]
pub struct Reader {
    folder: Folder,
    path: String,
    size: u64,
    /// Where `piece` starts.
    offset: u64,
    piece: Vec<u8>,
    /// How much of `piece` was read.
    read: usize,
}

impl Reader {
    pub(super) fn new(folder: Folder, object: Object) -> Self {
        Self {
            folder,
            path: object.path,
            size: object.size,
            offset: 0,
            piece: Vec::new(),
            read: 0,
        }
    }

    /// Bytes of the whole object, when it was opened.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    const fn position(&self) -> u64 {
        self.offset + self.read as u64
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.fill_buf()?.read(buffer)?;
        self.consume(n_bytes);
        Ok(n_bytes)
    }
}

impl BufRead for Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read >= self.piece.len() && self.position() < self.size {
            let offset = self.position();
            self.piece = self.folder.read(&self.path, offset, PIECE_BYTES)?;
            (self.offset, self.read) = (offset, 0);
        }
        Ok(self.piece.get(self.read..).unwrap_or_default())
    }

    fn consume(&mut self, n_bytes: usize) {
        self.read = (self.read + n_bytes).min(self.piece.len());
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position().checked_add_signed(offset),
        };
        let position = position.ok_or(io::ErrorKind::InvalidInput)?;
        let within = position.checked_sub(self.offset).map(usize::try_from);
        match within {
            Some(Ok(read)) if read <= self.piece.len() => self.read = read,
            _ => {
                self.piece.clear();
                (self.offset, self.read) = (position, 0);
            }
        }
        Ok(position)
    }
}
