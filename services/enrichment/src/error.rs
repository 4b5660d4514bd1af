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
         anew or has lost records that were never enriched; restore it, or take what is there as new with `sluice \
         migrate --new-generation`"
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
        "{accepted} ends at {end}, but {enriched} has the fate of its offset {origin}: {accepted_topic} was made anew; \
         {remedy}", accepted_topic = accepted.topic, remedy = remedy(enriched)
    )]
    FateOfTheFuture {
        /// The accepted partition.
        accepted: TopicPartition,
        /// Its end.
        end: u64,
        /// The enriched partition.
        enriched: TopicPartition,
        /// The accepted offset of the fate.
        origin: u64,
    },
    /// A fate is not that of the accepted record with its origin.
    #[error(
        "record {offset} of {enriched} says that it comes from record {origin} of {accepted}, which is another one: \
         one of the topics was made anew; {remedy}", remedy = remedy(enriched)
    )]
    OtherEvent {
        /// The accepted partition.
        accepted: TopicPartition,
        /// The origin.
        origin: u64,
        /// The enriched partition.
        enriched: TopicPartition,
        /// The offset of the fate.
        offset: u64,
    },
    /// Enrichment would go on behind accepted records that have no fate.
    #[error(
        "{enriched} has the fates of origins below {next}, but enrichment goes on at {start} of {accepted}: \
         {enriched_topic} was made anew, or accepted records were removed before they were enriched; {remedy}",
        enriched_topic = enriched.topic, remedy = remedy(enriched)
    )]
    FatesMissing {
        /// The accepted partition.
        accepted: TopicPartition,
        /// The enriched partition.
        enriched: TopicPartition,
        /// The lowest origin without a fate.
        next: u64,
        /// Where enrichment goes on.
        start: u64,
    },
    /// There were fates, which the log has removed by age, and there is no commit either.
    #[error(
        "{enriched} had fates and the log has removed them, and nothing is committed for {accepted}: whether the \
         fates were those of its records can't be told; {remedy}", remedy = remedy(enriched)
    )]
    NothingTells {
        /// The accepted partition.
        accepted: TopicPartition,
        /// The enriched partition.
        enriched: TopicPartition,
    },
    /// A record of the enriched partition is no fate.
    #[error("record {offset} of {partition} has no `origin`: something else writes to this topic")]
    NoOrigin {
        /// The enriched partition.
        partition: TopicPartition,
        /// Its offset.
        offset: u64,
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

/// What helps where the fates are not those of the accepted records: these stay, and get fates anew.
fn remedy(enriched: &TopicPartition) -> String {
    format!(
        "restore it, or stop all roles, delete {} and run `sluice migrate --new-generation`: then what is accepted \
         is enriched as new",
        enriched.topic
    )
}

impl Error {
    /// What the runner is told. Exhaustive on purpose.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Log(error) if error.class() == Class::Transient => Failure::transient(error),
            Self::UnequalPartitions { .. }
            | Self::CommitOutOfRange { .. }
            | Self::FateOfTheFuture { .. }
            | Self::OtherEvent { .. }
            | Self::FatesMissing { .. }
            | Self::NothingTells { .. }
            | Self::NoOrigin { .. }
            | Self::Gap { .. }
            | Self::Log(_)
            | Self::Runner(_) => Failure::fatal(self),
        }
    }
}
