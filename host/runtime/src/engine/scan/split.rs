//! Finds places between two records of a CSV file, so that its pieces can be read side by side.
//!
//! A quoted value may contain newlines, so a newline alone proves nothing. Up to the last cut the file
//! is searched for quotes, by a byte search that costs a few per cent of parsing. Where quotes
//! stand only around whole values, the newlines outside of them end records. Where one stands
//! anywhere else, or an escape character is in use, the file is not cut at all.

use bytes::Bytes;
use datafusion::object_store::{GetOptions, GetRange, ObjectMeta, Result as StoreResult};
use futures::TryStreamExt;
use futures::stream::BoxStream;

use super::Files;
use crate::error::Result;
use crate::spec::CsvOptions;
use crate::storage::storage_error;

/// Moves each of `wanted` to the start of the next record, or drops it.
pub(super) async fn at_records(
    files: &Files,
    object: &ObjectMeta,
    options: &CsvOptions,
    wanted: Vec<u64>,
) -> Result<Vec<u64>> {
    if options.multiline == Some(false) {
        return at_lines(files, object, &wanted).await;
    }
    let refused = options.multiline == Some(true) || options.escape.is_some();
    // A remote file would have to be read twice, so there the user has to say it.
    if wanted.is_empty() || refused || !files.local {
        return Ok(Vec::new());
    }
    let mut search = Search::new(options, wanted);
    let mut offset = 0;
    let mut chunks = from(files, object, offset).await?;
    while let Some(chunk) = next(files, object, &mut chunks).await? {
        if !search.feed(&chunk, offset) {
            break;
        }
        offset += chunk.len() as u64;
    }
    Ok(search.finish(object.size))
}

/// Moves each of `wanted` to the start of the next line, or drops it.
pub(super) async fn at_lines(
    files: &Files,
    object: &ObjectMeta,
    wanted: &[u64],
) -> Result<Vec<u64>> {
    let mut found: Vec<u64> = Vec::new();
    for &cut in wanted {
        if found.last().is_some_and(|&last| last >= cut) {
            continue;
        }
        // A cut right behind a newline is good as it is, hence the byte before it.
        let mut offset = cut.saturating_sub(1);
        let mut chunks = from(files, object, offset).await?;
        while let Some(chunk) = next(files, object, &mut chunks).await? {
            if let Some(newline) = memchr::memchr(b'\n', &chunk) {
                found.push(offset + newline as u64 + 1);
                break;
            }
            offset += chunk.len() as u64;
        }
    }
    found.retain(|&cut| cut < object.size);
    Ok(found)
}

type Chunks = BoxStream<'static, StoreResult<Bytes>>;

async fn from(files: &Files, object: &ObjectMeta, offset: u64) -> Result<Chunks> {
    let options = GetOptions::new().with_range(Some(GetRange::Offset(offset)));
    let found = files.store.get_opts(&object.location, options).await;
    let found = found.map_err(|error| storage_error(&files.name(object), error))?;
    Ok(found.into_stream())
}

async fn next(files: &Files, object: &ObjectMeta, chunks: &mut Chunks) -> Result<Option<Bytes>> {
    let chunk = chunks.try_next().await;
    chunk.map_err(|error| storage_error(&files.name(object), error))
}

/// The state of the search between two chunks.
#[derive(Debug)]
struct Search {
    quote: u8,
    delimiter: u8,
    /// Cuts not placed yet, the next one last.
    wanted: Vec<u64>,
    found: Vec<u64>,
    quoted: bool,
    /// A quote inside of a quoted value was the last byte seen: it ends the value or escapes a quote.
    pending_quote: bool,
    last: u8,
    irregular: bool,
}

impl Search {
    fn new(options: &CsvOptions, mut wanted: Vec<u64>) -> Self {
        wanted.reverse();
        Self {
            quote: options.quote,
            delimiter: options.delimiter,
            wanted,
            found: Vec::new(),
            quoted: false,
            pending_quote: false,
            last: b'\n',
            irregular: false,
        }
    }

    /// Looks at the bytes from `offset` on; false when there is nothing left to find.
    fn feed(&mut self, chunk: &[u8], offset: u64) -> bool {
        let mut from = 0;
        while !self.irregular && !self.wanted.is_empty() {
            let rest = chunk.get(from..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            from += self.step(chunk, from, offset);
        }
        if let Some(&last) = chunk.last() {
            self.last = last;
        }
        !self.irregular && !self.wanted.is_empty()
    }

    /// Handles the bytes from `from` up to and with the next one that matters; returns how many.
    fn step(&mut self, chunk: &[u8], from: usize, offset: u64) -> usize {
        let rest = chunk.get(from..).unwrap_or_default();
        if self.pending_quote {
            self.pending_quote = false;
            return self.after_quote(rest);
        }
        let quote = memchr::memchr(self.quote, rest);
        let clear = quote.unwrap_or(rest.len());
        if !self.quoted {
            self.place_cuts(rest.get(..clear).unwrap_or_default(), offset + from as u64);
        }
        let Some(at) = quote else { return rest.len() };
        if self.quoted {
            self.pending_quote = true;
        } else {
            let before = match (from + at).checked_sub(1) {
                Some(index) => chunk.get(index).copied().unwrap_or(self.last),
                None => self.last,
            };
            self.irregular = !(before == self.delimiter || matches!(before, b'\n' | b'\r'));
            self.quoted = true;
        }
        at + 1
    }

    /// The byte after a quote that stood inside of a quoted value.
    fn after_quote(&mut self, rest: &[u8]) -> usize {
        match rest.first() {
            Some(&byte) if byte == self.quote => 1,
            Some(&byte) if byte == self.delimiter || matches!(byte, b'\n' | b'\r') => {
                self.quoted = false;
                0
            }
            _ => {
                self.irregular = true;
                1
            }
        }
    }

    /// Places the cuts that the newlines in `clear`, which starts at `offset`, allow.
    fn place_cuts(&mut self, clear: &[u8], offset: u64) {
        while let Some(&cut) = self.wanted.last() {
            // A cut right behind a newline is good as it is, hence the byte before it.
            let skip = usize::try_from(cut.saturating_sub(1).saturating_sub(offset));
            let Some(tail) = skip.ok().and_then(|skip| clear.get(skip..)) else {
                return;
            };
            let Some(newline) = memchr::memchr(b'\n', tail) else {
                return;
            };
            let start = offset + (clear.len() - tail.len() + newline + 1) as u64;
            self.wanted.retain(|&cut| cut > start);
            self.found.push(start);
        }
    }

    fn finish(self, size: u64) -> Vec<u64> {
        if self.irregular {
            return Vec::new();
        }
        self.found.into_iter().filter(|&cut| cut < size).collect()
    }
}

#[cfg(test)]
mod tests;
