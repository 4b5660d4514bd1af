//! Removal of old records: by age, or all but the last of each key.
//!
//! By age, the new start is durable before anything goes. Then whole tables are dropped; what is left of a table
//! that is only partly old lies below the start and is never read. Compaction removes records one by one, and
//! an interrupted one is simply done again.
//!
//! The newest record of a partition is never removed from the engine: it tells a journal that was written out
//! from one that was not, and a compacted partition where it ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fjall::AbstractTree;

use super::codec::{self, Names};
use super::config::Retention;
use super::storage::{Partition, Storage, key};
use crate::metric_definitions as definitions;
use crate::port::{Bounds, Error};
use crate::record::TopicPartition;

/// Old records are skipped in steps of this many: when one is old, those before it in its step are taken to be
/// old too. That is exact while the clock does not step back.
const STEP: u64 = 1_024;
/// Records removed by one write of a compaction.
const MAX_REMOVALS: usize = 4_096;

/// Removes old records now and then, and remembers what needs no second look.
#[derive(Default)]
pub(super) struct Retainer {
    /// End of each partition when it was last compacted.
    compacted: HashMap<TopicPartition, u64>,
}

impl Retainer {
    /// Looks at every partition once. Blocks on the disk.
    pub(super) fn run(&mut self, storage: &Storage) -> Result<(), Error> {
        storage.check_writable()?;
        for partition in storage.partitions() {
            let removed = match partition.retention {
                Retention::Age(age) => expire(storage, partition, age)?,
                Retention::Compact => self.compact(storage, partition)?,
            };
            if removed > 0 {
                metrics::counter!(definitions::REMOVED_RECORDS, "topic" => partition.id.topic.to_string())
                    .increment(removed);
                tracing::debug!(partition = %partition.id, removed, "old records are removed");
            }
        }
        Ok(())
    }

    fn compact(&mut self, storage: &Storage, partition: &Arc<Partition>) -> Result<u64, Error> {
        let Bounds { end, .. } = partition.bounds();
        if end == 0 || self.compacted.get(&partition.id) == Some(&end) {
            return Ok(0);
        }
        let removed = compact(storage, partition, end)?;
        self.compacted.insert(partition.id.clone(), end);
        Ok(removed)
    }
}

fn expire(storage: &Storage, partition: &Partition, age: Duration) -> Result<u64, Error> {
    let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let cutoff = (storage.config.clock)().saturating_sub(age_ms);
    let bounds = partition.bounds();
    let start = first_young(partition, bounds, cutoff)?;
    if start == bounds.start {
        return Ok(0);
    }
    storage
        .save_start(&partition.id, start)
        .map_err(|error| storage.fail(&error))?;
    partition.raise_start(start);
    let newest = bounds.end.saturating_sub(1);
    // Not part of the engine's documented interface, but the only way to remove a range without rewriting it.
    partition
        .keyspace
        .tree
        .drop_range(..key(start.min(newest)))
        .map_err(|error| Error::Unavailable {
            reason: format!("removing old records failed: {error}"),
        })?;
    Ok(start - bounds.start)
}

/// The first offset whose record is not older than `cutoff`, or the end.
fn first_young(partition: &Partition, bounds: Bounds, cutoff: i64) -> Result<u64, Error> {
    let old = |offset: u64| {
        let appended_at_ms = partition.appended_at_ms(offset)?;
        Ok::<_, Error>(appended_at_ms.is_some_and(|at| at < cutoff))
    };
    let mut start = bounds.start;
    while bounds.end - start > STEP && old(start + STEP)? {
        start += STEP;
    }
    while start < bounds.end && old(start)? {
        start += 1;
    }
    Ok(start)
}

/// Removes every record below `end` whose key has a later one. Holds the distinct keys in memory, as everyone
/// does who reads such a topic.
fn compact(storage: &Storage, partition: &Partition, end: u64) -> Result<u64, Error> {
    let mut last: HashMap<Bytes, u64> = HashMap::new();
    let mut superseded = Vec::new();
    let mut names = Names::default();
    let mut newest = None;
    let mut removed = 0;
    for guard in partition.keyspace.range(..key(end)) {
        let (offset, value) = partition.entry(guard)?;
        let record = codec::decode(offset, &value, &mut names)
            .map_err(|error| partition.corrupt(format!("record {offset} ({error})")))?;
        // A copy, because the key would keep the whole block that it was read from.
        let key = Bytes::copy_from_slice(&record.key);
        superseded.extend(last.insert(key, offset));
        newest = Some((offset, value));
        if superseded.len() >= MAX_REMOVALS {
            removed += remove(storage, partition, &mut superseded)?;
        }
    }
    removed += remove(storage, partition, &mut superseded)?;
    if let Some((offset, value)) = newest.filter(|_| removed > 0) {
        // Written again after the removals, so that the newest entry of the engine is one that stays.
        let mut batch = storage.db.batch();
        batch.insert(&partition.keyspace, key(offset), value);
        batch.commit().map_err(|error| storage.fail(&error))?;
    }
    Ok(removed)
}

fn remove(storage: &Storage, partition: &Partition, superseded: &mut Vec<u64>) -> Result<u64, Error> {
    if superseded.is_empty() {
        return Ok(0);
    }
    let mut batch = storage.db.batch();
    let count = superseded.len() as u64;
    for offset in superseded.drain(..) {
        batch.remove(&partition.keyspace, key(offset));
    }
    batch.commit().map_err(|error| storage.fail(&error))?;
    Ok(count)
}
