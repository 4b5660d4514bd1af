//! Settings of the embedded log.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::OpenError;
use super::codec;

/// Milliseconds since the Unix epoch, now.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What happens to old records of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// The oldest records go when they are older than this. Offsets have no gaps.
    Age(Duration),
    /// The last record of each key stays for ever, whatever its value. Offsets have gaps.
    Compact,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicConfig {
    /// Its name: 1 to 200 of `a-z A-Z 0-9 . _ -`.
    pub name: String,
    /// How many partitions it has: 1 to 1,024. Can never be changed.
    pub partitions: u32,
    /// What happens to old records. `Age` can't be changed to `Compact`, nor back.
    pub retention: Retention,
}

/// Settings of the log. [`Config::new`] gives modest defaults: about 100 MiB of memory under full load.
#[derive(Clone)]
pub struct Config {
    /// Every topic this process may use. Topics that are new are created.
    pub topics: Vec<TopicConfig>,
    /// Bytes that may wait for their acknowledgement (16 MiB): those of the records, and 64 for each. A call with
    /// more than that never fits, so callers must make their batches smaller.
    pub max_in_flight_bytes: usize,
    /// Bytes of one record in storage (2 MiB): its own, 21, and 8 for each header.
    pub max_record_bytes: usize,
    /// Bytes that one delivery to a consumer may have (256 KiB). One larger record is delivered alone.
    pub delivery_bytes: usize,
    /// Bytes of blocks read from disk that are kept (16 MiB).
    pub cache_bytes: u64,
    /// Bytes of recent records in memory (32 MiB). As many again may wait to be written out.
    pub memtable_bytes: u64,
    /// Bytes of sealed journals beyond which old ones are written out (64 MiB, which is the least possible).
    pub journal_bytes: u64,
    /// How often old records are looked for (30 s).
    pub retention_check_every: Duration,
    /// How long a member of a group may take to give back a revoked partition (10 s).
    pub revocation_budget: Duration,
    /// Gives records their append time.
    pub clock: Clock,
}

impl Config {
    /// Defaults for these topics.
    pub fn new(topics: Vec<TopicConfig>, clock: Clock) -> Self {
        Self {
            topics,
            max_in_flight_bytes: 16 << 20,
            max_record_bytes: 2 << 20,
            delivery_bytes: 256 << 10,
            cache_bytes: 16 << 20,
            memtable_bytes: 32 << 20,
            journal_bytes: MIN_JOURNAL_BYTES,
            retention_check_every: Duration::from_secs(30),
            revocation_budget: Duration::from_secs(10),
            clock,
        }
    }

    pub(super) fn check(&self) -> Result<(), OpenError> {
        let mut names = HashSet::new();
        for TopicConfig { name, partitions, .. } in &self.topics {
            let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if !(1..=200).contains(&name.len()) || !name.chars().all(valid) {
                return invalid(format!(
                    "topic name {name:?} must be 1 to 200 of a-z A-Z 0-9 . _ -"
                ));
            }
            if !(1..=1_024).contains(partitions) {
                return invalid(format!(
                    "topic {name} must have 1 to 1024 partitions, not {partitions}"
                ));
            }
            if !names.insert(name) {
                return invalid(format!("topic {name} is there twice"));
            }
        }
        if self.topics.is_empty() {
            return invalid("there is no topic".to_owned());
        }
        if !(1..=codec::MAX_ENCODED_BYTES).contains(&self.max_record_bytes) {
            return invalid(format!(
                "max_record_bytes must be 1 to {}",
                codec::MAX_ENCODED_BYTES
            ));
        }
        if self.max_record_bytes > self.max_in_flight_bytes {
            return invalid("max_record_bytes must not be above max_in_flight_bytes".to_owned());
        }
        if self.revocation_budget > MAX_REVOCATION_BUDGET {
            return invalid(format!(
                "revocation_budget must be at most {MAX_REVOCATION_BUDGET:?}"
            ));
        }
        if self.journal_bytes < MIN_JOURNAL_BYTES {
            return invalid(format!("journal_bytes must be at least {MIN_JOURNAL_BYTES}"));
        }
        Ok(())
    }
}

const MAX_REVOCATION_BUDGET: Duration = Duration::from_hours(1);
const MIN_JOURNAL_BYTES: u64 = 64 << 20;

fn invalid(reason: String) -> Result<(), OpenError> {
    Err(OpenError::Config { reason })
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("topics", &self.topics)
            .field("max_in_flight_bytes", &self.max_in_flight_bytes)
            .field("max_record_bytes", &self.max_record_bytes)
            .field("delivery_bytes", &self.delivery_bytes)
            .field("cache_bytes", &self.cache_bytes)
            .field("memtable_bytes", &self.memtable_bytes)
            .field("journal_bytes", &self.journal_bytes)
            .field("retention_check_every", &self.retention_check_every)
            .field("revocation_budget", &self.revocation_budget)
            .finish_non_exhaustive()
    }
}
