//! How the mark of a source is laid out in its cell.
//!
//! ```text
//! position, as of progress | minute i64, little-endian
//! ```
//! Any bytes decode to a mark or to none.

use domain::index::manifest::Minute;

use super::progress;
use crate::index::Mark;

pub(super) fn encode(mark: &Mark) -> Vec<u8> {
    let mut bytes = progress::encode(&mark.position);
    bytes.extend_from_slice(&mark.minute.0.to_le_bytes());
    bytes
}

/// Reads a stored mark.
pub fn decode(bytes: &[u8]) -> Option<Mark> {
    let (position, minute) = bytes.split_last_chunk()?;
    Some(Mark {
        position: progress::decode(position)?,
        minute: Minute(i64::from_le_bytes(*minute)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::port::Position;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(next_offset: u64, origin: u64, appended_at_ms: i64, checksum: u64, minute: i64) {
            let position = Position { next_offset, origin, appended_at_ms, checksum };
            let mark = Mark { position, minute: Minute(minute) };
            let bytes = encode(&mark);
            prop_assert_eq!(decode(&bytes), Some(mark));
            prop_assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
