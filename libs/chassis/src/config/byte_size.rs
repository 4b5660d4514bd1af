//! A number of bytes in configuration: `512B`, `64KiB`, `8MiB`.

use super::quantity::{self, Unit};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

const UNITS: &[Unit] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
const EXPECTED: &str = "a size such as `512B`, `64KiB` or `8MiB` (units: B, KiB, MiB, GiB, TiB)";

/// A number of bytes; written as one number and one binary unit.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize {
    bytes: u64,
}

/// The text is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {EXPECTED}")]
pub struct InvalidByteSize;

impl ByteSize {
    /// So many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self { bytes }
    }

    /// So many times 1,024 bytes, at most `u64::MAX` bytes.
    pub const fn kib(kib: u64) -> Self {
        Self {
            bytes: kib.saturating_mul(1 << 10),
        }
    }

    /// So many times 1,048,576 bytes, at most `u64::MAX` bytes.
    pub const fn mib(mib: u64) -> Self {
        Self {
            bytes: mib.saturating_mul(1 << 20),
        }
    }

    /// So many times 1,073,741,824 bytes, at most `u64::MAX` bytes.
    pub const fn gib(gib: u64) -> Self {
        Self {
            bytes: gib.saturating_mul(1 << 30),
        }
    }

    /// The number of bytes.
    pub const fn as_u64(self) -> u64 {
        self.bytes
    }

    /// The number of bytes, at most what this machine can address.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = InvalidByteSize;

    fn from_str(text: &str) -> Result<Self, InvalidByteSize> {
        quantity::parse(text, UNITS)
            .map(|bytes| Self { bytes })
            .ok_or(InvalidByteSize)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quantity::print(f, self.bytes, UNITS)
    }
}

impl fmt::Debug for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        quantity::deserialize(deserializer, EXPECTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_size_reads_as_written() {
        assert_eq!("8MiB".parse(), Ok(ByteSize::mib(8)));
        assert_eq!("512B".parse(), Ok(ByteSize::bytes(512)));
        assert_eq!("2GiB".parse(), Ok(ByteSize::gib(2)));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "8", "8MB", "8mib", "8 MiB", "-1B", "1.5KiB", "99999999999TiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(InvalidByteSize), "{text}");
        }
    }

    #[test]
    fn it_prints_in_the_largest_unit_without_a_fraction() {
        assert_eq!(ByteSize::kib(1_024).to_string(), "1MiB");
        assert_eq!(ByteSize::bytes(1_025).to_string(), "1025B");
        assert_eq!(ByteSize::default().to_string(), "0B");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(bytes: u64) {
            prop_assert_eq!(ByteSize { bytes }.to_string().parse(), Ok(ByteSize { bytes }));
        }
    }
}
