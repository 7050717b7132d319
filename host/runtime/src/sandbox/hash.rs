//! A hash of much data, on several cores: BLAKE3 of the BLAKE3 of each piece.

use std::io;
use std::num::NonZero;
use std::thread;

/// Bytes of a piece: they stay in a core's cache between reading and hashing, and the hash of hashes costs nothing.
const PIECE_BYTES: u64 = 1 << 18;

/// Threads that hash: beyond, they wait for memory.
const THREADS_MAX: usize = 4;

/// The hash of `length` bytes, of which `read` fills a buffer from an offset.
///
/// # Errors
///
/// Those of `read`.
pub(super) fn hash(
    length: u64,
    read: &(impl Fn(&mut [u8], u64) -> io::Result<()> + Sync),
) -> io::Result<blake3::Hash> {
    let pieces = usize::try_from(length.div_ceil(PIECE_BYTES)).map_err(io::Error::other)?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = pieces.div_ceil(cores.min(THREADS_MAX)).max(1);
    let mut hashes = vec![blake3::Hash::from_bytes([0; 32]); pieces];
    let fill = |first: usize, hashes: &mut [blake3::Hash]| {
        let mut buffer = Vec::new();
        for (piece, hash) in (first as u64..).zip(hashes) {
            let start = piece * PIECE_BYTES;
            buffer.resize(PIECE_BYTES.min(length - start) as usize, 0);
            read(&mut buffer, start)?;
            *hash = blake3::hash(&buffer);
        }
        io::Result::Ok(())
    };
    if share == pieces {
        fill(0, &mut hashes)?;
    } else {
        thread::scope(|scope| {
            let shares = hashes.chunks_mut(share).enumerate();
            let filling: Vec<_> = shares
                .map(|(index, hashes)| {
                    thread::Builder::new().spawn_scoped(scope, move || fill(index * share, hashes))
                })
                .collect();
            filling
                .into_iter()
                .try_for_each(|thread| thread?.join().map_err(|_| io::Error::other("a panic"))?)
        })?;
    }
    let mut whole = blake3::Hasher::new();
    whole.update(&length.to_le_bytes());
    for hash in hashes {
        whole.update(hash.as_bytes());
    }
    Ok(whole.finalize())
}

/// The hash of bytes in memory.
pub(super) fn hash_bytes(bytes: &[u8]) -> io::Result<blake3::Hash> {
    hash(bytes.len() as u64, &reader(bytes))
}

/// Reads from bytes in memory as from a file.
pub(super) fn reader(bytes: &[u8]) -> impl Fn(&mut [u8], u64) -> io::Result<()> {
    |buffer, offset| {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let piece = bytes.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(piece.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_and_the_length_count() {
        for length in [0, 1, 5 << 20, (5 << 20) + 1] {
            let mut bytes = vec![7; length];
            let before = hash_bytes(&bytes).unwrap();
            assert_eq!(before, hash_bytes(&bytes).unwrap());
            for at in [0, 1 << 20, (2 << 20) - 1, length.saturating_sub(1)] {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = 8;
                    assert_ne!(before, hash_bytes(&bytes).unwrap(), "{at} of {length}");
                    bytes[at] = 7;
                }
            }
            bytes.push(7);
            assert_ne!(before, hash_bytes(&bytes).unwrap());
        }
    }

    #[test]
    fn what_cannot_be_read_has_no_hash() {
        let fails = |_: &mut [u8], offset| match offset {
            0 => Ok(()),
            _ => Err(io::Error::other("damaged")),
        };
        assert!(hash(8 << 20, &fails).is_err());
    }
}
