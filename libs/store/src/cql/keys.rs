//! In which table and partition a row stands, and how long it lives there: functions of the row alone, so that
//! it is found again without a directory.

use std::ops::{Range, RangeInclusive};

use domain::id::{EventId, IdRange};
use domain::retention::Class;
use domain::rollup::{Grain, Window};
use domain::source::{Lane, Source};
use domain::tenant::TenantId;
use domain::time::Millis;
use xxhash_rust::xxh3::xxh3_64;

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The longest life that engines know: 20 years.
const MAX_TTL_SECONDS: i64 = 20 * 365 * 24 * 60 * 60;
/// Partitions that the rows of one tenant and hour are spread over.
const SHARD_COUNT: u32 = 1;

/// The table of a class.
pub(super) const fn events_table(class: Class) -> &'static str {
    match class {
        Class::Days7 => "events_7d",
        Class::Days30 => "events_30d",
        Class::Days90 => "events_90d",
        Class::Days400 => "events_400d",
    }
}

/// The table of the units of a class.
pub(super) const fn units_table(class: Class) -> &'static str {
    match class {
        Class::Days7 => "units_7d",
        Class::Days30 => "units_30d",
        Class::Days90 => "units_90d",
        Class::Days400 => "units_400d",
    }
}

/// The table of the rollups of a grain.
pub(super) const fn rollups_table(grain: Grain) -> &'static str {
    match grain {
        Grain::Minute => "rollups_minute",
        Grain::Hour => "rollups_hour",
    }
}

/// Windows that a partition of rollups has: an hour of minutes, four days of hours.
const fn windows_in_bucket(grain: Grain) -> i64 {
    match grain {
        Grain::Minute => 60,
        Grain::Hour => 96,
    }
}

/// The partition of the rollups of a window.
pub(super) const fn bucket_of_window(window: Window) -> i64 {
    window.number.div_euclid(windows_in_bucket(window.grain))
}

/// The partitions of the rollups of a range of windows that is not empty, in order.
pub(super) fn buckets_of_windows(grain: Grain, numbers: &Range<i64>) -> RangeInclusive<i64> {
    let [first, last] = [numbers.start, numbers.end - 1].map(|number| Window { grain, number });
    bucket_of_window(first)..=bucket_of_window(last)
}

/// The name of a class in a row.
pub(super) const fn class_name(class: Class) -> &'static str {
    match class {
        Class::Days7 => "7d",
        Class::Days30 => "30d",
        Class::Days90 => "90d",
        Class::Days400 => "400d",
    }
}

/// The class of this name.
pub(super) fn class_of(name: &str) -> Option<Class> {
    Class::ALL.into_iter().find(|class| class_name(*class) == name)
}

/// The columns of a source: lane, generation, partition.
pub(super) fn source_columns(source: Source) -> (&'static str, i64, i64) {
    let (generation, partition) = (i64::from(source.generation), i64::from(source.partition));
    (source.lane.as_str(), generation, partition)
}

/// The source of these columns.
pub(super) fn source_of(lane: &str, generation: i64, partition: i64) -> Option<Source> {
    let mut lanes = (0..=u8::MAX).filter_map(Lane::from_number);
    Some(Source {
        lane: lanes.find(|known| known.as_str() == lane)?,
        generation: u32::try_from(generation).ok()?,
        partition: u32::try_from(partition).ok()?,
    })
}

/// A partition of events, the same in the table of every class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place<'a> {
    pub(super) tenant: &'a str,
    /// Hours since 1970.
    pub(super) bucket: i32,
    pub(super) shard: i32,
}

impl<'a> Place<'a> {
    /// Where the event of this id stands.
    pub(super) fn of(tenant: &'a TenantId, id: EventId) -> Self {
        Self {
            tenant: tenant.as_str(),
            bucket: whole(id.time(), HOUR_MS),
            shard: shard_of(id, SHARD_COUNT),
        }
    }

    /// Where all events of an hour stand.
    pub(super) fn all_of(tenant: &'a TenantId, bucket: i32) -> impl Iterator<Item = Self> {
        (0..shard_count()).map(move |shard| Self {
            tenant: tenant.as_str(),
            bucket,
            shard,
        })
    }
}

fn shard_count() -> i32 {
    i32::try_from(SHARD_COUNT).expect("there are few shards")
}

fn shard_of(id: EventId, count: u32) -> i32 {
    let shard = xxh3_64(&id.bytes()) % u64::from(count);
    i32::try_from(shard).expect("there are few shards")
}

/// Days since 1970 of the id's time: the partition of its marker.
pub(super) fn day_of(id: EventId) -> i32 {
    whole(id.time(), DAY_MS)
}

/// The buckets that ids of a range that is not empty can be in.
pub(super) fn buckets(range: &IdRange) -> RangeInclusive<i32> {
    let last = u128::from_be_bytes(range.end).saturating_sub(1).to_be_bytes();
    bucket_of(range.begin)..=bucket_of(last)
}

/// The part of a range whose ids are in this bucket or, for the oldest first, later ones; for the newest first,
/// earlier ones.
pub(super) fn begin_of(bucket: i32) -> Millis {
    Millis::from_ms(i64::from(bucket) * HOUR_MS)
}

fn bucket_of(bytes: [u8; 16]) -> i32 {
    let mut ms = [0; 8];
    ms[2..].copy_from_slice(&bytes[..6]);
    whole(Millis::from_ms(i64::from_be_bytes(ms)), HOUR_MS)
}

fn whole(time: Millis, unit_ms: i64) -> i32 {
    i32::try_from(time.as_ms().div_euclid(unit_ms)).expect("48 bits of milliseconds are 78 million hours")
}

/// Seconds to live of a row that is gone at `until`; none where that is not after `now`.
///
/// The engine counts whole seconds from the begin of the one it writes in. So there are up to two more: a row
/// is never gone too early, and readers look at the exact time themselves.
pub(super) fn ttl_seconds(until: Millis, now: Millis) -> Option<i32> {
    let left_ms = until.since(now);
    let seconds = (left_ms / 1000 + 2).min(MAX_TTL_SECONDS);
    (left_ms > 0).then(|| i32::try_from(seconds).expect("20 years of seconds fit 32 bits"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_in_a_range_is_in_one_of_its_buckets(
            begin in 0..100_000_000_i64, length in 1..100_000_000_i64, at in 0.0..1.0, random: [u8; 10],
        ) {
            let [from, to] = [begin, begin + length].map(Millis::from_ms);
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any time between")]
            let time = from.plus_ms((at * length as f64) as i64);
            let id = EventId::made(time, random);
            let range = IdRange::of_times(from, to);
            prop_assume!(range.contains(id));
            let tenant = TenantId::parse("demo").unwrap();
            let place = Place::of(&tenant, id);
            prop_assert!(buckets(&range).contains(&place.bucket));
            prop_assert!(Place::all_of(&tenant, place.bucket).any(|other| other == place));
        }

        #[test]
        fn no_range_panics(begin: [u8; 16], end: [u8; 16]) {
            let _ = buckets(&IdRange { begin, end });
        }

        #[test]
        fn shards_are_below_their_number(ms in 0..=Millis::MAX.as_ms(), random: [u8; 10], count in 1..64_u32) {
            let id = EventId::made(Millis::from_ms(ms), random);
            prop_assert!((0..64).contains(&shard_of(id, count)));
            prop_assert_eq!(shard_of(id, 1), 0);
        }

        #[test]
        fn a_row_outlives_its_expiry_by_under_three_seconds(now: i32, left in 1..40_000_000_000_i64) {
            let now = Millis::from_ms(i64::from(now));
            let ttl_ms = i64::from(ttl_seconds(now.plus_ms(left), now).unwrap()) * 1000;
            prop_assert!((left + 1000..=left + 2000).contains(&ttl_ms));
        }
    }

    #[test]
    fn columns_name_one_source_and_one_class() {
        let source = Source {
            lane: Lane::Standard,
            generation: u32::MAX,
            partition: 7,
        };
        let (lane, generation, partition) = source_columns(source);
        assert_eq!(source_of(lane, generation, partition), Some(source));
        assert_eq!(source_of("none", generation, partition), None);
        assert_eq!(source_of(lane, generation + 1, partition), None);
        assert_eq!(source_of(lane, generation, -1), None);
        assert_eq!(
            Class::ALL.map(|class| class_of(class_name(class))),
            Class::ALL.map(Some)
        );
        assert_eq!(class_of("1d"), None);
    }

    #[test]
    fn windows_share_a_partition_with_their_neighbours_on_both_sides_of_1970() {
        for (grain, windows) in [(Grain::Minute, 60), (Grain::Hour, 96)] {
            let bucket = |number| bucket_of_window(Window { grain, number });
            assert_eq!([bucket(-1), bucket(0), bucket(windows - 1)], [-1, 0, 0]);
            assert_eq!([bucket(-windows), bucket(-windows - 1)], [-1, -2]);
            assert_eq!(buckets_of_windows(grain, &(-1..windows)), -1..=0);
            assert_eq!(buckets_of_windows(grain, &(0..windows + 1)), 0..=1);
            let all = buckets_of_windows(grain, &(i64::MIN..i64::MAX));
            assert!(all.contains(&bucket(i64::MIN)) && all.contains(&bucket(i64::MAX - 1)));
        }
    }

    #[test]
    fn the_hour_that_a_range_ends_with_is_not_read() {
        let hours = |from, to| {
            let [from, to] = [from, to].map(|hour| Millis::from_ms(hour * HOUR_MS));
            buckets(&IdRange::of_times(from, to))
        };
        assert_eq!(hours(5, 7), 5..=6);
        assert_eq!(hours(0, 1), 0..=0);
    }

    #[test]
    fn what_has_expired_has_no_life() {
        let now = Millis::from_ms(1_000_000);
        assert_eq!(ttl_seconds(now, now), None);
        assert_eq!(ttl_seconds(now.minus_ms(1), now), None);
        assert_eq!(ttl_seconds(now.plus_ms(1), now), Some(2));
        assert_eq!(ttl_seconds(Millis::MAX, now), Some(630_720_000));
    }
}
