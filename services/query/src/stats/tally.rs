//! Which groups are the greatest, where there are more than can be kept: their counts, within a bound of memory.
//!
//! When there is no room, the groups with the lesser half of the counts are forgotten. So each count may be too low,
//! by no more than is known, and a group of which much is counted stays. Whoever then counts the chosen groups exactly
//! can tell whether one that was not chosen may be greater.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use domain::rollup::{Row, Value, Window};

use super::conditions::Conditions;
use super::read::Sink;

/// Bytes of groups that are remembered.
pub(super) const MAX_BYTES: usize = 16 << 20;
/// What a group takes beside its texts, about: its place in the table, its count, and the list of its values.
const GROUP_BYTES: usize = 64;

/// Counts of groups.
pub(super) struct Tally {
    places: Arc<[usize]>,
    conditions: Arc<Conditions>,
    max_bytes: usize,
    bytes: usize,
    counts: HashMap<Vec<Value>, u64>,
    /// No count is lower than it should be by more than this, that of a forgotten group included.
    missing: u64,
    /// Whether there were groups whose values can't be told.
    has_other: bool,
}

impl Tally {
    /// Counts by these places of a group.
    pub(super) fn new(places: Arc<[usize]>, conditions: Arc<Conditions>, max_bytes: usize) -> Self {
        Self {
            places,
            conditions,
            max_bytes,
            bytes: 0,
            counts: HashMap::new(),
            missing: 0,
            has_other: false,
        }
    }

    /// The greatest groups, at most so many, the greatest first.
    pub(super) fn greatest(&self, limit: usize) -> Vec<Vec<Value>> {
        let ranked = self.ranked();
        ranked
            .into_iter()
            .take(limit)
            .map(|(_, group)| group.clone())
            .collect()
    }

    /// What a group that is not among the greatest may have at the most, where some were forgotten.
    pub(super) fn may_be_missed(&self, limit: usize) -> u64 {
        if self.missing == 0 {
            return 0;
        }
        let next = self.ranked().get(limit).map_or(0, |(Reverse(count), _)| *count);
        next + self.missing
    }

    /// How many groups there are, and whether that is all.
    pub(super) fn groups(&self) -> (u64, bool) {
        (self.counts.len() as u64, self.missing == 0 && !self.has_other)
    }

    fn ranked(&self) -> Vec<(Reverse<u64>, &Vec<Value>)> {
        let mut ranked: Vec<_> = self
            .counts
            .iter()
            .map(|(group, count)| (Reverse(*count), group))
            .collect();
        ranked.sort_unstable();
        ranked
    }

    fn count(&mut self, group: Vec<Value>, count: u64) {
        if let Some(known) = self.counts.get_mut(&group) {
            *known += count;
            return;
        }
        self.bytes += bytes_of(&group);
        self.counts.insert(group, count);
        if self.bytes > self.max_bytes {
            self.forget();
        }
    }

    fn forget(&mut self) {
        let mut counts: Vec<_> = self.counts.values().copied().collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        let median = *median;
        self.counts.retain(|_, count| *count > median);
        self.missing += median;
        self.bytes = self.counts.keys().map(|group| bytes_of(group)).sum();
    }
}

impl Sink for Tally {
    fn add(&mut self, _: Window, row: &Row) {
        for (group, aggregate) in row.groups() {
            if self.conditions.keep(&group) != Some(true) {
                continue;
            }
            let values: Vec<_> = self
                .places
                .iter()
                .map(|place| group.values()[*place].clone())
                .collect();
            if values.contains(&Value::Other) {
                self.has_other = true;
            } else {
                self.count(values, aggregate.count);
            }
        }
    }
}

fn bytes_of(group: &[Value]) -> usize {
    let texts = group.iter().filter_map(Value::as_text).map(str::len);
    GROUP_BYTES + size_of_val(group) + texts.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group(number: u32) -> Vec<Value> {
        vec![Value::from(Some(format!("group-{number}").as_str()))]
    }

    fn tally(max_bytes: usize) -> Tally {
        Tally::new([0].into(), Arc::default(), max_bytes)
    }

    #[test]
    fn the_greatest_come_first_and_equals_in_their_order() {
        let mut tally = tally(MAX_BYTES);
        for (number, count) in [(1, 5), (2, 9), (3, 5), (4, 1), (1, 1), (3, 1)] {
            tally.count(group(number), count);
        }
        assert_eq!(tally.greatest(3), [2, 1, 3].map(group));
        assert_eq!((tally.may_be_missed(3), tally.groups()), (0, (4, true)));
    }

    #[test]
    fn a_group_of_which_much_is_counted_is_found_among_any_number_of_others() {
        let mut tally = tally(10_000);
        for number in 0..100_000 {
            tally.count(group(number), 1);
            tally.count(group(7_000_000 + number % 3), 2);
        }
        assert!(tally.bytes <= tally.max_bytes);
        assert_eq!(tally.greatest(3).len(), 3);
        assert!(
            tally
                .greatest(3)
                .iter()
                .all(|group| group[0].as_text().unwrap().starts_with("group-700000"))
        );
        assert!(tally.may_be_missed(3) < 60_000, "{}", tally.may_be_missed(3));
        assert!(!tally.groups().1);
    }

    proptest! {
        #[test]
        fn no_count_is_lower_than_is_known(
            counts in prop::collection::vec((0..30_u32, 1..100_u64), 1..300), max_bytes in 200..3_000_usize, limit in 1..10_usize,
        ) {
            let mut tally = tally(max_bytes);
            let mut exact = HashMap::<_, u64>::new();
            for (number, count) in counts {
                tally.count(group(number), count);
                *exact.entry(group(number)).or_default() += count;
            }
            let chosen = tally.greatest(limit);
            for (group, count) in &exact {
                let known = tally.counts.get(group).copied().unwrap_or(0);
                prop_assert!(known <= *count && *count <= known + tally.missing);
                prop_assert!(chosen.contains(group) || tally.missing == 0 || *count <= tally.may_be_missed(limit));
            }
        }
    }
}
