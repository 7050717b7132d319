//! One file on its way.

use std::fmt;

use bytes::Bytes;
use object_store::PutPayload;
use object_store::path::Path;

use super::slot::Slot;
use super::{Place, storage_error};
use crate::error::{Error, Result};
use crate::spec::Scheme;
use crate::storage::dataset::{DataFile, Source};
use crate::storage::upload::Ticket;

/// Parts of one file that are under way at once: one travels while the next is filled.
const PARTS_IN_FLIGHT_MAX: usize = 3;

/// Parts of one file, by the rules of S3.
const PARTS_MAX: usize = 10_000;

/// A file that is being written. Nothing of it is visible.
pub struct StagedFile {
    relative: String,
    /// For errors.
    what: String,
    location: Path,
    slot: Slot,
    part_bytes: usize,
    /// Whether a file without a byte is one empty part; otherwise it has no part.
    empty_part: bool,
    pending: Vec<Bytes>,
    pending_bytes: usize,
    parts: usize,
    bytes: u64,
    ticket: Option<Ticket>,
    hash: blake3::Hasher,
}

/// A file whose parts are all stored. It appears with the commit.
pub struct FinishedFile {
    /// Relative to the output.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// What it holds, where that is known.
    pub rows: Option<u64>,
    pub(super) location: Path,
    pub(super) slot: Slot,
    ticket: Option<Ticket>,
    hash: blake3::Hash,
}

impl FinishedFile {
    /// What a version says of it.
    #[must_use]
    pub fn told(&self) -> DataFile {
        DataFile {
            path: self.path.clone(),
            bytes: self.bytes,
            rows: self.rows,
            blake3: Some(self.hash.to_hex().to_string()),
        }
    }

    /// What a commit says of it; from now on, only that can make it appear. None if nobody else could.
    pub(super) fn detach(self) -> Option<(DataFile, Source)> {
        let file = self.told();
        let upload = self.ticket?.detach();
        // Nothing is given up with it any more.
        drop(self.slot.take()?);
        Some((file, Source::Upload(upload)))
    }
}

impl fmt::Debug for StagedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            relative, bytes, ..
        } = self;
        f.debug_struct("StagedFile")
            .field("path", relative)
            .field("bytes", bytes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FinishedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, bytes, .. } = self;
        f.debug_struct("FinishedFile")
            .field("path", path)
            .field("bytes", bytes)
            .finish_non_exhaustive()
    }
}

impl StagedFile {
    pub(super) fn new(
        relative: String,
        what: String,
        location: Path,
        slot: Slot,
        place: &Place,
    ) -> Self {
        Self {
            relative,
            what,
            location,
            slot,
            part_bytes: place.part_bytes.max(1),
            // An upload without any part is no file to S3, and an empty part is refused by Azure.
            empty_part: place.uri.scheme() != Scheme::Az,
            pending: Vec::new(),
            pending_bytes: 0,
            parts: 0,
            bytes: 0,
            ticket: None,
            hash: blake3::Hasher::new(),
        }
    }

    /// With what others can complete it by.
    pub(super) fn with_ticket(mut self, ticket: Ticket) -> Self {
        self.ticket = Some(ticket);
        self
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds to the file. Waits while too many parts are under way, so memory stays bounded.
    ///
    /// If the future is dropped, the file has to be given up.
    ///
    /// # Errors
    ///
    /// Fails if storage does, or if the file was aborted.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        self.bytes += bytes.len() as u64;
        if self.ticket.is_some() {
            self.hash.update(&bytes);
        }
        while !bytes.is_empty() {
            let room = self.part_bytes - self.pending_bytes;
            let piece = bytes.split_to(room.min(bytes.len()));
            self.pending_bytes += piece.len();
            self.pending.push(piece);
            if self.pending_bytes == self.part_bytes {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Stores what is left, and waits until every part is stored. The file is complete, and not
    /// visible.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn finish(mut self) -> Result<FinishedFile> {
        if self.pending_bytes > 0 || (self.parts == 0 && self.empty_part) {
            self.send().await?;
        }
        while self.slot.under_way() > 0 {
            self.settle_one().await?;
        }
        Ok(FinishedFile {
            path: self.relative,
            bytes: self.bytes,
            rows: None,
            location: self.location,
            slot: self.slot,
            ticket: self.ticket,
            hash: self.hash.finalize(),
        })
    }

    /// Sends what is pending as a part.
    async fn send(&mut self) -> Result<()> {
        while self.slot.under_way() >= PARTS_IN_FLIGHT_MAX {
            self.settle_one().await?;
        }
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(Error::limit(
                "parts of a file",
                PARTS_MAX,
                "lower `target_file_bytes`",
            ));
        }
        self.pending_bytes = 0;
        let payload: PutPayload = std::mem::take(&mut self.pending).into_iter().collect();
        if self.slot.send(payload) {
            return Ok(());
        }
        Err(Error::internal(format!("`{}` was given up", self.what)))
    }

    async fn settle_one(&mut self) -> Result<()> {
        match self.slot.settle_one().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(storage_error(&self.what, error).context("write a file")),
            Some(Err(error)) => {
                Err(Error::internal(format!("writing `{}` panicked", self.what)).source(error))
            }
        }
    }
}
