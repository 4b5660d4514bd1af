//! The seam between the services and a log: [`Log`] to append and read, [`Consumer`] to take part in a group.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::record::{NewRecord, Record, TopicPartition};

/// A log of topics with a fixed number of partitions each.
///
/// Records of one partition are read in the order of their offsets, and what was appended by one
/// call to one partition has ascending offsets in the order given.
#[async_trait]
pub trait Log: Send + Sync {
    /// Appends records and answers when each is durable or has failed: one result per record, in order.
    ///
    /// A call whose records do not fit the bound on bytes in flight fails at once with [`Error::Full`],
    /// with nothing appended. A record that failed with a transient error may be in the log all the same.
    /// Dropping the future does not take the records back.
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>>;

    /// Opens a sequence: appends of this process that follow each other without gaps.
    async fn sequence(&self) -> Result<Arc<dyn Sequence>, Error>;

    /// Becomes the writer of this name: whoever had it before can append nothing under it from now on.
    ///
    /// Once it has answered, nothing more of earlier holders becomes visible, and everything of theirs that ever will
    /// be is below the end that [`bounds`](Self::bounds) tells from then on. When it fails, the holder before may have
    /// lost the name all the same.
    async fn fence(&self, name: &str) -> Result<Box<dyn Fenced>, Error>;

    /// Number of partitions of a topic.
    async fn partitions(&self, topic: &str) -> Result<u32, Error>;

    /// The offsets that the partition has now.
    async fn bounds(&self, partition: &TopicPartition) -> Result<Bounds, Error>;

    /// Reads records from offset `from` on: at most about `max_bytes`, at least one record if there is one.
    ///
    /// At the end of the partition it waits up to `wait` for the next record, then answers with none. It answers with
    /// none at once when `from` was not the end and only offsets without a record were left: then `next` is greater.
    /// So whoever reads on from `next` gets to the end that [`bounds`](Self::bounds) has told.
    ///
    /// An offset below the start or above the end is [`Error::OffsetOutOfRange`]; one that holds no record is not.
    /// Cancel-safe.
    async fn read(
        &self,
        partition: &TopicPartition,
        from: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Read, Error>;

    /// Joins `group`, which shares the partitions of `topics` among its consumers.
    /// Dropping the consumer leaves the group.
    async fn consumer(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, Error>;
}

/// Appends of which every partition has a prefix, whatever fails.
///
/// What the calls gave to one partition, in the order of the calls, is there in that order and without gaps up to
/// some record: none behind a record that failed is in the log, now or later. A call begins when its future is
/// first polled.
#[async_trait]
pub trait Sequence: Send + Sync {
    /// As [`Log::append`]. A call that is refused with [`Error::Full`] or [`Error::RecordTooLarge`] has appended
    /// nothing and changes nothing: the caller may go on with other records. After any other failure, or a call whose
    /// future was dropped, the sequence is broken: this and all later calls fail with [`Error::Broken`] or the cause,
    /// and nothing more is appended. The caller then opens another and goes on with the first record that was not
    /// acknowledged.
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>>;

    /// Whether nothing more will be appended.
    fn is_broken(&self) -> bool;
}

/// The right to append under a name, until somebody else takes the name.
///
/// Dropping it gives nothing back: the name stays with this holder, who is gone, until it is taken again.
#[async_trait]
pub trait Fenced: Send {
    /// Appends all records, to any partitions, or none of them; answers when all are durable and visible. Records for
    /// one partition are there in the order given. Until all are there, no reader sees any of them; then each
    /// partition shows its own.
    ///
    /// [`Error::Fenced`] when somebody else has the name; nothing was appended then, nor after [`Error::Full`],
    /// [`Error::RecordTooLarge`] and [`Error::UnknownPartition`]. After another failure, or a call whose future was
    /// dropped, it is unknown whether they are there (all or none): fence again, read, and look.
    async fn append(&mut self, records: Vec<NewRecord>) -> Result<Vec<Appended>, Error>;
}

/// One member of a group.
#[async_trait]
pub trait Consumer: Send {
    /// The next thing that happened. Waits as long as nothing does. Cancel-safe.
    ///
    /// Must be called again and again, also while every partition is paused: this is what keeps
    /// the membership alive.
    async fn next(&mut self) -> Result<Notice, Error>;

    /// Where an assigned partition goes on. No record of a partition is delivered before its first seek.
    fn seek(&mut self, partition: &TopicPartition, offset: u64) -> Result<(), Error>;

    /// Delivers no more records of this partition until it is resumed. Records already delivered stay so.
    fn pause(&mut self, partition: &TopicPartition) -> Result<(), Error>;

    /// Ends a pause. Resuming what is not paused changes nothing.
    fn resume(&mut self, partition: &TopicPartition) -> Result<(), Error>;

    /// Remembers for the group that everything before `next` is done. Durable when it answers.
    /// A partition that is no longer this member's is [`Error::NotAssigned`].
    async fn commit(&mut self, partition: &TopicPartition, next: u64) -> Result<(), Error>;

    /// Gives back partitions named by [`Notice::Revoked`]. Only then may another member get them,
    /// or when this member is gone or the revocation budget is over.
    fn release(&mut self, partitions: &[TopicPartition]);
}

/// What a member of a group is told.
#[derive(Debug)]
pub enum Notice {
    /// These partitions are now this member's, each with the offset the group committed, if any.
    Assigned(Vec<(TopicPartition, Option<u64>)>),
    /// These partitions are to be drained and released.
    Revoked(Vec<TopicPartition>),
    /// These partitions are another member's already: drop their state and write nothing more for them.
    Lost(Vec<TopicPartition>),
    /// The next records of a partition, in order, never empty.
    Records(TopicPartition, Vec<Record>),
}

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Records in the order of their offsets, which may have gaps: compacted topics have, and so have those that a
    /// [`Fenced`] writes to.
    pub records: Vec<Record>,
    /// Where to read on: behind the last record, or behind offsets that hold none, where the end of the partition
    /// was seen. Never less than where the read began.
    pub next: u64,
}

/// Where and when the log took a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its offset.
    pub offset: u64,
    /// Its append time in milliseconds since the Unix epoch.
    pub appended_at_ms: i64,
}

/// The offsets of a partition: `start..end`, empty when they are equal. Not each of them need hold a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Offset of the first record that retention has left.
    pub start: u64,
    /// Offset above all records that can be read; the next record will get this one or a greater one.
    pub end: u64,
}

/// What the caller should do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same call may work later: back off and try again.
    Transient,
    /// This input can never work.
    Poison,
    /// This process can never work: stop it.
    Fatal,
}

/// Why a log did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The bound on bytes in flight is reached.
    #[error("log buffer is full: {in_flight_bytes} of {max_bytes} bytes are in flight")]
    Full {
        /// Bytes that wait for their acknowledgement.
        in_flight_bytes: usize,
        /// The bound.
        max_bytes: usize,
    },
    /// The log can't take or give records now.
    #[error("log is unavailable: {reason}")]
    Unavailable {
        /// What the log said.
        reason: String,
    },
    /// The sequence appends nothing more.
    #[error("sequence of appends is broken: {reason}")]
    Broken {
        /// What broke it.
        reason: String,
    },
    /// Somebody else has the name.
    #[error("the name {name} has another writer")]
    Fenced {
        /// The name.
        name: String,
    },
    /// A record is larger than the log takes.
    #[error("record has {bytes} bytes, the log takes at most {max_bytes}")]
    RecordTooLarge {
        /// Bytes of the record.
        bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// There is no such topic or partition.
    #[error("there is no partition {partition}")]
    UnknownPartition {
        /// The one that was asked for.
        partition: String,
    },
    /// The offset is not between start and end of the partition.
    #[error("offset {offset} of {partition} is out of range: the log has {start} to {end}")]
    OffsetOutOfRange {
        /// The partition.
        partition: String,
        /// The one that was asked for.
        offset: u64,
        /// First offset of the log.
        start: u64,
        /// End of the log.
        end: u64,
    },
    /// The partition is not this member's.
    #[error("partition {partition} is not assigned to this consumer")]
    NotAssigned {
        /// The partition.
        partition: String,
    },
    /// What is stored does not decode.
    #[error("stored {what} of {partition} does not decode")]
    Corrupt {
        /// The partition.
        partition: String,
        /// Which part, with its offset where it is a record.
        what: String,
    },
    /// The log was shut down.
    #[error("log is closed")]
    Closed,
}

impl Error {
    /// Exhaustive on purpose: a new variant does not compile until someone classifies it.
    pub fn class(&self) -> Class {
        match self {
            Self::Full { .. }
            | Self::Unavailable { .. }
            | Self::Broken { .. }
            | Self::Fenced { .. }
            | Self::NotAssigned { .. } => Class::Transient,
            Self::RecordTooLarge { .. } => Class::Poison,
            Self::UnknownPartition { .. }
            | Self::OffsetOutOfRange { .. }
            | Self::Corrupt { .. }
            | Self::Closed => Class::Fatal,
        }
    }
}
