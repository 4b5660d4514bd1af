//! The bound on recent records in memory.
//!
//! The engine has a bound for each partition by itself, but keeps to it only when its threads find the time, and
//! waits for them for ever if they have failed. So the writer keeps account: before each batch it seals what is
//! over the budget and waits while too much sealed memory waits to be written out.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fjall::{Database, PersistMode};

use super::storage::Partition;

/// What a record takes in memory beside its bytes, about.
pub(super) const RECORD_OVERHEAD_BYTES: usize = 128;
/// A partition is sealed at this share of the budget, even if the others have little.
const PARTITION_SHARE: usize = 4;
/// Sealed memtables that may wait, so that all together are within the budget.
const MAX_SEALED: usize = PARTITION_SHARE;
const CHECK_EVERY: Duration = Duration::from_millis(1);

/// Unsealed bytes of each partition.
pub(super) struct Memory {
    budget_bytes: usize,
    total_bytes: usize,
    partitions: HashMap<usize, Unsealed>,
}

struct Unsealed {
    partition: Arc<Partition>,
    bytes: usize,
}

impl Memory {
    pub(super) fn new(budget_bytes: u64) -> Self {
        let budget_bytes = usize::try_from(budget_bytes).unwrap_or(usize::MAX);
        Self {
            budget_bytes,
            total_bytes: 0,
            partitions: HashMap::new(),
        }
    }

    pub(super) fn wrote(&mut self, partition: &Arc<Partition>, bytes: usize) {
        self.total_bytes += bytes;
        let unsealed = || Unsealed {
            partition: partition.clone(),
            bytes: 0,
        };
        self.partitions
            .entry(partition.index)
            .or_insert_with(unsealed)
            .bytes += bytes;
    }

    /// Makes room for a batch. Fails when the engine has.
    pub(super) fn make_room(&mut self, db: &Database) -> Result<(), fjall::Error> {
        while let Some(unsealed) = self.partitions.values_mut().max_by_key(|unsealed| unsealed.bytes) {
            let over =
                self.total_bytes > self.budget_bytes || unsealed.bytes > self.budget_bytes / PARTITION_SHARE;
            if !over || unsealed.bytes == 0 {
                break;
            }
            // Neither this nor the counts below are part of the engine's documented interface.
            unsealed.partition.keyspace.rotate_memtable()?;
            self.total_bytes -= unsealed.bytes;
            unsealed.bytes = 0;
        }
        while self.sealed() > MAX_SEALED {
            // Fails when the engine's own threads have.
            db.persist(PersistMode::Buffer)?;
            thread::park_timeout(CHECK_EVERY);
        }
        Ok(())
    }

    fn sealed(&self) -> usize {
        self.partitions
            .values()
            .map(|unsealed| unsealed.partition.keyspace.sealed_memtable_count())
            .sum()
    }
}
