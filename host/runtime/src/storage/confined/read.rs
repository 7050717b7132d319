//! Reading files, in pieces that can be counted.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use cap_std::fs::Metadata;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, Error, GetOptions, GetResult, GetResultPayload, ObjectMeta, Result,
};
use tokio::task::JoinHandle;

use super::folder::{Folder, failure, object_meta, ours, relative, steadily};

/// Bytes of one piece. Large enough that handing it over costs nothing beside reading it, small
/// enough to stay in a core's cache and in an allocator's reach.
const PIECE_BYTES: u64 = 512 * 1024;

/// Bytes between two ranges that are cheaper to read than to seek over.
const GAP_BYTES: u64 = 64 * 1024;

/// A file that is open, and what it is.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) meta: ObjectMeta,
}

/// Opens a regular file.
pub(super) fn open(folder: &Folder, location: &Path) -> Result<Opened> {
    let path = relative(location)?;
    let failed = |error| failure(location, error);
    let dir = folder.dir().map_err(failed)?;
    // Opening a named pipe would wait for a writer, so it must not come to that.
    let metadata = steadily(|| dir.metadata(&path)).map_err(failed)?;
    refuse_special(location, &metadata)?;
    let file = steadily(|| dir.open(&path)).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    refuse_special(location, &metadata)?;
    Ok(Opened {
        file: file.into_std(),
        meta: object_meta(location.clone(), &metadata)?,
    })
}

/// A folder is no object, and a device or a pipe is nothing that could be read to its end.
fn refuse_special(location: &Path, metadata: &Metadata) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    if metadata.is_dir() {
        return Err(failure(location, io::ErrorKind::NotFound.into()));
    }
    Err(ours(crate::error::Error::input(format!(
        "`{location}` is no regular file"
    ))))
}

/// Opens a file for the range that is asked for, and reads the first piece of it.
pub(super) fn get(
    folder: &Arc<Folder>,
    location: &Path,
    options: &GetOptions,
) -> Result<GetResult> {
    if options.version.is_some() {
        return Err(super::unsupported("versions"));
    }
    let Opened { file, meta } = open(folder, location)?;
    options.check_preconditions(&meta)?;
    let range = match &options.range {
        None => 0..meta.size,
        Some(range) => range.as_range(meta.size).map_err(|error| Error::Generic {
            store: "file",
            source: error.into(),
        })?,
    };
    let payload = if options.head {
        stream::empty().boxed()
    } else {
        pieces(file, location.clone(), range.clone())?
    };
    Ok(GetResult {
        payload: GetResultPayload::Stream(payload),
        meta,
        range,
        attributes: Attributes::default(),
    })
}

/// The bytes of a range, piece by piece, each read while the one before is being used.
fn pieces(
    mut file: File,
    location: Path,
    range: Range<u64>,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    if range.start > 0 {
        file.seek(SeekFrom::Start(range.start))
            .map_err(|error| failure(&location, error))?;
    }
    let mut reader = Reader {
        file,
        location,
        left: range.end.saturating_sub(range.start),
    };
    let Some(first) = reader.next_piece()? else {
        return Ok(stream::empty().boxed());
    };
    if reader.left == 0 {
        return Ok(stream::once(std::future::ready(Ok(first))).boxed());
    }
    let ahead = reader.read_ahead();
    let rest = stream::try_unfold(Some(ahead), |ahead| async move {
        let Some(ahead) = ahead else { return Ok(None) };
        let (reader, piece) = ahead.await?;
        Ok(piece?.map(|piece| {
            let more = (reader.left > 0).then(|| reader.read_ahead());
            (piece, more)
        }))
    });
    Ok(stream::once(std::future::ready(Ok(first)))
        .chain(rest)
        .boxed())
}

struct Reader {
    file: File,
    location: Path,
    left: u64,
}

impl Reader {
    /// The next piece; none at the end.
    fn next_piece(&mut self) -> Result<Option<Bytes>> {
        let len = self.left.min(PIECE_BYTES);
        if len == 0 {
            return Ok(None);
        }
        let piece = read_exactly(&mut self.file, len).map_err(|e| failure(&self.location, e))?;
        self.left -= len;
        Ok(Some(piece))
    }

    /// Starts to read the next piece.
    fn read_ahead(mut self) -> JoinHandle<(Self, Result<Option<Bytes>>)> {
        tokio::task::spawn_blocking(move || {
            let piece = self.next_piece();
            (self, piece)
        })
    }
}

/// The next `len` bytes, in a buffer of that size.
fn read_exactly(file: &mut File, len: u64) -> io::Result<Bytes> {
    let capacity = usize::try_from(len).map_err(io::Error::other)?;
    let mut buffer = Vec::with_capacity(capacity);
    // Reads into the spare capacity: nothing is cleared before.
    let read = file.take(len).read_to_end(&mut buffer)?;
    if read < capacity {
        let message = "file became shorter while it was read";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    Ok(buffer.into())
}

/// The bytes of several ranges. Neighbours are read in one go.
pub(super) fn get_ranges(
    folder: &Arc<Folder>,
    location: &Path,
    ranges: &[Range<u64>],
) -> Result<Vec<Bytes>> {
    let Opened { mut file, meta } = open(folder, location)?;
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    order.sort_by_key(|at| ranges.get(*at).map(|range| range.start));
    let mut parts = vec![Bytes::new(); ranges.len()];
    let mut read = 0..0;
    let mut bytes = Bytes::new();
    for (place, at) in order.iter().enumerate() {
        let Some(range) = ranges.get(*at) else {
            continue;
        };
        if range.start > range.end || range.end > meta.size {
            let message = format!(
                "range {}..{} is outside of the {} bytes of `{location}`",
                range.start, range.end, meta.size
            );
            return Err(Error::Generic {
                store: "file",
                source: message.into(),
            });
        }
        if place == 0 || range.end > read.end {
            let after = order.get(place..).unwrap_or_default();
            read = run_of(
                range,
                after.iter().filter_map(|at| ranges.get(*at).cloned()),
                meta.size,
            );
            let seek = file.seek(SeekFrom::Start(read.start));
            bytes = seek
                .and_then(|_| read_exactly(&mut file, read.end - read.start))
                .map_err(|error| failure(location, error))?;
        }
        let from = usize::try_from(range.start - read.start).unwrap_or(usize::MAX);
        let to = usize::try_from(range.end - read.start).unwrap_or(usize::MAX);
        if let Some(part) = parts.get_mut(*at) {
            *part = bytes.slice(from..to);
        }
    }
    Ok(parts)
}

/// `first` with those after it that are near enough to read with it.
fn run_of(first: &Range<u64>, after: impl Iterator<Item = Range<u64>>, size: u64) -> Range<u64> {
    let mut run = first.clone();
    for range in after {
        if range.start > run.end.saturating_add(GAP_BYTES) || range.end > size {
            break;
        }
        run.end = run.end.max(range.end);
    }
    run
}
