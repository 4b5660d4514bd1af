//! What one source has of one (tenant, window, rollup), each event counted exactly once.
//!
//! A row keeps the origin of the last event that it has: an event with an origin that is not greater was folded before,
//! and changes nothing. Its stamp grows with every event and is a function of the events alone, so whoever has folded
//! more of a source has the greater stamp, and whoever has folded the same has the same row.

mod stored;

use super::aggregate::Aggregate;
use super::group::Group;
use super::groups::Groups;
use super::{Corrupt, Rollup, key};
use crate::record::Enriched;
use crate::time::Millis;

/// All groups of one source in one (tenant, window, rollup), with their stamp and last origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    rollup: Rollup,
    stamp: i64,
    last_origin: Option<u64>,
    groups: Groups,
}

impl Row {
    /// A row without events.
    pub fn new(rollup: Rollup) -> Self {
        Self {
            rollup,
            stamp: 0,
            last_origin: None,
            groups: Groups::default(),
        }
    }

    /// Adds an event, which the log has appended at this time and whose accepted offset is `origin`. False where that
    /// changes nothing: the event was folded before, or is none of the rollup's.
    ///
    /// Append times may step back, and may be equal.
    pub fn fold(&mut self, event: &Enriched, origin: u64, appended_at: Millis) -> bool {
        let was_folded = self.last_origin.is_some_and(|last| origin <= last);
        if was_folded || !self.rollup.takes(event) {
            return false;
        }
        self.last_origin = Some(origin);
        // No append time is near the end of the type, so one more is always greater.
        let appended_us = appended_at.min(Millis::MAX).as_ms().saturating_mul(1000);
        self.stamp = self.stamp.saturating_add(1).max(appended_us);
        self.groups.fold(self.rollup, event);
        true
    }

    /// The rollup.
    pub fn rollup(&self) -> Rollup {
        self.rollup
    }

    /// Greater with every event that was folded: max(the one before + 1, append time in microseconds). 0 at first.
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

    /// Whether events are counted in coarser groups, which have a [`Value::Other`](super::Value::Other).
    pub fn has_overflowed(&self) -> bool {
        self.groups.has_other()
    }

    /// Bytes in memory, about.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.groups.heap_bytes()
    }

    /// All groups, in no order.
    pub fn groups(&self) -> impl Iterator<Item = (Group, &Aggregate)> {
        let groups = self.groups.iter();
        groups.map(|(key, aggregate)| (key::group(key), aggregate))
    }

    /// The bytes to store: equal for equal rows. Packed where that makes them fewer.
    pub fn encode(&self) -> Vec<u8> {
        stored::encode(self)
    }

    /// Reads what [`Row::encode`] has written. Any bytes are a row or are refused, in bounded memory.
    pub fn decode(rollup: Rollup, bytes: &[u8]) -> Result<Self, Corrupt> {
        stored::decode(rollup, bytes).ok_or(Corrupt)
    }
}
