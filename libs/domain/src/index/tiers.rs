//! Which units of a source are merged, and when: as hours, days and weeks close, so that a search over a long range
//! reads few units, and every event is written a few times only.
//!
//! | level | unit of | closed |
//! |---|---|---|
//! | 0 | what was sealed at once, within one hour | |
//! | 1 | four hours | 20 minutes after their end |
//! | 2 | a day | an hour after its end |
//! | 3 | eight days, of which a period has four | six hours after their end |
//!
//! Of four hours that are open, eight units of about one size become one. No merge makes more than one unit: what would
//! have more than [`MAX_EVENTS`] is left alone. What comes late waits until there is enough of it.

use std::collections::BTreeMap;

use super::manifest::Entry;
use super::unit::MAX_EVENTS;
use crate::time::Millis;

const HOUR_MS: i64 = 60 * 60 * 1000;
/// Units of open hours that are merged at once.
const FAN_IN: usize = 8;
/// Late units that are worth another merge.
const LATE: usize = 4;
/// A unit is rewritten for others that have at least this part of its events.
const WORTH: u64 = 8;

/// A level with the length of its blocks and how long after the end of one it is closed.
struct Level {
    number: u8,
    block_ms: i64,
    grace_ms: i64,
}

const LEVELS: [Level; 3] = [
    Level {
        number: 1,
        block_ms: 4 * HOUR_MS,
        grace_ms: HOUR_MS / 3,
    },
    Level {
        number: 2,
        block_ms: 24 * HOUR_MS,
        grace_ms: HOUR_MS,
    },
    Level {
        number: 3,
        block_ms: 8 * 24 * HOUR_MS,
        grace_ms: 6 * HOUR_MS,
    },
];

impl Level {
    fn block(&self, entry: &Entry) -> i64 {
        entry.first.time().as_ms().div_euclid(self.block_ms)
    }

    fn closes_at(&self, block: i64) -> Millis {
        Millis::from_ms((block + 1).saturating_mul(self.block_ms)).plus_ms(self.grace_ms)
    }
}

/// Units that become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// At least two, in the order of their first ids.
    pub units: Vec<Entry>,
    /// Level of the outcome.
    pub level: u8,
}

/// The next merge that is due at `now` among the units of one source and class in one period.
pub fn due(entries: &[Entry], now: Millis) -> Option<Merge> {
    let mut open = blocks(entries, &LEVELS[0])
        .into_iter()
        .filter(|(block, _)| LEVELS[0].closes_at(*block) > now);
    let fanned = open.find_map(|(_, units)| fan_in(&units));
    fanned.or_else(|| {
        LEVELS.iter().find_map(|level| {
            let mut closed = blocks(entries, level)
                .into_iter()
                .filter(|(block, _)| level.closes_at(*block) <= now);
            closed.find_map(|(_, units)| closing(level, &units))
        })
    })
}

/// When there may be something to merge that was not due at `now`; none when nothing will be without new units.
pub fn next_due(entries: &[Entry], now: Millis) -> Option<Millis> {
    let times = LEVELS.iter().flat_map(|level| {
        let several = blocks(entries, level)
            .into_iter()
            .filter(|(_, units)| units.len() > 1);
        several
            .map(|(block, _)| level.closes_at(block))
            .filter(|time| *time > now)
    });
    times.min()
}

/// Units by block, each block in the order of first ids.
fn blocks<'e>(entries: &'e [Entry], level: &Level) -> BTreeMap<i64, Vec<&'e Entry>> {
    let mut blocks: BTreeMap<i64, Vec<&Entry>> = BTreeMap::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.level <= level.number && entry.events < MAX_EVENTS / 4 * 3)
    {
        blocks.entry(level.block(entry)).or_default().push(entry);
    }
    for units in blocks.values_mut() {
        units.sort_by_key(|entry| (entry.first, entry.unit));
    }
    blocks
}

/// Enough small units of one size.
fn fan_in(units: &[&Entry]) -> Option<Merge> {
    let mut sizes: BTreeMap<u32, Vec<&Entry>> = BTreeMap::new();
    for unit in units.iter().filter(|unit| unit.level == 0) {
        // Eight times as many events are the next size.
        sizes
            .entry(unit.events.max(1).ilog2() / 3)
            .or_default()
            .push(unit);
    }
    sizes
        .into_values()
        .filter(|units| units.len() >= FAN_IN)
        .find_map(|units| run(&units, 0))
}

/// What a closed block still has in parts.
fn closing(level: &Level, units: &[&Entry]) -> Option<Merge> {
    let events = |units: &[&Entry]| units.iter().map(|unit| u64::from(unit.events)).sum::<u64>();
    let (merged, low): (Vec<&Entry>, Vec<&Entry>) = units.iter().partition(|unit| unit.level == level.number);
    let is_late = !merged.is_empty();
    if low.is_empty() || is_late && low.len() < LATE {
        return None;
    }
    let worth = events(&low).saturating_mul(WORTH);
    let together: Vec<&Entry> = units
        .iter()
        .copied()
        .filter(|unit| unit.level < level.number || u64::from(unit.events) <= worth)
        .collect();
    run(&together, level.number)
}

/// The first units next to each other that fit into one.
fn run(units: &[&Entry], level: u8) -> Option<Merge> {
    let mut open: Vec<&Entry> = Vec::new();
    let mut events = 0;
    for unit in units {
        if events + unit.events > MAX_EVENTS {
            if open.len() > 1 {
                break;
            }
            open.clear();
            events = 0;
        }
        open.push(unit);
        events += unit.events;
    }
    (open.len() > 1).then(|| Merge {
        units: open.into_iter().cloned().collect(),
        level,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::EventId;
    use crate::index::manifest::{UnitId, UnitRef};
    use crate::retention::Class;
    use crate::source::{Lane, Source};

    const START: i64 = 20_000 * 8 * 24 * HOUR_MS;

    fn entry(number: u8, level: u8, at_ms: i64, events: u32) -> Entry {
        let id = EventId::made(Millis::from_ms(START + at_ms), [number; 10]);
        Entry {
            unit: UnitRef {
                class: Class::Days30,
                id: UnitId([number; 16]),
            },
            source: Source {
                lane: Lane::Standard,
                generation: 1,
                partition: 0,
            },
            level,
            events,
            pages: 1,
            first: id,
            last: id,
            last_origin: 1,
            expires_at: Millis::MAX,
            covers: None,
        }
    }

    fn at(ms: i64) -> Millis {
        Millis::from_ms(START + ms)
    }

    fn numbers(merge: Option<Merge>) -> Vec<u8> {
        merge.map_or(Vec::new(), |merge| {
            merge.units.iter().map(|unit| unit.unit.id.0[0]).collect()
        })
    }

    #[test]
    fn four_hours_are_merged_when_they_are_closed() {
        let units = [entry(1, 0, 10, 5), entry(2, 0, 5, 5), entry(3, 0, 4 * HOUR_MS, 5)];
        let closes = 4 * HOUR_MS + HOUR_MS / 3;
        assert_eq!(due(&units, at(closes - 1)), None);
        assert_eq!(next_due(&units, at(0)), Some(at(closes)));
        let merge = due(&units, at(closes));
        assert_eq!(merge.as_ref().map(|merge| merge.level), Some(1));
        assert_eq!(numbers(merge), [2, 1]);
    }

    #[test]
    fn open_hours_merge_eight_of_one_size() {
        let mut units: Vec<_> = (0..7).map(|n| entry(n, 0, i64::from(n), 100)).collect();
        units.push(entry(7, 0, 7, 100_000));
        assert_eq!(due(&units, at(1000)), None);
        units.push(entry(8, 0, 8, 100));
        assert_eq!(numbers(due(&units, at(1000))), [0, 1, 2, 3, 4, 5, 6, 8]);
    }

    #[test]
    fn a_few_late_units_wait_and_more_are_merged() {
        let mut units = vec![entry(0, 1, 0, 1000)];
        units.extend((1..4).map(|n| entry(n, 0, i64::from(n), 10)));
        let later = at(5 * HOUR_MS);
        assert_eq!(due(&units, later), None);
        units.push(entry(4, 0, 4, 10));
        assert_eq!(
            numbers(due(&units, later)),
            [1, 2, 3, 4],
            "the large one is not rewritten for so little"
        );
        units.push(entry(5, 0, 5, 500));
        assert_eq!(numbers(due(&units, later)), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn full_units_are_left_alone() {
        let units = [
            entry(0, 0, 0, MAX_EVENTS),
            entry(1, 0, 1, MAX_EVENTS / 8 * 5),
            entry(2, 0, 2, MAX_EVENTS / 8 * 5),
        ];
        assert_eq!(due(&units, at(100 * 24 * HOUR_MS)), None);
    }

    proptest! {
        #[test]
        fn merging_ends_with_few_units(
            sealed in prop::collection::vec((0..8 * 24 * HOUR_MS, 1..200_000_u32), 1..60), now in 0..20 * 24 * HOUR_MS,
        ) {
            let mut units: Vec<_> = sealed.iter().zip(0..).map(|((at, events), n)| entry(n, 0, *at, *events)).collect();
            let total: u64 = units.iter().map(|unit| u64::from(unit.events)).sum();
            let mut rounds = 0;
            while let Some(merge) = due(&units, at(now)) {
                prop_assert!(merge.units.len() > 1);
                rounds += 1;
                prop_assert!(rounds < 200);
                let merged: u32 = merge.units.iter().map(|unit| unit.events).sum();
                prop_assert!(merged <= MAX_EVENTS);
                units.retain(|unit| !merge.units.contains(unit));
                let mut outcome = merge.units[0].clone();
                (outcome.level, outcome.events) = (merge.level, merged);
                units.push(outcome);
            }
            prop_assert_eq!(units.iter().map(|unit| u64::from(unit.events)).sum::<u64>(), total);
            if now > 9 * 24 * HOUR_MS {
                // No two neighbours would fit into one, but for those that are too large or too small to be rewritten.
                let bound = usize::try_from(total * 2 / u64::from(MAX_EVENTS)).unwrap() + 2 + LATE;
                prop_assert!(units.len() <= bound, "{} units of {total} events", units.len());
            }
        }
    }
}
