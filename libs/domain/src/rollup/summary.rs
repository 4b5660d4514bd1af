//! The reading side: rows of several sources and windows, summed up by some dimensions.

use std::collections::BTreeMap;

use super::aggregate::Aggregate;
use super::group::{Group, Value};
use super::row::Row;
use super::{Dimension, Rollup};

/// Rows of one rollup, summed up by some of its dimensions.
#[derive(Clone, Debug)]
pub struct Summary {
    /// For each dimension by which is summed up, its place in a group.
    places: Vec<Option<usize>>,
    max_groups: usize,
    groups: BTreeMap<Vec<Value>, Aggregate>,
    undecided: u64,
    is_lower_bound: bool,
}

impl Summary {
    /// Sums up by these dimensions, in this order; one that the rollup does not have is absent everywhere. Groups
    /// beyond `max_groups` are merged into a group of all [`Value::Other`].
    pub fn new(rollup: Rollup, by: &[Dimension], max_groups: usize) -> Self {
        let place = |by: &Dimension| rollup.dimensions().iter().position(|own| own == by);
        Self {
            places: by.iter().map(place).collect(),
            max_groups,
            groups: BTreeMap::new(),
            undecided: 0,
            is_lower_bound: false,
        }
    }

    /// Adds the groups of a row that `keep` says are meant. Where it can't tell, because the value that it asks for is
    /// [`Value::Other`], the events are counted as undecided.
    pub fn add(&mut self, row: &Row, keep: impl Fn(&Group) -> Option<bool>) {
        for (group, aggregate) in row.groups() {
            match keep(&group) {
                Some(false) => {}
                Some(true) => self.put(&group, aggregate),
                None => self.undecided = self.undecided.saturating_add(aggregate.count),
            }
        }
    }

    fn put(&mut self, group: &Group, aggregate: &Aggregate) {
        let value = |place: &Option<usize>| place.map_or(Value::Absent, |at| group.values()[at].clone());
        let mut key: Vec<_> = self.places.iter().map(value).collect();
        self.is_lower_bound |= key.contains(&Value::Other);
        if self.groups.len() >= self.max_groups && !self.groups.contains_key(&key) {
            key.fill(Value::Other);
        }
        self.groups.entry(key).or_default().merge(aggregate);
    }

    /// The groups, each with a value for every dimension by which is summed up.
    pub fn groups(&self) -> &BTreeMap<Vec<Value>, Aggregate> {
        &self.groups
    }

    /// All groups together.
    pub fn total(&self) -> Aggregate {
        let mut total = Aggregate::default();
        self.groups.values().for_each(|group| total.merge(group));
        total
    }

    /// How many events may or may not be meant.
    pub fn undecided(&self) -> u64 {
        self.undecided
    }

    /// Whether a group may have more events than are shown.
    pub fn is_lower_bound(&self) -> bool {
        self.undecided > 0 || self.is_lower_bound
    }
}
