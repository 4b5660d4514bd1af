//! How a position is laid out in its cell.
//!
//! ```text
//! next offset u64 | version u8 | origin u64 | appended at, i64 milliseconds | checksum u64     (big-endian)
//! ```
//! The stamp of the cell is the origin. Of two cells with one stamp engines keep the one with the greater bytes,
//! so the offset comes first. Any bytes decode to a position or to none.

use bytes::Buf;

use crate::port::Position;

const VERSION: u8 = 1;

pub(super) fn encode(position: &Position) -> Vec<u8> {
    let mut bytes = position.next_offset.to_be_bytes().to_vec();
    bytes.push(VERSION);
    bytes.extend_from_slice(&position.origin.to_be_bytes());
    bytes.extend_from_slice(&position.appended_at_ms.to_be_bytes());
    bytes.extend_from_slice(&position.checksum.to_be_bytes());
    bytes
}

/// Reads a stored position.
pub fn decode(mut bytes: &[u8]) -> Option<Position> {
    let next_offset = bytes.try_get_u64().ok()?;
    if bytes.try_get_u8().ok()? != VERSION {
        return None;
    }
    let position = Position {
        next_offset,
        origin: bytes.try_get_u64().ok()?,
        appended_at_ms: bytes.try_get_i64().ok()?,
        checksum: bytes.try_get_u64().ok()?,
    };
    bytes.is_empty().then_some(position)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn positions() -> impl Strategy<Value = Position> {
        any::<(u64, u64, i64, u64)>().prop_map(|(next_offset, origin, appended_at_ms, checksum)| Position {
            next_offset,
            origin,
            appended_at_ms,
            checksum,
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(position in positions()) {
            let bytes = encode(&position);
            prop_assert_eq!(decode(&bytes), Some(position));
            prop_assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        }

        #[test]
        fn the_further_offset_has_the_greater_bytes(a in positions(), b in positions()) {
            prop_assume!(a.next_offset != b.next_offset);
            prop_assert_eq!(encode(&a) > encode(&b), a.next_offset > b.next_offset);
        }

        #[test]
        fn any_bytes_that_decode_are_what_that_position_encodes_to(mut bytes in vec(any::<u8>(), 30..36)) {
            bytes[8] = VERSION;
            if let Some(position) = decode(&bytes) {
                prop_assert_eq!(encode(&position), bytes);
            }
        }
    }
}
