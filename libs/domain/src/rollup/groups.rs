//! The groups of a row, within the room that there is.

use std::collections::HashMap;

use super::Rollup;
use super::aggregate::Aggregate;
use super::hash::BuildKeyHasher;
use super::key;
use crate::record::Enriched;

/// More dimensions than any rollup has.
const MAX_DIMENSIONS: usize = 8;

/// What an entry of the map takes, with its control byte and the eighth of all places that stays free.
const ENTRY_BYTES: usize = (size_of::<(Box<[u8]>, Aggregate)>() + 1) * 8 / 7;

/// All groups, each under its [key].
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    map: HashMap<Box<[u8]>, Aggregate, BuildKeyHasher>,
    has_other: bool,
    /// Bytes of keys and sketches.
    heap_bytes: usize,
    /// The key of the event in hand. It is kept, so that an event of a group that is there already allocates nothing.
    key: Vec<u8>,
}

impl PartialEq for Groups {
    fn eq(&self, other: &Self) -> bool {
        self.map == other.map
    }
}

impl Eq for Groups {}

impl Groups {
    /// Counts an event in its group, or in the finest one that there is or has room.
    pub(super) fn fold(&mut self, rollup: Rollup, event: &Enriched) {
        let mut values = [None; MAX_DIMENSIONS];
        for (value, dimension) in values.iter_mut().zip(rollup.dimensions()) {
            *value = dimension.of(event);
        }
        for level in rollup.levels() {
            if !key::write(&mut self.key, &values, level) {
                continue;
            }
            if let Some(aggregate) = self.map.get_mut(self.key.as_slice()) {
                let before = aggregate.heap_bytes();
                aggregate.add(rollup, &event.event);
                self.heap_bytes = self.heap_bytes + aggregate.heap_bytes() - before;
                return;
            }
            if self.map.len() < level.room {
                let mut aggregate = Aggregate::default();
                aggregate.add(rollup, &event.event);
                self.insert(self.key.as_slice().into(), aggregate, level.is_coarse());
                return;
            }
        }
    }

    /// Adds a group that is not there yet.
    pub(super) fn insert(&mut self, key: Box<[u8]>, aggregate: Aggregate, has_other: bool) {
        self.heap_bytes += key.len() + aggregate.heap_bytes();
        self.has_other |= has_other;
        self.map.insert(key, aggregate);
    }

    /// Whether one of them is coarse.
    pub(super) fn has_other(&self) -> bool {
        self.has_other
    }

    /// All with their keys, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Aggregate)> {
        self.map.iter().map(|(key, aggregate)| (&**key, aggregate))
    }

    /// Bytes outside of the value itself, about.
    pub(super) fn heap_bytes(&self) -> usize {
        self.map.capacity() * ENTRY_BYTES + self.heap_bytes + self.key.capacity()
    }
}
