//! Why enrichment stops.

use eventlog::runner::{self, Failure};
use eventlog::{Class, TopicPartition};

/// Why [`run`](crate::run) ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Partition n of one topic comes from partition n of the other, so both need the same.
    #[error(
        "topic {accepted} has {accepted_partitions} partitions and topic {enriched} has {enriched_partitions}: \
         both must have the same number"
    )]
    UnequalPartitions {
        /// The accepted topic.
        accepted: &'static str,
        /// Its partitions.
        accepted_partitions: u32,
        /// The enriched topic.
        enriched: &'static str,
        /// Its partitions.
        enriched_partitions: u32,
    },
    /// What the group has committed is not in the accepted partition.
    #[error(
        "{partition} has the offsets {start} to {end}, but enrichment goes on at {committed}: the topic was made \
         anew or has lost records that were never enriched; restore it, or begin anew with log and store"
    )]
    CommitOutOfRange {
        /// The accepted partition.
        partition: TopicPartition,
        /// What the group has committed.
        committed: u64,
        /// First offset of the partition.
        start: u64,
        /// Its end.
        end: u64,
    },
    /// The enriched partition has a fate of a record that was never accepted.
    #[error(
        "{partition} ends at {end}, but the fate of its offset {origin} is written: the topic was made anew; \
         restore it, or begin anew with log and store"
    )]
    FateOfTheFuture {
        /// The accepted partition.
        partition: TopicPartition,
        /// Its end.
        end: u64,
        /// The accepted offset of the fate.
        origin: u64,
    },
    /// The log broke its promise to append in order.
    #[error("{partition} took the fate of a later origin although that of {origin} failed: {reason}")]
    Gap {
        /// The enriched partition.
        partition: TopicPartition,
        /// The origin of the first fate that failed.
        origin: u64,
        /// Why it failed.
        reason: eventlog::Error,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] eventlog::Error),
    /// A partition failed for good.
    #[error(transparent)]
    Runner(#[from] runner::Error),
}

impl Error {
    /// What the runner is told. Exhaustive on purpose.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Log(error) if error.class() == Class::Transient => Failure::transient(error),
            Self::UnequalPartitions { .. }
            | Self::CommitOutOfRange { .. }
            | Self::FateOfTheFuture { .. }
            | Self::Gap { .. }
            | Self::Log(_)
            | Self::Runner(_) => Failure::fatal(self),
        }
    }
}
