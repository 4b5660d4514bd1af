//! How a position is laid out in storage, and under which key.
//!
//! ```text
//! key:   0x00 | lane u8 | generation u32 | partition u32 | service          (big-endian)
//! value: version u8 | next offset u64 | origin u64 | appended at, i64 milliseconds | checksum u64
//!                                                                    (little-endian)
//! ```
//! All other keys of the keyspace begin with another byte.
//! Any bytes decode to a position or to none.

use bytes::Buf;
use domain::source::Source;

use crate::port::{Error, Position};

const VERSION: u8 = 1;
const MAX_SERVICE_BYTES: usize = 255;

pub(super) fn key(service: &str, source: Source) -> Result<Vec<u8>, Error> {
    if service.len() > MAX_SERVICE_BYTES {
        let reason = format!("name of the service is longer than {MAX_SERVICE_BYTES} bytes");
        return Err(Error::Unavailable { reason });
    }
    let mut key = Vec::with_capacity(10 + service.len());
    key.push(0);
    key.push(source.lane.number());
    key.extend_from_slice(&source.generation.to_be_bytes());
    key.extend_from_slice(&source.partition.to_be_bytes());
    key.extend_from_slice(service.as_bytes());
    Ok(key)
}

pub(super) fn encode(position: &Position) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&position.next_offset.to_le_bytes());
    bytes.extend_from_slice(&position.origin.to_le_bytes());
    bytes.extend_from_slice(&position.appended_at_ms.to_le_bytes());
    bytes.extend_from_slice(&position.checksum.to_le_bytes());
    bytes
}

/// Reads a stored position.
pub fn decode(mut bytes: &[u8]) -> Option<Position> {
    if bytes.try_get_u8().ok()? != VERSION {
        return None;
    }
    let position = Position {
        next_offset: bytes.try_get_u64_le().ok()?,
        origin: bytes.try_get_u64_le().ok()?,
        appended_at_ms: bytes.try_get_i64_le().ok()?,
        checksum: bytes.try_get_u64_le().ok()?,
    };
    bytes.is_empty().then_some(position)
}

#[cfg(test)]
mod tests {
    use domain::source::Lane;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(next_offset: u64, origin: u64, appended_at_ms: i64, checksum: u64) {
            let position = Position { next_offset, origin, appended_at_ms, checksum };
            let bytes = encode(&position);
            prop_assert_eq!(decode(&bytes), Some(position));
            prop_assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        }

        #[test]
        fn any_bytes_that_decode_are_what_that_position_encodes_to(mut bytes in vec(any::<u8>(), 30..36)) {
            bytes[0] = VERSION;
            if let Some(position) = decode(&bytes) {
                prop_assert_eq!(encode(&position), bytes);
            }
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_refused() {
        let source = Source {
            lane: Lane::Standard,
            generation: 0,
            partition: 0,
        };
        assert!(key(&"s".repeat(255), source).is_ok());
        assert!(key(&"s".repeat(256), source).is_err());
    }
}
