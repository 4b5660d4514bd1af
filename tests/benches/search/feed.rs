//! The enriched records of one partition, made while they are read, in the order of their times.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::topic;
use eventlog::Record;
use proto::record::encode_enriched;

use crate::events::World;

/// How often a partition is sealed.
pub(crate) const SEAL_MS: i64 = 5 * 60 * 1000;
/// Records that are taken at once, such as a worker of a busy system gets.
const RECORDS: usize = 1000;

/// What a worker gets at once.
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    /// When the last of them is appended, or when it is sealed.
    pub(crate) now: Millis,
    /// Whether it is the last before everything is sealed.
    pub(crate) is_sealed: bool,
    /// Whose events came since the last seal.
    pub(crate) tenants: BTreeSet<TenantId>,
}

/// The batches of one partition.
pub(crate) struct Feed {
    world: Arc<World>,
    source: u32,
    numbers: Range<u64>,
    next_offset: u64,
    tenants: BTreeSet<TenantId>,
}

impl Feed {
    /// What of these events goes to a partition.
    pub(crate) fn new(world: &Arc<World>, source: u32, numbers: Range<u64>) -> Self {
        Self {
            world: world.clone(),
            source,
            numbers,
            next_offset: 0,
            tenants: BTreeSet::new(),
        }
    }

    fn record(&mut self, number: u64) -> Record {
        let shape = self.world.shape(number);
        let event = self.world.event(&shape);
        if !self.tenants.contains(&event.tenant) {
            self.tenants.insert(event.tenant.clone());
        }
        record(self.next_offset, shape.time, encode_enriched(event))
    }
}

/// A record of the enriched topic whose origin is its offset.
fn record(offset: u64, time: Millis, value: Bytes) -> Record {
    Record {
        offset,
        appended_at_ms: time.as_ms(),
        key: Bytes::new(),
        value,
        headers: vec![(topic::HEADER_ORIGIN.into(), offset.to_string().into())],
    }
}

impl Iterator for Feed {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.numbers.is_empty() {
            return None;
        }
        let first = self.world.time(self.numbers.start);
        let seal_at = Millis::from_ms((first.as_ms().div_euclid(SEAL_MS) + 1) * SEAL_MS).min(self.world.end);
        let end = self
            .world
            .first_at(seal_at)
            .clamp(self.numbers.start + 1, self.numbers.end);
        let mut records = Vec::with_capacity(RECORDS);
        while self.numbers.start < end && records.len() < RECORDS {
            let number = self.numbers.start;
            self.numbers.start += 1;
            if self.world.source(number) == self.source {
                records.push(self.record(number));
                self.next_offset += 1;
            }
        }
        let is_sealed = self.numbers.start == end;
        let last = records
            .last()
            .map_or(first, |record| Millis::from_ms(record.appended_at_ms));
        Some(Batch {
            records,
            now: if is_sealed { seal_at } else { last },
            is_sealed,
            tenants: if is_sealed {
                std::mem::take(&mut self.tenants)
            } else {
                BTreeSet::new()
            },
        })
    }
}
