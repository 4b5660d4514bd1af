//! How a row, a part of the search index, a rollup or a deletion is laid out in storage.
//!
//! ```text
//! version u8 | stamp i64 | expiry i64, milliseconds since 1970 | kind u8: 0 row, 1 tombstone | value
//! ```
//! Integers are little-endian. The value of a row is the event as protobuf, that of a part of the index or of a rollup
//! its blob; a tombstone has none.
//! Any bytes decode to a cell or to [`Malformed`], and the value shares their memory.

use bytes::{Buf, Bytes};
use domain::time::Millis;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 1 + 8 + 8 + 1;
const ROW: u8 = 0;
const TOMBSTONE: u8 = 1;
/// Lengths are 32 bits wide in the storage engine.
pub(super) const MAX_VALUE_BYTES: usize = 1 << 30;

/// What is stored under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The greater one wins.
    pub stamp: i64,
    /// When it may be removed.
    pub expires_at: Millis,
    /// The event or the blob, none where it was deleted.
    pub value: Option<Bytes>,
}

/// Why bytes are not a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Written by another version of this program.
    #[error("cell has version {0}")]
    UnknownVersion(u8),
    /// Neither a row nor a tombstone.
    #[error("cell has kind {0}")]
    UnknownKind(u8),
    /// There is not even a head.
    #[error("cell is cut short")]
    CutShort,
    /// A tombstone with a value.
    #[error("tombstone is followed by {0} bytes")]
    TrailingBytes(usize),
}

/// The bytes of a cell.
pub fn encode(cell: &Cell) -> Vec<u8> {
    let value = cell.value.as_deref();
    let mut bytes = Vec::with_capacity(HEAD_BYTES + value.map_or(0, <[u8]>::len));
    bytes.push(VERSION);
    bytes.extend_from_slice(&cell.stamp.to_le_bytes());
    bytes.extend_from_slice(&cell.expires_at.as_ms().to_le_bytes());
    bytes.push(if value.is_some() { ROW } else { TOMBSTONE });
    bytes.extend_from_slice(value.unwrap_or_default());
    bytes
}

/// Reads a cell.
pub fn decode(mut bytes: Bytes) -> Result<Cell, Malformed> {
    match bytes.try_get_u8() {
        Ok(VERSION) => {}
        Ok(other) => return Err(Malformed::UnknownVersion(other)),
        Err(_) => return Err(Malformed::CutShort),
    }
    let stamp = bytes.try_get_i64_le().map_err(|_| Malformed::CutShort)?;
    let expires_at = Millis::from_ms(bytes.try_get_i64_le().map_err(|_| Malformed::CutShort)?);
    let value = match bytes.try_get_u8().map_err(|_| Malformed::CutShort)? {
        ROW => Some(bytes),
        TOMBSTONE if bytes.is_empty() => None,
        TOMBSTONE => return Err(Malformed::TrailingBytes(bytes.len())),
        other => return Err(Malformed::UnknownKind(other)),
    };
    Ok(Cell {
        stamp,
        expires_at,
        value,
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn cells() -> impl Strategy<Value = Cell> {
        let value = proptest::option::of(vec(any::<u8>(), 0..100).prop_map(Bytes::from));
        (any::<i64>(), any::<i64>(), value).prop_map(|(stamp, expiry, value)| Cell {
            stamp,
            expires_at: Millis::from_ms(expiry),
            value,
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(cell in cells()) {
            prop_assert_eq!(decode(encode(&cell).into()), Ok(cell));
        }

        #[test]
        fn a_cut_head_is_malformed(cell in cells(), cut in 0..HEAD_BYTES) {
            let bytes = Bytes::from(encode(&cell));
            prop_assert_eq!(decode(bytes.slice(..cut)), Err(Malformed::CutShort));
        }

        #[test]
        fn any_bytes_that_decode_are_what_that_cell_encodes_to(
            mut bytes in vec(any::<u8>(), 0..60),
            plausible in any::<bool>(),
            kind in 0..3_u8,
        ) {
            if plausible && bytes.len() >= HEAD_BYTES {
                bytes[0] = VERSION;
                bytes[HEAD_BYTES - 1] = kind;
            }
            if let Ok(cell) = decode(bytes.clone().into()) {
                prop_assert_eq!(encode(&cell), bytes);
            }
        }
    }

    #[test]
    fn a_tombstone_with_a_value_is_malformed() {
        let mut bytes = encode(&Cell {
            stamp: 1,
            expires_at: Millis::EPOCH,
            value: None,
        });
        bytes.push(7);
        assert_eq!(decode(bytes.into()), Err(Malformed::TrailingBytes(1)));
    }
}
