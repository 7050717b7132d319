//! Keyed hashes: HMAC-SHA256 in hexadecimal.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sluicegate_guest::Fault;
use sluicegate_guest::array::StringArray;
use sluicegate_guest::array::builder::StringBuilder;

/// A shorter key could be found by trying all.
const KEY_BYTES_MIN: usize = 16;
/// Fewer digits would give two values the same hash too often.
const DIGITS_MIN: usize = 16;
const DIGITS_MAX: usize = 64;

/// A hash with its key absorbed.
#[derive(Clone)]
pub struct Digest {
    keyed: Hmac<Sha256>,
    digits: usize,
}

impl Digest {
    /// Fails where the key is too short, or the number of digits is out of bounds.
    pub fn new(key: &str, digits: usize) -> Result<Self, Fault> {
        if key.len() < KEY_BYTES_MIN {
            return Err(Fault::invalid(format!(
                "parameter `key` has fewer than {KEY_BYTES_MIN} bytes; `hash` needs it"
            )));
        }
        if !(DIGITS_MIN..=DIGITS_MAX).contains(&digits) {
            return Err(Fault::invalid(format!(
                "parameter `digits` is not between {DIGITS_MIN} and {DIGITS_MAX}"
            )));
        }
        Ok(Self {
            digits,
            ..Self::keyed(key)
        })
    }

    /// The digest of a transform that hashes nothing.
    pub fn unused() -> Self {
        Self::keyed("")
    }

    /// The hash of each value; null stays null.
    pub fn column<'a>(
        &self,
        values: impl ExactSizeIterator<Item = Option<&'a str>>,
    ) -> StringArray {
        let n_rows = values.len();
        let mut hashes = StringBuilder::with_capacity(n_rows, n_rows * self.digits);
        let mut digits = [0; DIGITS_MAX];
        for value in values {
            hashes.append_option(value.and_then(|value| self.hash(value, &mut digits)));
        }
        hashes.finish()
    }

    fn hash<'b>(&self, value: &str, digits: &'b mut [u8; DIGITS_MAX]) -> Option<&'b str> {
        let tag = self
            .keyed
            .clone()
            .chain_update(value)
            .finalize()
            .into_bytes();
        hex::encode_to_slice(tag, digits).ok()?;
        std::str::from_utf8(digits).ok()?.get(..self.digits)
    }

    fn keyed(key: &str) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "HMAC is defined for every length of key"
        )]
        let keyed = Hmac::new_from_slice(key.as_bytes()).expect("any key is accepted");
        Self {
            keyed,
            digits: DIGITS_MAX,
        }
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Digest")
            .field("digits", &self.digits)
            .finish_non_exhaustive()
    }
}
