//! How the mark of a source is laid out in its cell.
//!
//! ```text
//! position, as of progress | minute i64     (big-endian)
//! ```
//! The stamp of the cell is the origin. As with [`progress`], of one origin the further offset wins,
//! and of one offset the later minute. Any bytes decode to a mark or to none.

use domain::index::manifest::Minute;

use super::progress;
use crate::index::Mark;

pub(super) fn encode(mark: &Mark) -> Vec<u8> {
    let mut bytes = progress::encode(&mark.position);
    bytes.extend_from_slice(&mark.minute.0.to_be_bytes());
    bytes
}

/// Reads a stored mark.
pub fn decode(bytes: &[u8]) -> Option<Mark> {
    let (position, minute) = bytes.split_last_chunk()?;
    Some(Mark {
        position: progress::decode(position)?,
        minute: Minute(i64::from_be_bytes(*minute)),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::port::Position;

    fn marks() -> impl Strategy<Value = Mark> {
        let fields = any::<(u64, u64, i64, u64)>();
        let minutes = any::<i64>().prop_map(Minute);
        (fields, minutes).prop_map(|((next_offset, origin, appended_at_ms, checksum), minute)| Mark {
            position: Position {
                next_offset,
                origin,
                appended_at_ms,
                checksum,
            },
            minute,
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(mark in marks()) {
            let bytes = encode(&mark);
            prop_assert_eq!(decode(&bytes), Some(mark));
            prop_assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        }

        #[test]
        fn the_further_offset_has_the_greater_bytes(a in marks(), b in marks()) {
            let offset = |mark: &Mark| mark.position.next_offset;
            prop_assume!(offset(&a) != offset(&b));
            prop_assert_eq!(encode(&a) > encode(&b), offset(&a) > offset(&b));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
