//! Why a partition is read no further.

use eventlog::runner::Failure;
use eventlog::{Class, TopicPartition};
use proto::record::BadRecord;

/// Why a partition is read no further.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stored position is behind the end of the partition.
    #[error(
        "{partition} ends at {end}, but {service} has read it up to {next}: the topic was made anew; restore it, or \
         take what is there as new with `sluice migrate --new-generation`"
    )]
    PositionAboveEnd {
        /// Who has read it.
        service: &'static str,
        /// The enriched partition.
        partition: TopicPartition,
        /// Its end.
        end: u64,
        /// Where the position goes on.
        next: u64,
    },
    /// The log has removed records before they were read.
    #[error(
        "{partition} begins at {start}, but {service} has read it only up to {next}: the log has removed what is in \
         between; restore the topic, or take what is there as new with `sluice migrate --new-generation`"
    )]
    RecordsRemoved {
        /// Who has read it.
        service: &'static str,
        /// The enriched partition.
        partition: TopicPartition,
        /// Its begin.
        start: u64,
        /// Where the position goes on.
        next: u64,
    },
    /// The record before the stored position is not the one that was read.
    #[error(
        "record {offset} of {partition} is not the one that {service} has read (its {differs} differs): the topic was \
         made anew; restore it, or take what is there as new with `sluice migrate --new-generation`"
    )]
    OtherRecord {
        /// Who has read it.
        service: &'static str,
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
         the topic was made anew, or something else writes to it; nothing behind it is read; stop all roles, delete \
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
    /// Whether what comes before the record may be written, and only that record can't be taken.
    pub fn is_of_record(&self) -> bool {
        matches!(self, Self::FateMissing { .. } | Self::BadFate { .. })
    }

    /// What the runner is told. Exhaustive on purpose.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Log(error) if error.class() == Class::Transient => Failure::transient(error),
            Self::BadFate { .. } => Failure::poison(self),
            Self::PositionAboveEnd { .. }
            | Self::RecordsRemoved { .. }
            | Self::OtherRecord { .. }
            | Self::FateMissing { .. }
            | Self::Log(_) => Failure::fatal(self),
        }
    }
}
