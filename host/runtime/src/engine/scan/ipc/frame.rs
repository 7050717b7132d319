//! The messages of a file or stream, each whole and checked before the decoder sees it.
//!
//! The decoder allocates what lengths in the metadata say, and an allocation that fails ends the process. So
//! all of them are compared with what arrived, or with a bound, first.

use std::io::Read as _;

use arrow::buffer::{Buffer, MutableBuffer};
use arrow::ipc::{
    Block, CompressionType, Footer, Message, MessageHeader, RecordBatch, Schema,
    root_as_footer_with_opts, root_as_message_with_opts,
};
use bytes::Bytes;
use flatbuffers::VerifierOptions;
use lz4_flex::frame::FrameDecoder;

use super::cursor::Cursor;
use super::{MAGIC, damaged};
use crate::error::{Error, Result};

/// Bytes of the body of a batch or dictionary, as stored and again as unpacked: half of what a run may hold by
/// default. Some writers make one batch of a whole table.
pub(super) const BATCH_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Bytes of metadata: a footer has a schema, and 24 bytes for each batch.
const METADATA_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Bytes of metadata when each part counts as often as it is referred to: a text of a megabyte costs a kilobyte
/// of references to become a gigabyte of names.
const EXPANDED_BYTES_MAX: usize = 4 * METADATA_BYTES_MAX as usize;

/// Rows of a batch, and values of an array: columns of nulls need no bytes. Arrays with offsets of 32 bits hold
/// no more either.
const ROWS_MAX: i64 = i32::MAX as i64;

/// What precedes the length of a message's metadata since version 0.15 of the format.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The length of the footer, and the magic.
const TAIL_BYTES: u64 = 10;

/// What a buffer of a compressed body begins with: its length when unpacked.
const LENGTH_BYTES: usize = 8;

/// The length that says that a buffer of a compressed body is none.
const NOT_PACKED: i64 = -1;

/// A byte of LZ4 becomes no more than this.
const LZ4_RATIO_MAX: u64 = 255;

/// Bytes of LZ4 that are unpacked unseen. The decoder goes on to the end of the data, whatever length was said.
const LZ4_UNSEEN_BYTES_MAX: u64 = 256 * 1024 * 1024 / LZ4_RATIO_MAX;

/// A message as it is stored: prefix, metadata and body.
#[derive(Debug)]
pub(super) struct Frame {
    /// The lengths of metadata, with prefix, and body.
    pub(super) block: Block,
    pub(super) bytes: Buffer,
}

impl Frame {
    /// The next message of a stream; none at its end.
    pub(super) async fn next(cursor: &mut Cursor) -> Result<Option<Self>> {
        if cursor.at_end().await? {
            return Ok(None);
        }
        let mut bytes = MutableBuffer::new(0);
        cursor.append(&mut bytes, 4).await?;
        if bytes.as_slice() == CONTINUATION {
            cursor.append(&mut bytes, 4).await?;
        }
        let length = bytes
            .last_chunk::<4>()
            .map_or(0, |b| i32::from_le_bytes(*b));
        if length == 0 {
            return Ok(None);
        }
        let prefix = bytes.len();
        cursor.append(&mut bytes, metadata_length(length)?).await?;
        let metadata = bytes.get(prefix..).unwrap_or_default();
        let body = body_length(message(metadata)?.bodyLength())?;
        let block = Block::new(
            0,
            i32::try_from(prefix)
                .unwrap_or_default()
                .saturating_add(length),
            body.cast_signed(),
        );
        cursor.append(&mut bytes, body).await?;
        Ok(Some(Self {
            block,
            bytes: bytes.into(),
        }))
    }

    /// The message that the footer of a file places at `block`.
    pub(super) async fn at(cursor: &mut Cursor, block: Block) -> Result<Self> {
        let metadata = metadata_length(block.metaDataLength())?;
        let body = body_length(block.bodyLength())?;
        let start = u64::try_from(block.offset()).ok();
        let end = start.and_then(|start| start.checked_add(metadata + body));
        let (Some(start), true) = (start, end.is_some_and(|end| end <= cursor.size())) else {
            return Err(damaged("its footer places a message outside of it"));
        };
        cursor.seek(start).await?;
        let mut bytes = MutableBuffer::new(0);
        cursor.append(&mut bytes, metadata + body).await?;
        Ok(Self {
            block,
            bytes: bytes.into(),
        })
    }

    /// The message, without what it says of its body.
    pub(super) fn message(&self) -> Result<Message<'_>> {
        let (metadata, _) = self.parts()?;
        let prefix = if metadata.starts_with(&CONTINUATION) {
            8
        } else {
            4
        };
        message(metadata.get(prefix..).unwrap_or_default())
    }

    /// The kind of message, once every length in it is known to be true; with the bytes that its body takes
    /// when unpacked.
    pub(super) fn check(&self) -> Result<(MessageHeader, u64)> {
        let message = self.message()?;
        let (_, body) = self.parts()?;
        let contents = match message.header_type() {
            MessageHeader::RecordBatch => message.header_as_record_batch(),
            MessageHeader::DictionaryBatch => message
                .header_as_dictionary_batch()
                .and_then(|dictionary| dictionary.data()),
            other => return Ok((other, 0)),
        };
        let contents = contents.ok_or_else(|| damaged("a message has no content"))?;
        check_rows(&contents)?;
        let unpacked = check_buffers(&contents, body)?;
        Ok((message.header_type(), unpacked))
    }

    /// The id of a dictionary, and whether it adds to the one before.
    pub(super) fn dictionary(&self) -> Result<(i64, bool)> {
        let message = self.message()?;
        let dictionary = message.header_as_dictionary_batch();
        let dictionary = dictionary.ok_or_else(|| damaged("a dictionary is none"))?;
        Ok((dictionary.id(), dictionary.isDelta()))
    }

    fn parts(&self) -> Result<(&[u8], &[u8])> {
        let at = usize::try_from(self.block.metaDataLength()).unwrap_or(usize::MAX);
        let parts = self.bytes.as_slice().split_at_checked(at);
        parts.ok_or_else(|| damaged("a message is shorter than its metadata"))
    }
}

/// The footer of a file. [`verified`] reads it.
pub(super) async fn footer(cursor: &mut Cursor) -> Result<Bytes> {
    let broken = || {
        Error::input("the file begins like an Arrow file, but does not end like one")
            .hint("was it copied or written only in part?")
    };
    let end = cursor.size().checked_sub(TAIL_BYTES).ok_or_else(broken)?;
    let tail = cursor.tail(end).await?;
    let Some((length, MAGIC)) = tail.split_first_chunk::<4>() else {
        return Err(broken());
    };
    let length = metadata_length(i32::from_le_bytes(*length))?;
    let start = end.checked_sub(length).ok_or_else(broken)?;
    let mut footer = cursor.tail(start).await?;
    footer.truncate(length as usize);
    Ok(footer)
}

/// A footer whose parts all lie within it.
pub(super) fn verified(footer: &[u8]) -> Result<Footer<'_>> {
    root_as_footer_with_opts(&verifier(), footer).map_err(|_| damaged("its footer makes no sense"))
}

/// A schema in the order of bytes of this machine.
pub(super) fn readable(schema: Option<Schema<'_>>) -> Result<Schema<'_>> {
    let schema = schema.ok_or_else(|| damaged("it has no schema"))?;
    if schema.endianness().equals_to_target_endianness() {
        return Ok(schema);
    }
    Err(
        Error::input("the numbers of the file are big-endian, which is not read")
            .hint("write the file in little-endian order"),
    )
}

fn message(metadata: &[u8]) -> Result<Message<'_>> {
    root_as_message_with_opts(&verifier(), metadata)
        .map_err(|_| damaged("the metadata of a message makes no sense"))
}

fn verifier() -> VerifierOptions {
    VerifierOptions {
        max_apparent_size: EXPANDED_BYTES_MAX,
        ..VerifierOptions::default()
    }
}

fn metadata_length(length: i32) -> Result<u64> {
    let length = u64::try_from(length).map_err(|_| damaged("a length is negative"))?;
    if length > METADATA_BYTES_MAX {
        let limit = format!("{METADATA_BYTES_MAX} bytes");
        return Err(Error::limit(
            "metadata",
            limit,
            "write the data in more, smaller files",
        ));
    }
    Ok(length)
}

fn body_length(length: i64) -> Result<u64> {
    let length = u64::try_from(length).map_err(|_| damaged("a length is negative"))?;
    if length > BATCH_BYTES_MAX {
        return Err(too_large());
    }
    Ok(length)
}

/// The error for a batch or dictionaries above [`BATCH_BYTES_MAX`].
pub(super) fn too_large() -> Error {
    let limit = format!("{BATCH_BYTES_MAX} bytes");
    Error::limit("batch", limit, "write the file in batches of fewer rows")
}

fn check_rows(batch: &RecordBatch<'_>) -> Result<()> {
    let nodes = batch.nodes().into_iter().flatten();
    let counts = nodes.map(|node| (node.null_count(), node.length()));
    for (nulls, length) in counts.chain([(0, batch.length())]) {
        if nulls < 0 || nulls > length {
            return Err(damaged(
                "a number of rows is negative, or below that of nulls",
            ));
        }
        if length > ROWS_MAX {
            let limit = format!("{ROWS_MAX} rows");
            return Err(Error::limit(
                "batch",
                limit,
                "write the file in batches of fewer rows",
            ));
        }
    }
    let buffers = batch.buffers().map_or(0, |buffers| buffers.len());
    let buffers = i64::try_from(buffers).unwrap_or(i64::MAX);
    let mut counts = batch.variadicBufferCounts().into_iter().flatten();
    if counts.any(|count| !(0..=buffers).contains(&count)) {
        return Err(damaged("a column has more buffers than its batch"));
    }
    Ok(())
}

/// The bytes of all buffers when unpacked. Each may be copied, so none may lie over another.
fn check_buffers(batch: &RecordBatch<'_>, body: &[u8]) -> Result<u64> {
    let codec = batch.compression().map(|compression| compression.codec());
    let mut stored = 0;
    let mut unpacked = 0;
    for buffer in batch.buffers().into_iter().flatten() {
        let bytes = part(body, buffer.offset(), buffer.length())
            .ok_or_else(|| damaged("a buffer lies outside of its message"))?;
        stored += bytes.len();
        if stored > body.len() {
            return Err(damaged("buffers lie over one another"));
        }
        unpacked += match codec {
            Some(codec) if !bytes.is_empty() => unpacked_bytes(codec, bytes)?,
            _ => bytes.len() as u64,
        };
        if unpacked > BATCH_BYTES_MAX {
            return Err(too_large());
        }
    }
    Ok(unpacked)
}

fn part(body: &[u8], offset: i64, length: i64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    body.get(start..end)
}

/// What a buffer says that it takes when unpacked, and really does.
fn unpacked_bytes(codec: CompressionType, buffer: &[u8]) -> Result<u64> {
    let wrong = || damaged("a compressed buffer is not as long as it says");
    let (length, packed) = buffer
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or_else(wrong)?;
    let length = i64::from_le_bytes(*length);
    if length == NOT_PACKED {
        return Ok(packed.len() as u64);
    }
    let length = u64::try_from(length).map_err(|_| wrong())?;
    let unseen = codec != CompressionType::LZ4_FRAME || packed.len() as u64 <= LZ4_UNSEEN_BYTES_MAX;
    if length > BATCH_BYTES_MAX || unseen {
        return Ok(length);
    }
    let mut plain = FrameDecoder::new(packed).take(length + 1);
    match std::io::copy(&mut plain, &mut std::io::sink()) {
        Ok(bytes) if bytes == length => Ok(length),
        _ => Err(wrong()),
    }
}
