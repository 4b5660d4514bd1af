//! Postings: the positions that have a term, ascending.
//!
//! ```text
//! 0x00 | varint number of positions | varint first, varint differences        few, or far apart
//! 0x01 | a roaring bitmap in its portable form                                many
//! ```
//! Whichever is shorter. Roaring: Lemire et al., "Consistently faster and smaller compressed bitmaps with Roaring"
//! (2016).

use roaring::RoaringBitmap;

use super::Corrupt;
use crate::varint::{self, Reader};

const DELTAS: u8 = 0;
const BITMAP: u8 = 1;
/// Below this nothing is gained by a bitmap, which has a head of its own.
const MIN_BITMAP_BYTES: usize = 512;

const CORRUPT: Corrupt = Corrupt::new("postings");

/// Encodes ascending positions.
pub fn encode(positions: &[u32]) -> Vec<u8> {
    let mut bytes = vec![DELTAS];
    varint::push(&mut bytes, positions.len() as u64);
    let mut before = 0;
    for position in positions {
        varint::push(&mut bytes, u64::from(position.wrapping_sub(before)));
        before = *position;
    }
    if bytes.len() < MIN_BITMAP_BYTES {
        return bytes;
    }
    bitmap(positions)
        .filter(|bitmap| bitmap.len() < bytes.len())
        .unwrap_or(bytes)
}

fn bitmap(positions: &[u32]) -> Option<Vec<u8>> {
    let mut bitmap = RoaringBitmap::from_sorted_iter(positions.iter().copied()).ok()?;
    bitmap.optimize();
    let mut bytes = vec![BITMAP];
    bitmap.serialize_into(&mut bytes).ok()?;
    Some(bytes)
}

/// Reads what [`encode`] has written; every position is below `end`.
pub fn decode(bytes: &[u8], end: u32) -> Result<RoaringBitmap, Corrupt> {
    let bitmap = match bytes.split_first() {
        Some((&DELTAS, rest)) => {
            let positions = Deltas::new(rest, end)
                .ok_or(CORRUPT)?
                .collect::<Result<Vec<_>, _>>()?;
            RoaringBitmap::from_sorted_iter(positions).map_err(|_| CORRUPT)?
        }
        Some((&BITMAP, rest)) => read_bitmap(rest)?,
        _ => return Err(CORRUPT),
    };
    bitmap
        .max()
        .is_none_or(|max| max < end)
        .then_some(bitmap)
        .ok_or(CORRUPT)
}

/// As [`decode`], appended to a list.
pub fn decode_into(bytes: &[u8], end: u32, positions: &mut Vec<u32>) -> Result<(), Corrupt> {
    if let Some((&DELTAS, rest)) = bytes.split_first() {
        for position in Deltas::new(rest, end).ok_or(CORRUPT)? {
            positions.push(position?);
        }
        return Ok(());
    }
    positions.extend(&decode(bytes, end)?);
    Ok(())
}

fn read_bitmap(mut bytes: &[u8]) -> Result<RoaringBitmap, Corrupt> {
    let bitmap = RoaringBitmap::deserialize_from(&mut bytes).map_err(|_| CORRUPT)?;
    if bytes.is_empty() {
        Ok(bitmap)
    } else {
        Err(CORRUPT)
    }
}

/// Positions as differences.
struct Deltas<'a> {
    reader: Reader<'a>,
    left: u64,
    before: Option<u32>,
    end: u32,
}

impl<'a> Deltas<'a> {
    fn new(bytes: &'a [u8], end: u32) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let left = reader.varint()?;
        // One byte each, at the least.
        let fits = usize::try_from(left).is_ok_and(|left| left <= reader.rest().len());
        fits.then_some(Self {
            reader,
            left,
            before: None,
            end,
        })
    }

    fn position(&mut self) -> Option<u32> {
        let delta = self.reader.varint_u32()?;
        let position = match self.before {
            None => delta,
            Some(_) if delta == 0 => return None,
            Some(before) => before.checked_add(delta)?,
        };
        self.before = Some(position);
        (position < self.end).then_some(position)
    }
}

impl Iterator for Deltas<'_> {
    type Item = Result<u32, Corrupt>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            let rest = std::mem::replace(&mut self.reader, Reader::new(&[]));
            return (!rest.is_empty()).then_some(Err(CORRUPT));
        }
        self.left -= 1;
        let position = self.position().ok_or(CORRUPT);
        if position.is_err() {
            (self.left, self.reader) = (0, Reader::new(&[]));
        }
        Some(position)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn check(positions: &[u32]) {
        let bytes = encode(positions);
        let end = positions.last().map_or(0, |last| last + 1);
        assert_eq!(decode(&bytes, end).unwrap().iter().collect::<Vec<_>>(), positions);
        let mut listed = Vec::new();
        decode_into(&bytes, end, &mut listed).unwrap();
        assert_eq!(listed, positions);
        if end > 0 {
            assert_eq!(decode(&bytes, end - 1), Err(CORRUPT));
            assert_eq!(decode_into(&bytes, end - 1, &mut listed), Err(CORRUPT));
        }
    }

    proptest! {
        #[test]
        fn positions_read_back(positions: BTreeSet<u16>, step in 1..1000_u32) {
            let positions: Vec<_> = positions.into_iter().map(|position| u32::from(position) * step).collect();
            check(&positions);
        }

        #[test]
        fn dense_positions_read_back_from_a_bitmap(from in 0..1000_u32, count in 5000..20_000_u32) {
            let positions: Vec<_> = (from..from + count).collect();
            prop_assert!(encode(&positions).len() < 200);
            check(&positions);
        }

        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, kind in 0..3_u8) {
            bytes.insert(0, kind);
            let _ = decode(&bytes, u32::MAX);
            let _ = decode_into(&bytes, u32::MAX, &mut Vec::new());
        }
    }
}
