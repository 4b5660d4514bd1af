//! Why retention stops.

use domain::index::Corrupt;
use eventlog::runner::{self, Failure};
use eventlog::{Class as LogClass, TopicPartition};
use proto::record::BadRecord;
use store::Class as StoreClass;

/// Why [`run`](crate::run) ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stored position is behind the end of the partition.
    #[error(
        "{partition} ends at {end}, but its events are stored up to {next}: the topic was made anew; restore \
         it, or take what is there as new with `sluice migrate --new-generation`"
    )]
    PositionAboveEnd {
        /// The enriched partition.
        partition: TopicPartition,
        /// Its end.
        end: u64,
        /// Where the position goes on.
        next: u64,
    },
    /// The log has removed records before they were stored.
    #[error(
        "{partition} begins at {start}, but its events are stored only up to {next}: the log has removed what is \
         in between; restore the topic, or take what is there as new with `sluice migrate --new-generation`"
    )]
    RecordsRemoved {
        /// The enriched partition.
        partition: TopicPartition,
        /// Its begin.
        start: u64,
        /// Where the position goes on.
        next: u64,
    },
    /// The log has removed records before they were sealed.
    #[error(
        "{partition} begins at {start}, but the search index has its events only up to {next}: the log has removed \
         what is in between, so the index of these events can't be made from it; start once with \
         retention.index.skip_unsealed = true, then make the hours of these events anew with `sluice index rebuild`"
    )]
    UnsealedRemoved {
        /// The enriched partition.
        partition: TopicPartition,
        /// Its begin.
        start: u64,
        /// Where the index goes on.
        next: u64,
    },
    /// The record before the stored position is not the one that was stored.
    #[error(
        "record {offset} of {partition} is not the one that was stored (its {differs} differs): the topic was \
         made anew; restore it, or take what is there as new with `sluice migrate --new-generation`"
    )]
    OtherRecord {
        /// The enriched partition.
        partition: TopicPartition,
        /// The offset of the record.
        offset: u64,
        /// In what it differs.
        differs: &'static str,
    },
    /// Fates of accepted records are missing.
    #[error(
        "record {offset} of {partition} is the fate of origin {origin}, but there is none of {missing} before it: \
         the topic was made anew, or something else writes to it; nothing behind it is stored; stop all roles, delete \
         {topic} and run `sluice migrate --new-generation`: then what is accepted is enriched as new",
        topic = partition.topic
    )]
    FateMissing {
        /// The enriched partition.
        partition: TopicPartition,
        /// The offset of the record.
        offset: u64,
        /// Its origin.
        origin: u64,
        /// The lowest origin without a fate.
        missing: u64,
    },
    /// A record is no fate.
    #[error(
        "record {offset} of {partition} is no enriched event: {reason}; its partition stops here until a build \
         that can read it runs"
    )]
    BadFate {
        /// The enriched partition.
        partition: TopicPartition,
        /// The offset of the record.
        offset: u64,
        /// Why.
        reason: BadFate,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] eventlog::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Part of the index is not what was written.
    #[error(transparent)]
    Index(#[from] Corrupt),
    /// A partition failed for good.
    #[error(transparent)]
    Runner(#[from] runner::Error),
}

/// Why a record is no fate.
#[derive(Debug, thiserror::Error)]
pub enum BadFate {
    /// It does not say which accepted record it comes from.
    #[error("it has no valid header origin")]
    Origin,
    /// Its value is not an enriched event.
    #[error(transparent)]
    Value(#[from] BadRecord),
}

impl Error {
    /// What the runner is told. Exhaustive on purpose.
    pub(crate) fn into_failure(self) -> Failure {
        let is_transient = match &self {
            Self::Log(error) => error.class() == LogClass::Transient,
            Self::Store(error) => error.class() == StoreClass::Transient,
            Self::PositionAboveEnd { .. }
            | Self::RecordsRemoved { .. }
            | Self::UnsealedRemoved { .. }
            | Self::Index(_)
            | Self::OtherRecord { .. }
            | Self::FateMissing { .. }
            | Self::Runner(_) => false,
            Self::BadFate { .. } => return Failure::poison(self),
        };
        if is_transient {
            Failure::transient(self)
        } else {
            Failure::fatal(self)
        }
    }
}
