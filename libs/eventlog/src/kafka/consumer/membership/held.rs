//! One assignment of one partition: how far it has come, and the records that were not taken.

use std::collections::VecDeque;

use crate::record::Record;

/// What a record costs beside its bytes, so that many empty ones have a bound too.
pub(super) const RECORD_OVERHEAD: usize = size_of::<Record>();

pub(super) struct Held {
    /// Tells it from others of the same partition.
    pub(super) assignment: u64,
    pub(super) stage: Stage,
    /// By the owner.
    pub(super) paused: bool,
    /// Where the owner wants to go on, until the client was told.
    pub(super) sought: Option<u64>,
    /// The lowest offset that is taken from the client, from the first seek on.
    pub(super) position: Option<u64>,
    /// Whether the client keeps it back.
    pub(super) kept_back: bool,
    pub(super) reading: Reading,
    ready: VecDeque<Delivery>,
    ready_bytes: usize,
}

/// Whether the client reads a partition when it is not kept back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Possible,
    /// It has stopped, can't seek there, and nobody knows why yet.
    Stopped,
    /// It has stopped, and the owner knows why.
    Explained,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// What the group committed is not known yet.
    Fresh,
    /// The owner has not taken notice yet.
    Announced,
    Owned,
    /// To be drained, of which the owner has not taken notice yet.
    Recalled,
    Revoked,
}

impl Stage {
    /// Whether the owner does not know of the assignment.
    pub(super) fn is_unheard_of(self) -> bool {
        matches!(self, Self::Fresh | Self::Announced)
    }

    /// Whether it is to be drained.
    pub(super) fn is_draining(self) -> bool {
        matches!(self, Self::Recalled | Self::Revoked)
    }
}

struct Delivery {
    records: Vec<Record>,
    bytes: usize,
}

impl Held {
    pub(super) fn new(assignment: u64) -> Self {
        Self {
            assignment,
            stage: Stage::Fresh,
            paused: false,
            sought: None,
            position: None,
            kept_back: true,
            reading: Reading::Possible,
            ready: VecDeque::new(),
            ready_bytes: 0,
        }
    }

    /// Whether the client has to keep it back. In a pause it goes on until its share of the stash is full.
    pub(super) fn should_rest(&self, stash_share: usize) -> bool {
        // Half of the bound, so that a partition isn't stopped and started with every delivery.
        let most = if self.kept_back {
            stash_share / 2
        } else {
            stash_share
        };
        self.stage != Stage::Owned || self.position.is_none() || (self.paused && self.ready_bytes > most)
    }

    /// Whether a record that arrives now is one that the owner asked for.
    pub(super) fn takes(&self) -> bool {
        self.stage == Stage::Owned && self.sought.is_none() && self.position.is_some()
    }

    /// Keeps records for the owner, but for those below the position: after a pause the client may deliver again what
    /// it had delivered.
    pub(super) fn keep(&mut self, mut records: Vec<Record>, delivery_bytes: usize) {
        let position = self.position.unwrap_or(0);
        records.retain(|record| record.offset >= position);
        let Some(last) = records.last() else { return };
        self.position = Some(last.offset.saturating_add(1));
        let bytes: usize = records.iter().map(Record::bytes).sum();
        self.ready_bytes = self.ready_bytes.saturating_add(cost(bytes, records.len()));
        match self.ready.back_mut() {
            Some(delivery) if delivery.bytes.saturating_add(bytes) <= delivery_bytes => {
                delivery.bytes += bytes;
                delivery.records.append(&mut records);
            }
            _ => self.ready.push_back(Delivery { records, bytes }),
        }
    }

    /// The next records that were kept.
    pub(super) fn take(&mut self) -> Option<Vec<Record>> {
        let Delivery { records, bytes } = self.ready.pop_front()?;
        self.ready_bytes = self.ready_bytes.saturating_sub(cost(bytes, records.len()));
        Some(records)
    }

    pub(super) fn has_records(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Bytes of what is kept, with the overhead.
    pub(super) fn kept_bytes(&self) -> usize {
        self.ready_bytes
    }

    pub(super) fn forget_records(&mut self) {
        self.ready.clear();
        self.ready_bytes = 0;
    }
}

fn cost(bytes: usize, records: usize) -> usize {
    bytes.saturating_add(records.saturating_mul(RECORD_OVERHEAD))
}
