//! Ids of a unit by their positions: pages of [`PER_PAGE`] ids, and a directory of the times at which they begin.
//!
//! ```text
//! page:      version u8 | for each id: varint milliseconds since the one before, 10 bytes behind its time
//! directory: version u8 | for each page: varint milliseconds since the begin of the one before
//! ```
//! Ids ascend strictly. What is behind an id's time is random and does not shrink.

use super::Corrupt;
use crate::id::EventId;
use crate::time::Millis;
use crate::varint::{self, Reader};

/// Ids in a page; the last page of a unit has what is left.
pub const PER_PAGE: u32 = 256;

const VERSION: u8 = 1;
const CORRUPT: Corrupt = Corrupt::new("page of ids");
const CORRUPT_DIRECTORY: Corrupt = Corrupt::new("directory of ids");

/// Encodes ascending ids.
pub fn encode(ids: &[EventId]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + ids.len() * 12);
    bytes.push(VERSION);
    let mut before = 0;
    for id in ids {
        let time = time_of(*id);
        varint::push(&mut bytes, time.wrapping_sub(before));
        bytes.extend_from_slice(&id.bytes()[6..]);
        before = time;
    }
    bytes
}

/// Reads what [`encode`] has written.
pub fn decode(bytes: &[u8]) -> Result<Vec<EventId>, Corrupt> {
    let mut ids = Vec::with_capacity(bytes.len() / 11);
    decode_into(bytes, &mut ids)?;
    Ok(ids)
}

/// As [`decode`], appended to a list.
pub(super) fn decode_into(bytes: &[u8], ids: &mut Vec<EventId>) -> Result<(), Corrupt> {
    let mut reader = Reader::new(bytes);
    if reader.byte() != Some(VERSION) {
        return Err(CORRUPT);
    }
    let (mut time, mut before) = (0_u64, None);
    while !reader.is_empty() {
        let id = next(&mut reader, &mut time).ok_or(CORRUPT)?;
        if before.is_some_and(|before| before >= id) {
            return Err(CORRUPT);
        }
        before = Some(id);
        ids.push(id);
    }
    Ok(())
}

fn next(reader: &mut Reader<'_>, time: &mut u64) -> Option<EventId> {
    *time = time
        .checked_add(reader.varint()?)
        .filter(|time| *time < 1 << 48)?;
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&time.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&reader.array::<10>()?);
    EventId::from_bytes(bytes).ok()
}

fn time_of(id: EventId) -> u64 {
    // An id has 48 bits of time.
    id.time().as_ms().unsigned_abs()
}

/// When each page of ids begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(Vec<u64>);

impl Directory {
    /// Of all ids of a unit.
    pub fn of(ids: &[EventId]) -> Self {
        let pages = ids.chunks(PER_PAGE as usize);
        Self(
            pages
                .filter_map(|page| page.first())
                .map(|id| time_of(*id))
                .collect(),
        )
    }

    /// Bytes in memory, about.
    pub fn bytes(&self) -> usize {
        self.0.len() * 8
    }

    /// The bytes to store.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        let mut before = 0;
        for time in &self.0 {
            varint::push(&mut bytes, time.wrapping_sub(before));
            before = *time;
        }
        bytes
    }

    /// Reads what [`Directory::encode`] has written.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut reader = Reader::new(bytes);
        if reader.byte() != Some(VERSION) {
            return Err(CORRUPT_DIRECTORY);
        }
        let (mut times, mut time) = (Vec::new(), 0_u64);
        while !reader.is_empty() {
            let delta = reader.varint().ok_or(CORRUPT_DIRECTORY)?;
            time = time.checked_add(delta).ok_or(CORRUPT_DIRECTORY)?;
            times.push(time);
        }
        Ok(Self(times))
    }

    /// The positions, `begin..end` of all `events`, outside of which no id has a time in `from..to`.
    pub fn positions(&self, from: Millis, to: Millis, events: u32) -> std::ops::Range<u32> {
        let (from, to) = (from.as_ms(), to.as_ms());
        let begins_before = |limit: i64| {
            self.0
                .partition_point(|time| i64::try_from(*time).is_ok_and(|time| time < limit))
        };
        // The page before the first that begins at `from` or later may end there.
        let begin = begins_before(from).saturating_sub(1);
        let end = begins_before(to);
        let position = |page: usize| {
            u32::try_from(page)
                .map_or(events, |page| page.saturating_mul(PER_PAGE))
                .min(events)
        };
        position(begin)..position(end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ids() -> impl Strategy<Value = Vec<EventId>> {
        let id = (0..100_000_i64, any::<[u8; 10]>())
            .prop_map(|(ms, random)| EventId::made(Millis::from_ms(ms), random));
        prop::collection::btree_set(id, 0..2000).prop_map(|ids: BTreeSet<_>| ids.into_iter().collect())
    }

    proptest! {
        #[test]
        fn ids_read_back(ids in ids()) {
            prop_assert_eq!(decode(&encode(&ids)), Ok(ids));
        }

        #[test]
        fn a_directory_leaves_out_no_id_of_a_range(ids in ids(), from in 0..100_000_i64, length in 0..50_000_i64) {
            let directory = Directory::of(&ids);
            prop_assert_eq!(Directory::decode(&directory.encode()), Ok(directory.clone()));
            let (from, to) = (Millis::from_ms(from), Millis::from_ms(from + length));
            let positions = directory.positions(from, to, u32::try_from(ids.len()).unwrap());
            for (position, id) in ids.iter().enumerate() {
                let is_in = (from..to).contains(&id.time());
                prop_assert!(!is_in || positions.contains(&u32::try_from(position).unwrap()));
            }
        }

        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>) {
            bytes.insert(0, VERSION);
            let _ = decode(&bytes);
            let _ = Directory::decode(&bytes);
        }
    }

    #[test]
    fn a_directory_leaves_out_pages_that_are_not_in_the_range() {
        let ids: Vec<_> = (0..5 * i64::from(PER_PAGE))
            .map(|ms| EventId::made(Millis::from_ms(ms), [0; 10]))
            .collect();
        let page = i64::from(PER_PAGE);
        let positions =
            Directory::of(&ids).positions(Millis::from_ms(2 * page), Millis::from_ms(3 * page), 5 * PER_PAGE);
        assert_eq!(positions, PER_PAGE..3 * PER_PAGE);
    }
}
