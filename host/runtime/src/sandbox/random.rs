//! Numbers for guests that insist on randomness: the same ones in every instance, unless the run is granted real ones.

use crate::{Error, Result};

/// Numbers as a guest gets them.
pub(super) enum Random {
    Seeded(Seeded),
    Real,
}

impl Random {
    /// The system's numbers, or the same in every instance.
    pub(super) fn new(real: bool) -> Self {
        if real {
            Self::Real
        } else {
            Self::Seeded(Seeded::default())
        }
    }

    /// The next 64 bits.
    pub(super) fn next_u64(&mut self) -> Result<u64> {
        match self {
            Self::Seeded(seeded) => Ok(seeded.next_u64()),
            Self::Real => getrandom::u64().map_err(unavailable),
        }
    }

    /// The next `len` bytes.
    pub(super) fn bytes(&mut self, len: usize) -> Result<Vec<u8>> {
        match self {
            Self::Seeded(seeded) => Ok(seeded.bytes(len)),
            Self::Real => {
                let mut bytes = vec![0; len];
                getrandom::fill(&mut bytes).map_err(unavailable)?;
                Ok(bytes)
            }
        }
    }
}

fn unavailable(error: getrandom::Error) -> Error {
    Error::internal(format!("the system has no randomness: {error}"))
}

/// A deterministic generator (`SplitMix64`), since transforms must give the same output when a batch is
/// computed again. It is no source of secrets; a guest that needs those needs a grant.
pub(super) struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Self {
        // Any odd constant does; this one is the fraction of the golden ratio.
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Seeded {
    /// The next 64 bits.
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// The next `len` bytes.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len.next_multiple_of(8));
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next_u64().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}
