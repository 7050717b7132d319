//! What the readers of text formats share: text on its way into a decoder.

use bytes::Bytes;
use datafusion::common::Result as DfResult;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};

/// Bytes of text after which a batch ends, however few records it has. A batch of ordinary records is
/// far below; fat ones would otherwise take the run's memory.
const BATCH_BYTES: u64 = 16 * 1024 * 1024;

/// Bytes of one record, of which there are up to four copies. A quote that is never closed would otherwise collect the
/// rest of the file.
pub(super) const RECORD_BYTES_MAX: u64 = 96 * 1024 * 1024;

/// Text on its way into a decoder, which keeps what the batch under way is made of: what is wrong with a
/// record is only known once the batch is whole.
pub(super) struct Feed {
    text: BoxStream<'static, DfResult<Bytes>>,
    chunk: Bytes,
    /// Where in the chunk the batch starts, and where the text starts that was not decoded yet.
    start: usize,
    at: usize,
    held: Vec<Bytes>,
    batch_bytes: u64,
    /// Bytes before the batch.
    offset: u64,
}

impl Feed {
    pub(super) fn new(text: BoxStream<'static, DfResult<Bytes>>) -> Self {
        Self {
            text: text.fuse().boxed(),
            chunk: Bytes::new(),
            start: 0,
            at: 0,
            held: Vec::new(),
            batch_bytes: 0,
            offset: 0,
        }
    }

    /// The next chunk, once the last is used up; none at the end of the text.
    pub(super) async fn next_chunk(&mut self) -> DfResult<Option<Bytes>> {
        self.text.try_next().await
    }

    /// Puts `chunk` behind what was decoded.
    pub(super) fn push(&mut self, chunk: Bytes) {
        let held = self.chunk.slice(self.start.min(self.at)..self.at);
        if !held.is_empty() {
            self.held.push(held);
        }
        self.chunk = chunk;
        (self.start, self.at) = (0, 0);
    }

    /// What is to be decoded next: the rest of the chunk, or a line at a time once the batch is long, so that
    /// it can end there.
    pub(super) fn pending(&self) -> &[u8] {
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        if !self.is_long() {
            return rest;
        }
        let end = memchr::memchr2(b'\n', b'\r', rest).map_or(rest.len(), |at| at + 1);
        rest.get(..end).unwrap_or(rest)
    }

    /// Notes that `bytes` of what is pending are decoded.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.chunk.len());
        self.batch_bytes += bytes as u64;
    }

    /// Whether the batch should end with the next record.
    pub(super) fn is_long(&self) -> bool {
        self.batch_bytes >= BATCH_BYTES
    }

    /// Whether there is one record that does not end.
    pub(super) fn is_endless(&self) -> bool {
        self.batch_bytes > RECORD_BYTES_MAX
    }

    /// The text of the batch under way.
    pub(super) fn batch(&self) -> impl Iterator<Item = &[u8]> {
        let last = self.chunk.get(self.start..self.at).unwrap_or_default();
        self.held.iter().map(AsRef::as_ref).chain([last])
    }

    /// Starts another batch.
    pub(super) fn begin_batch(&mut self) {
        self.held.clear();
        self.start = self.at;
        self.offset += self.batch_bytes;
        self.batch_bytes = 0;
    }

    /// Bytes of text before the batch under way.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The text from the start of the batch under way on, as far as it is there; nothing is pending then.
    pub(super) fn take_text(&mut self) -> Vec<u8> {
        let last = self.chunk.slice(self.start.min(self.at)..);
        let mut held = std::mem::take(&mut self.held);
        held.push(last);
        self.chunk = Bytes::new();
        (self.start, self.at) = (0, 0);
        held.concat()
    }

    /// Starts another batch behind the first `used` bytes of a text that was taken.
    pub(super) fn resume(&mut self, text: Vec<u8>, used: usize) {
        let used = used.min(text.len());
        self.chunk = Bytes::from(text).slice(used..);
        self.held.clear();
        (self.start, self.at) = (0, 0);
        self.offset += used as u64;
        self.batch_bytes = 0;
    }
}
