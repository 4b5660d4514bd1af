//! The partition runner: drives a service over the partitions that a group assigns to this process.
//!
//! It promises:
//! - one task per assigned partition, owning that partition's [`Worker`], made on assignment and dropped on
//!   revocation; records reach it in order and a record is committed only after a flush that covers it;
//! - it reads ahead within [`Options::read_ahead_bytes`] (and one delivery) per partition, pauses a partition
//!   whose task is behind, and goes on serving the others;
//! - transient failures are tried again, with the same records, until they succeed, the partition is
//!   revoked or the process shuts down;
//! - anything else (a poison or fatal failure, a panic) ends [`run`] with an error. Nothing is skipped.
//!
//! It does not promise that a record is processed once: after a crash, an aborted drain or a lost partition
//! the next owner starts from the last commit, or from where its [`Processor`] says.

mod driver;
mod task;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::port::{self, Class, Log};
use crate::record::{Record, TopicPartition};

/// Makes the workers of a service.
#[async_trait]
pub trait Processor: Send + Sync + 'static {
    /// Makes the state of a partition, once per assignment. `committed` is the group's offset, if it has one.
    /// Called again after a transient failure.
    async fn assigned(
        &self,
        partition: &TopicPartition,
        committed: Option<u64>,
    ) -> Result<Assignment, Failure>;
}

/// What a partition starts with.
pub struct Assignment {
    /// Owns the state of the partition.
    pub worker: Box<dyn Worker>,
    /// Offset of the first record it wants.
    pub start: u64,
}

/// The work on one partition during one assignment.
#[async_trait]
pub trait Worker: Send {
    /// Takes the next records, in order, never empty. After a transient failure it is called again with the
    /// same records; nothing else is called in between.
    async fn process(&mut self, records: &[Record]) -> Result<(), Failure>;

    /// Makes the effects of everything processed durable, after which the runner commits.
    /// Called again after a transient failure.
    async fn flush(&mut self) -> Result<(), Failure>;

    /// Does what is due by time. Called every [`Options::tick_every`] or so while no records come and everything
    /// processed is flushed; never while a worker is busy, which has its flushes instead. Called again after a
    /// transient failure.
    async fn tick(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Does what is better done before the partition is given up on purpose. Called once, when everything processed is
    /// flushed, within what is left of [`Options::drain_within`]. Nothing may depend on it: a failure is logged and not
    /// tried again.
    async fn close(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Why a service could not do its part, and what the runner does about it.
#[derive(Debug)]
pub struct Failure {
    class: Class,
    source: Box<dyn StdError + Send + Sync>,
}

impl Failure {
    /// It may work later: the runner backs off and tries again.
    pub fn transient(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            class: Class::Transient,
            source: source.into(),
        }
    }

    /// These records can never work: the runner stops.
    pub fn poison(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            class: Class::Poison,
            source: source.into(),
        }
    }

    /// This process can never work: the runner stops.
    pub fn fatal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            class: Class::Fatal,
            source: source.into(),
        }
    }

    /// What the runner does about it.
    pub fn class(&self) -> Class {
        self.class
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.source()
    }
}

impl From<port::Error> for Failure {
    fn from(error: port::Error) -> Self {
        Self {
            class: error.class(),
            source: error.into(),
        }
    }
}

/// How long to wait before the same call is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Before the second attempt; doubles with each further one.
    pub first: Duration,
    /// Never longer than this.
    pub max: Duration,
}

impl Backoff {
    /// The wait after failed attempt number `attempt`, counted from 0.
    pub fn delay(&self, attempt: u32) -> Duration {
        self.first
            .saturating_mul(2_u32.saturating_pow(attempt))
            .min(self.max)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(50),
            max: Duration::from_secs(5),
        }
    }
}

/// Settings of [`run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A task that never runs out of records flushes at least this often (250 ms). One that does flushes at once.
    pub flush_every: Duration,
    /// A task that runs out of records waits with its flush until this long after the last one, for more to come with
    /// it (0 s); at the most for [`Options::flush_every`].
    pub flush_apart: Duration,
    /// How often [`Worker::tick`] is called while no records come (1 s).
    pub tick_every: Duration,
    /// A task flushes when it has processed this many bytes since the last flush (1 MiB).
    pub flush_bytes: usize,
    /// A partition is paused while this many of its bytes are delivered and not flushed (4 MiB).
    /// One delivery may exceed it.
    pub read_ahead_bytes: usize,
    /// How long a revoked partition, or the shutdown, may take to finish what is in hand and flush it (5 s).
    /// Must be less than the group's revocation budget.
    pub drain_within: Duration,
    /// Waits between attempts after a transient failure (50 ms doubling to 5 s).
    pub backoff: Backoff,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            flush_every: Duration::from_millis(250),
            flush_apart: Duration::ZERO,
            tick_every: Duration::from_secs(1),
            flush_bytes: 1 << 20,
            read_ahead_bytes: 4 << 20,
            drain_within: Duration::from_secs(5),
            backoff: Backoff::default(),
        }
    }
}

/// A call to the service, as named in errors, logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Processor::assigned`].
    Assigned,
    /// [`Worker::process`].
    Process,
    /// [`Worker::flush`].
    Flush,
    /// [`Worker::tick`].
    Tick,
    /// [`Worker::close`].
    Close,
}

impl Call {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Process => "process",
            Self::Flush => "flush",
            Self::Tick => "tick",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why [`run`] ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service failed in a way that trying again can't help.
    #[error("{call} of {partition} failed for good: {failure}")]
    Worker {
        /// The partition.
        partition: TopicPartition,
        /// What failed.
        call: Call,
        /// Why.
        failure: Failure,
    },
    /// The task of a partition panicked.
    #[error("task of {partition} panicked: {message}")]
    Panicked {
        /// The partition.
        partition: TopicPartition,
        /// What the panic said.
        message: String,
    },
    /// The log failed in a way that trying again can't help.
    #[error("log failed: {0}")]
    Log(#[from] port::Error),
    /// The log delivered far more than the runner reads ahead, although the partition was paused.
    #[error("{partition} was delivered in a pause")]
    DeliveredInPause {
        /// The partition.
        partition: TopicPartition,
    },
    /// The log delivered or the task reported offsets out of order.
    #[error("offsets of {partition} are out of order: {source}")]
    Ledger {
        /// The partition.
        partition: TopicPartition,
        /// What was wrong with them.
        source: crate::ledger::Error,
    },
}

/// Runs a service over its share of `topics` in `group` until `shutdown`.
///
/// On shutdown, and after an error, every partition is drained within [`Options::drain_within`] and what
/// was flushed is committed before this process leaves the group.
pub async fn run(
    log: Arc<dyn Log>,
    group: &str,
    topics: &[&str],
    processor: Arc<dyn Processor>,
    options: Options,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let consumer = log.consumer(group, topics).await?;
    let mut driver = driver::Driver::new(consumer, group, processor, options);
    let result = driver.drive(&shutdown).await;
    if result.is_err() {
        driver.drain_everything();
        if let Err(error) = driver.drive(&shutdown).await {
            tracing::warn!(group, %error, "a second partition failed while draining");
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_its_cap() {
        let backoff = Backoff {
            first: Duration::from_millis(10),
            max: Duration::from_millis(50),
        };
        let delays: Vec<u128> = [0, 1, 2, 3, 40, u32::MAX]
            .map(|n| backoff.delay(n).as_millis())
            .to_vec();
        assert_eq!(delays, [10, 20, 40, 50, 50, 50]);
    }

    #[test]
    fn failure_takes_the_class_of_a_log_error() {
        assert_eq!(Failure::from(port::Error::Closed).class(), Class::Fatal);
        let failure = Failure::from(port::Error::Unavailable {
            reason: "full".into(),
        });
        assert_eq!(
            (failure.class(), failure.to_string()),
            (Class::Transient, "log is unavailable: full".into())
        );
    }
}
