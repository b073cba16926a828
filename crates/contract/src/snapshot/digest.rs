//! What tells the bytes of one page from those of another.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sha2::{Digest as _, Sha256};

/// The first eight bytes of the SHA-256 of a page; its text is their 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(u64);

impl Digest {
    /// That of the given bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(first_bytes(bytes))
    }
}

/// The first eight bytes of the SHA-256, the first one the most significant.
pub(super) fn first_bytes(bytes: &[u8]) -> u64 {
    let hash = Sha256::digest(bytes);
    hash[..8]
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// 16 hexadecimal digits.
pub(super) fn write(number: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{number:016x}")
}

/// The number of exactly 16 lower-case hexadecimal digits.
pub(super) fn read(text: &str) -> Option<u64> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_valid = text.len() == 16 && text.bytes().all(is_digit);
    u64::from_str_radix(text, 16).ok().filter(|_| is_valid)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self.0, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let number = read(&text)
            .ok_or_else(|| D::Error::custom(format_args!("{text:?} is not 16 hexadecimal digits")));
        number.map(Self)
    }
}
