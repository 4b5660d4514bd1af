//! Stories of repeats, and any records against the rule word by word.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Identity, Seen, Window};
use crate::id::EventId;
use crate::tenant::TenantId;
use crate::time::Millis;

const KEY: [u8; 16] = *b"a key of 16 byte";
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// Slices of a second, and of 8 offsets.
const WITHIN_MS: i64 = 4 * SECOND;
const RECORDS: u64 = 64;

fn window() -> Window {
    Window::new(WITHIN_MS.unsigned_abs(), RECORDS)
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn id(number: u8) -> EventId {
    EventId::made(Millis::from_ms(i64::from(number)), [number; 10])
}

/// A record of a partition.
#[derive(Clone, Copy, Debug)]
struct Record {
    offset: u64,
    at_ms: i64,
    /// None where it says none.
    id: Option<u8>,
    external_id: Option<u8>,
}

impl Record {
    fn is_same(self, other: Self) -> bool {
        let same_id = self.id.is_some() && self.id == other.id;
        let same_external_id = self.external_id.is_some() && self.external_id == other.external_id;
        same_id || (self.id.is_some() && other.id.is_some() && same_external_id)
    }

    fn take(self, seen: &mut Seen) -> bool {
        let tenant = tenant("demo");
        let external_id = self.external_id.map(|number| number.to_string());
        let identity = self.id.map(|number| Identity {
            tenant: &tenant,
            id: id(number),
            external_id: external_id.as_deref(),
        });
        seen.take(self.offset, self.at_ms, identity)
    }
}

fn decided(seen: &mut Seen, records: &[Record]) -> Vec<bool> {
    records.iter().map(|record| record.take(seen)).collect()
}

/// The rule, word by word.
fn decided_by_the_rule(records: &[Record]) -> Vec<bool> {
    let is_remembered = |old: usize, new: usize| {
        let begun = records[new].offset / (RECORDS / 8) - records[old].offset / (RECORDS / 8);
        let slice = |record: &Record| record.at_ms.div_euclid(WITHIN_MS / 4);
        let since = records[old + 1..=new].iter();
        begun <= 8
            && since
                .clone()
                .all(|later| slice(later) - slice(&records[old]) <= 4)
            && since
                .clone()
                .all(|later| slice(&records[old]) - slice(later) <= 1)
    };
    (0..records.len())
        .map(|new| (0..new).any(|old| records[old].is_same(records[new]) && is_remembered(old, new)))
        .collect()
}

/// Records of few events at times that go on, step back, and jump.
fn records(max: usize) -> impl Strategy<Value = Vec<Record>> {
    let gap = prop_oneof![20 => 1..2_u64, 4 => 2..20_u64, 1 => 50..80_u64];
    let step = prop_oneof![20 => 0..200_i64, 4 => 200..2_000_i64, 4 => -900..0_i64, 1 => -9_000..9_000_i64];
    let id = prop_oneof![12 => (0..24_u8).prop_map(Some), 1 => Just(None)];
    let external_id = prop_oneof![3 => Just(None), 1 => (0..24_u8).prop_map(Some)];
    let begin = (0..100_u64, -5_000..5_000_i64);
    (begin, vec((gap, step, id, external_id), 1..max)).prop_map(|(begin, steps)| {
        let (mut offset, mut at_ms) = begin;
        let mut record = |(gap, step, id, external_id)| {
            offset += gap;
            at_ms += step;
            Record {
                offset,
                at_ms,
                id,
                external_id,
            }
        };
        steps.into_iter().map(&mut record).collect()
    })
}

/// Where a reader may begin so as to decide from index `start` on as one that has read everything.
fn begin(records: &[Record], start: usize) -> usize {
    let offset = records[start].offset;
    let first = window().first_offset(offset);
    let in_range = records.iter().take_while(|record| record.offset < first).count();
    let last = records[..start].last();
    let apart = last.and_then(|last| {
        records[..start]
            .iter()
            .rposition(|record| window().are_apart(record.at_ms, last.at_ms))
    });
    in_range.max(apart.unwrap_or(0))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn duplicates_are_those_of_the_rule(records in records(300)) {
        let mut seen = Seen::new(window(), KEY);
        prop_assert_eq!(decided(&mut seen, &records), decided_by_the_rule(&records));
    }

    #[test]
    fn whoever_reads_from_far_enough_back_decides_the_same(
        records in records(300),
        start in any::<prop::sample::Index>(),
    ) {
        let start = start.index(records.len());
        let all = decided(&mut Seen::new(window(), KEY), &records);
        let begin = begin(&records, start);
        let rest = decided(&mut Seen::new(window(), [0; 16]), &records[begin..]);
        prop_assert_eq!(&rest[start - begin..], &all[start..]);
    }

    #[test]
    fn a_repeat_within_time_and_records_is_found_and_one_a_quarter_later_never(
        steps in vec((1..20_u64, 0..1_500_i64, 0..1_000_i64, 0..6_u8), 1..200),
    ) {
        // The broker's clock is behind by less than a slice, now more and now less.
        let (mut offset, mut on_time) = (0, 0);
        let records: Vec<Record> = steps.into_iter().map(|(gap, step, behind, number)| {
            offset += gap;
            on_time += step;
            Record { offset, at_ms: on_time - behind, id: Some(number), external_id: None }
        }).collect();
        let decided = decided(&mut Seen::new(window(), KEY), &records);
        for (new, record) in records.iter().enumerate() {
            let (mut must, mut may) = (false, false);
            for (old, before) in records[..new].iter().enumerate().filter(|(_, old)| old.is_same(*record)) {
                let latest = records[old..=new].iter().map(|record| record.at_ms).max().unwrap();
                let begun = record.offset - before.offset;
                must |= latest - before.at_ms <= WITHIN_MS && begun <= RECORDS;
                may |= record.at_ms - before.at_ms < WITHIN_MS / 4 * 5 && begun < RECORDS / 8 * 9;
            }
            prop_assert!(decided[new] || !must, "not found: {:?}", record);
            prop_assert!(!decided[new] || may, "found: {:?}", record);
        }
    }
}

/// Whether event 1 at each of these times, one record each, is a duplicate, with a window of a minute.
fn at_times(times_ms: &[i64]) -> Vec<bool> {
    let mut seen = Seen::new(Window::new(MINUTE.unsigned_abs(), 1_000), KEY);
    let records = (0..).zip(times_ms).map(|(offset, at_ms)| Record {
        offset,
        at_ms: *at_ms,
        id: Some(1),
        external_id: None,
    });
    decided(&mut seen, &records.collect::<Vec<_>>())
}

#[test]
fn what_was_dropped_is_remembered_anew() {
    assert_eq!(at_times(&[0, 50 * SECOND, 70 * SECOND]), [false, true, true]);
    let every_50_seconds: Vec<i64> = (0..100).map(|count| count * 50 * SECOND).collect();
    assert_eq!(
        at_times(&every_50_seconds).iter().filter(|found| **found).count(),
        99
    );
}

#[test]
fn a_client_that_resends_after_the_window_is_taken() {
    assert_eq!(at_times(&[0, MINUTE, 3 * MINUTE]), [false, true, false]);
}

#[test]
fn a_clock_that_steps_back_by_less_than_a_slice_hides_nothing() {
    assert_eq!(
        at_times(&[0, -14 * SECOND, MINUTE / 2, MINUTE / 2 - 14 * SECOND]),
        [false, true, true, true]
    );
}

#[test]
fn a_clock_that_jumps_makes_forget_and_does_not_stay_in_the_way() {
    let ahead = 1_000 * MINUTE;
    assert_eq!(
        at_times(&[0, 1, ahead, 2, 3, ahead / 2, 4, 5]),
        [false, true, false, false, true, false, false, true]
    );
    assert_eq!(
        at_times(&[i64::MIN, i64::MAX, i64::MIN, i64::MIN]),
        [false, false, false, true]
    );
}

#[test]
fn neither_tenants_nor_ids_and_external_ids_meet() {
    // An id whose bytes are a text.
    let id = EventId::from_bytes(*b"abcdefp\xc2\x80bcdefgh").unwrap();
    let bytes = id.bytes();
    let same_bytes = std::str::from_utf8(&bytes).unwrap();
    let (one, other) = (tenant("one"), tenant("other"));
    let mut seen = Seen::new(window(), KEY);
    let mut offset = 0;
    let mut take = |tenant, id, external_id| {
        offset += 1;
        let identity = Identity {
            tenant,
            id,
            external_id,
        };
        seen.take(offset, 0, Some(identity))
    };
    assert!(!take(&one, id, None));
    assert!(!take(&other, id, Some("x")));
    assert!(!take(&one, self::id(1), Some(same_bytes)));
    assert!(!take(&one, self::id(2), Some("x")));
    assert!(take(&other, self::id(3), Some("x")));
    assert!(take(&one, id, Some("y")));
    // What came with a duplicate is remembered too.
    assert!(take(&one, self::id(4), Some("y")));
    assert!(take(&one, self::id(4), None));
}

#[test]
fn a_record_without_identity_moves_the_clock_and_is_not_remembered() {
    let mut seen = Seen::new(window(), KEY);
    let record = |offset, at_ms, id| Record {
        offset,
        at_ms,
        id,
        external_id: None,
    };
    let records = [
        record(0, 0, Some(1)),
        record(1, 0, None),
        record(2, 0, None),
        record(3, 0, Some(1)),
        record(4, 100 * MINUTE, None),
        record(5, 0, Some(1)),
    ];
    assert_eq!(
        decided(&mut seen, &records),
        [false, false, false, true, false, false]
    );
    assert_eq!(seen.hashes(), 1);
}

#[test]
fn memory_is_bounded_by_records_and_given_back_with_time() {
    let (mut seen, demo) = (Seen::new(Window::new(600_000, 8_000), KEY), tenant("demo"));
    let mut take = |offset: u64, at_ms| {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&offset.to_be_bytes());
        let external_id = offset.to_string();
        let identity = Identity {
            tenant: &demo,
            id: EventId::made(Millis::EPOCH, random),
            external_id: Some(&external_id),
        };
        assert!(!seen.take(offset, at_ms, Some(identity)));
        (seen.sets.len(), seen.hashes())
    };
    for offset in 0..100_000 {
        // The clock is at the edge of a slice, and steps over it and back.
        let at_ms = 10 * MINUTE - 1 + i64::try_from(offset % 2).unwrap();
        let (sets, hashes) = take(offset, at_ms);
        assert!(sets <= 18 && hashes <= 18_000, "{sets} {hashes}");
    }
    assert_eq!(take(100_000, 23 * MINUTE), (1, 2));
}
