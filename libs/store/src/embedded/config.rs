//! Settings of the embedded store.

use std::fmt;
use std::time::Duration;

use super::cell;
use crate::port::{Clock, Error};

/// Journals smaller than this the engine does not take.
const MIN_JOURNAL_BYTES: u64 = 64 << 20;
const MIN_MEMTABLE_BYTES: u64 = 64 << 10;

/// Settings of the store. [`Config::new`] gives modest defaults: about 80 MiB of memory under full load
/// (the cache, and four times the memtable with a quarter more for deletions and the engine's own),
/// beside the rows of the calls that are under way.
#[derive(Clone)]
pub struct Config {
    /// Bytes that one row may have (2 MiB).
    pub max_row_bytes: usize,
    /// Bytes of blocks read from disk that are kept in memory (32 MiB).
    pub cache_bytes: u64,
    /// Bytes of recent rows in memory before they are written out (8 MiB, at least 64 KiB); while they are, up
    /// to three more fill. A store keeps what it was created with.
    pub memtable_bytes: u64,
    /// Bytes of sealed journals on disk beyond which old rows are written out (64 MiB, which is the least
    /// possible).
    pub journal_bytes: u64,
    /// How often the journal is synced (1 s): what a loss of power may take back of rows and progress.
    pub sync_every: Duration,
    /// How often expired rows and markers are looked for (10 s). After a round that was mostly removing the
    /// next one follows after `sync_every`.
    pub sweep_every: Duration,
    /// Rows, parts of the search index, rollups and markers that one such round looks at (10,000).
    pub sweep_entries: usize,
    /// The wall clock, by which the background thread knows what has expired.
    pub clock: Clock,
}

impl Config {
    /// The defaults.
    pub fn new(clock: Clock) -> Self {
        Self {
            max_row_bytes: 2 << 20,
            cache_bytes: 32 << 20,
            memtable_bytes: 8 << 20,
            journal_bytes: MIN_JOURNAL_BYTES,
            sync_every: Duration::from_secs(1),
            sweep_every: Duration::from_secs(10),
            sweep_entries: 10_000,
            clock,
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if !(1..=cell::MAX_VALUE_BYTES).contains(&self.max_row_bytes) {
            return invalid(&format!("max_row_bytes must be 1 to {}", cell::MAX_VALUE_BYTES));
        }
        if self.memtable_bytes < MIN_MEMTABLE_BYTES {
            return invalid(&format!("memtable_bytes must be at least {MIN_MEMTABLE_BYTES}"));
        }
        if self.journal_bytes < MIN_JOURNAL_BYTES {
            return invalid(&format!("journal_bytes must be at least {MIN_JOURNAL_BYTES}"));
        }
        if self.sync_every.is_zero() || self.sweep_every.is_zero() || self.sweep_entries == 0 {
            return invalid("sync_every, sweep_every and sweep_entries must not be zero");
        }
        Ok(())
    }
}

fn invalid(reason: &str) -> Result<(), Error> {
    Err(Error::Unavailable {
        reason: format!("store settings: {reason}"),
    })
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("max_row_bytes", &self.max_row_bytes)
            .field("cache_bytes", &self.cache_bytes)
            .field("memtable_bytes", &self.memtable_bytes)
            .field("journal_bytes", &self.journal_bytes)
            .field("sync_every", &self.sync_every)
            .field("sweep_every", &self.sweep_every)
            .field("sweep_entries", &self.sweep_entries)
            .finish_non_exhaustive()
    }
}
