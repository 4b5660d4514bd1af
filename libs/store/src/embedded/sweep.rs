//! Removal of what has expired: rows, parts of the search index, rollups, tombstones and markers.
//!
//! A round looks at a bounded number of entries and the next one goes on where it ended, first through the index, the
//! rollups and the rows and then through the markers, again and again. Nobody depends on it to be quick: what has
//! expired is not read anyway, or does no harm. Everything here blocks on the disk.

use bytes::Bytes;
use domain::time::Millis;
use fjall::Keyspace;

use super::storage::{Storage, cell_of, decoded, unreadable};
use crate::metric_definitions as definitions;
use crate::port::Error;

/// Entries that are removed while writers wait.
const CHUNK: usize = 500;
/// Progress does not expire; its keys begin with a NUL.
const BEHIND_PROGRESS: &[u8] = &[1];

/// What a round has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows, parts of the search index, rollups, tombstones and markers that were read.
    pub looked_at: usize,
    /// Those that had expired and are gone.
    pub removed: usize,
    /// Whether the round came to the end of everything: the next one starts over.
    pub finished: bool,
}

/// Where the next round goes on.
#[derive(Default)]
pub(super) struct Sweeper {
    among_markers: bool,
    from: Vec<u8>,
}

impl Sweeper {
    /// One round: what expired at `now` or before goes.
    pub(super) fn run(&mut self, storage: &Storage, now: Millis) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        while swept.looked_at < storage.config.sweep_entries && !swept.finished {
            let max_entries = storage.config.sweep_entries - swept.looked_at;
            let (keyspace, kind) = if self.among_markers {
                (&storage.deletions, "marker")
            } else {
                (&storage.events, "row")
            };
            let expired = self.look(keyspace, now, max_entries, &mut swept)?;
            for keys in expired.chunks(CHUNK) {
                let removed = storage.remove_expired(keyspace, keys, now)?;
                metrics::counter!(definitions::SWEPT, "kind" => kind).increment(removed as u64);
                swept.removed += removed;
            }
            if self.from.is_empty() {
                swept.finished = self.among_markers;
                self.among_markers = !self.among_markers;
            }
        }
        Ok(swept)
    }

    /// Keys of expired entries among the next ones, which are then behind us.
    fn look(
        &mut self,
        keyspace: &Keyspace,
        now: Millis,
        max_entries: usize,
        swept: &mut Swept,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let mut expired = Vec::new();
        let from = std::mem::take(&mut self.from);
        let from = from.as_slice().max(BEHIND_PROGRESS);
        for (index, entry) in keyspace.range(from..).enumerate() {
            let (key, value) = entry.into_inner().map_err(|error| unreadable(&error))?;
            if index == max_entries {
                self.from = key.to_vec();
                break;
            }
            swept.looked_at += 1;
            if decoded(&key, Bytes::from(value))?.expires_at <= now {
                expired.push(key.to_vec());
            }
        }
        Ok(expired)
    }
}

impl Storage {
    /// Removes those of the keys that are still expired: a later revision may have been written meanwhile.
    fn remove_expired(&self, keyspace: &Keyspace, keys: &[Vec<u8>], now: Millis) -> Result<usize, Error> {
        let turn = self.begin()?;
        let mut batch = self.db.batch();
        for key in keys {
            if cell_of(keyspace, key)?.is_some_and(|cell| cell.expires_at <= now) {
                batch.remove(keyspace, key.as_slice());
            }
        }
        let removed = batch.len();
        self.commit(batch, &turn)?;
        Ok(removed)
    }
}
