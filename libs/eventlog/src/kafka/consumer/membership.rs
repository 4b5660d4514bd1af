//! What this member holds of its group and what it is told next, as a plain value.
//!
//! Two sides meet here. The polling thread reports what the client says: partitions assigned, revoked and lost,
//! records, seeks that are done. The owner of the consumer takes notices and says where partitions go on, which
//! rest and which are given back. The value answers what to do with a record that arrives (keep it, or drop it
//! because a seek is pending or it lies below the position) and what the client has to be told: see [`Plan`].
//!
//! It does no I/O and knows no clock. Nothing that either side says can make it panic.

mod client;
mod held;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use self::held::{Held, Stage};
use crate::port::{Error, Notice};
use crate::record::TopicPartition;

/// How much is kept for an owner that does not ask.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the unit")]
pub(super) struct Bounds {
    /// Bytes of one delivery.
    pub(super) delivery_bytes: usize,
    /// Bytes of all deliveries that could be taken.
    pub(super) backlog_bytes: usize,
    /// Bytes of all deliveries that wait for the end of a pause. Kept here, they need not be fetched again.
    pub(super) stash_bytes: usize,
}

pub(super) struct Membership {
    bounds: Bounds,
    held: BTreeMap<TopicPartition, Held>,
    assignments: u64,
    revocation: Option<Revocation>,
    notices: VecDeque<Notice>,
    errors: VecDeque<Error>,
    /// What the client was told to read from elsewhere or again, and may be slow to.
    moved: BTreeSet<TopicPartition>,
    /// The partition whose records were taken last; the next are of the one after it.
    turn: Option<TopicPartition>,
    /// There is something that the client was not told.
    dirty: bool,
    /// The owner does not ask, and the client has to keep everything back.
    stalled: bool,
    phase: Phase,
    /// Topics that somebody called unknown, until it is sure.
    doubts: BTreeMap<Arc<str>, Doubt>,
}

/// Each goes on to a later one, never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Active,
    /// No record is taken or given any more.
    Failed,
    /// The owner is gone, or is to go.
    Leaving,
    /// Nobody polls any more.
    Ended,
}

struct Revocation {
    partitions: Vec<TopicPartition>,
    until: Instant,
}

/// An assignment of a partition whose committed offset is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) partition: TopicPartition,
    pub(super) assignment: u64,
}

/// A seek that the client was not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seek {
    pub(super) partition: TopicPartition,
    pub(super) assignment: u64,
    pub(super) offset: u64,
    /// The client can't seek there: it has to be assigned anew.
    pub(super) stopped: bool,
}

/// A topic that may be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) since: Instant,
    /// It was there: a partition of it is or was held.
    pub(super) held: bool,
}

/// What the client has to be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) pause: Vec<TopicPartition>,
    pub(super) resume: Vec<TopicPartition>,
}

impl Membership {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            held: BTreeMap::new(),
            assignments: 0,
            revocation: None,
            notices: VecDeque::new(),
            errors: VecDeque::new(),
            moved: BTreeSet::new(),
            turn: None,
            dirty: false,
            stalled: false,
            phase: Phase::Active,
            doubts: BTreeMap::new(),
        }
    }
}

/// What the owner says and asks.
impl Membership {
    /// What happened, in order: first what concerns the group, then errors, then records.
    pub(super) fn take(&mut self) -> Option<Result<Notice, Error>> {
        if let Some(notice) = self.notices.pop_front() {
            self.taken_notice(&notice);
            return Some(Ok(notice));
        }
        if let Some(error) = self.errors.pop_front() {
            return Some(Err(error));
        }
        if self.phase == Phase::Ended {
            return Some(Err(Error::Closed));
        }
        let partition = self.next_ready()?;
        let share = self.stash_share();
        let held = self.held.get_mut(&partition)?;
        let records = held.take()?;
        self.dirty |= held.should_rest(share) != held.kept_back;
        self.turn = Some(partition.clone());
        Some(Ok(Notice::Records(partition, records)))
    }

    fn taken_notice(&mut self, notice: &Notice) {
        let (partitions, stage): (Vec<_>, _) = match notice {
            Notice::Assigned(list) => (
                list.iter().map(|(partition, _)| partition).collect(),
                Stage::Owned,
            ),
            Notice::Revoked(list) => (list.iter().collect(), Stage::Revoked),
            Notice::Lost(_) | Notice::Records(..) => return,
        };
        for partition in partitions {
            if let Some(held) = self.held.get_mut(partition) {
                held.stage = stage;
            }
        }
    }

    fn next_ready(&self) -> Option<TopicPartition> {
        let after = self.turn.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let order = self.held.range((after, Bound::Unbounded)).chain(self.held.iter());
        order
            .filter(|(_, held)| !held.paused && held.has_records())
            .map(|(partition, _)| partition.clone())
            .next()
    }

    pub(super) fn seek(&mut self, partition: &TopicPartition, offset: u64) -> Result<(), Error> {
        let held = self.owned(partition)?;
        held.sought = Some(offset);
        held.forget_records();
        self.dirty = true;
        Ok(())
    }

    pub(super) fn pause(&mut self, partition: &TopicPartition, paused: bool) -> Result<(), Error> {
        self.owned(partition)?.paused = paused;
        self.dirty = true;
        Ok(())
    }

    /// Whether the owner may commit in this partition: until it is released.
    pub(super) fn may_commit(&self, partition: &TopicPartition) -> Result<(), Error> {
        let held = self.held.get(partition);
        if held.is_some_and(|held| !held.stage.is_unheard_of()) {
            return Ok(());
        }
        Err(not_assigned(partition))
    }

    /// Gives back what was revoked; anything else stays.
    pub(super) fn release(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            if self
                .held
                .get(partition)
                .is_some_and(|held| held.stage == Stage::Revoked)
            {
                self.held.remove(partition);
                self.dirty = true;
            }
        }
    }

    pub(super) fn leave(&mut self) {
        self.phase = self.phase.max(Phase::Leaving);
    }

    fn owned(&mut self, partition: &TopicPartition) -> Result<&mut Held, Error> {
        self.held
            .get_mut(partition)
            .filter(|held| held.stage == Stage::Owned)
            .ok_or_else(|| not_assigned(partition))
    }
}

fn not_assigned(partition: &TopicPartition) -> Error {
    Error::NotAssigned {
        partition: partition.to_string(),
    }
}

impl Membership {
    /// What each partition may keep in a pause.
    fn stash_share(&self) -> usize {
        self.bounds.stash_bytes / self.held.len().max(1)
    }
}

#[cfg(test)]
mod tests;
