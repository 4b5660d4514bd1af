//! The clients that read, a few for all reads of this process.
//!
//! One that stands where a read begins is taken for it, so that whoever reads on and on is not assigned anew each
//! time. How many there are has a bound; a read beyond it waits for the request timeout and fails. What is not used
//! for a while goes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::config::Config;
use super::metadata::Metadata;
use super::reader::{Failure, Order, Reader};
use crate::port::{Error, Read};
use crate::record::TopicPartition;

/// Clients, and so reads at a time.
const MAX_READERS: usize = 8;
/// A client that was not used for so long may be assigned something else.
const KEEP_PLACE: Duration = Duration::from_secs(1);
/// A client that was not used for so long goes, with what it has fetched ahead.
const KEEP: Duration = Duration::from_secs(5);

/// The clients that read.
pub(super) struct Readers {
    config: Arc<Config>,
    metadata: Arc<Metadata>,
    pool: Mutex<Pool>,
    permits: Arc<Semaphore>,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Reader>,
    /// Idle ones and those that read.
    count: usize,
}

impl Pool {
    /// One that stands there, or is not needed where it stands.
    fn take(&mut self, order: &Order) -> Option<Reader> {
        let is_full = self.count >= MAX_READERS;
        let there = self.idle.iter().position(|reader| reader.is_at(order));
        let oldest = || {
            let (index, reader) = self
                .idle
                .iter()
                .enumerate()
                .min_by_key(|(_, reader)| reader.used)?;
            (is_full || reader.used.elapsed() > KEEP_PLACE).then_some(index)
        };
        let index = there.or_else(oldest)?;
        Some(self.idle.swap_remove(index))
    }
}

impl Readers {
    pub(super) fn new(config: Arc<Config>, metadata: Arc<Metadata>) -> Self {
        Self {
            config,
            metadata,
            pool: Mutex::default(),
            permits: Arc::new(Semaphore::new(MAX_READERS)),
        }
    }

    /// As [`Log::read`](crate::Log::read).
    pub(super) async fn read(
        self: &Arc<Self>,
        partition: &TopicPartition,
        from: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Read, Error> {
        self.metadata.check(partition).await?;
        let permit = timeout(self.config.request_timeout, self.permits.clone().acquire_owned()).await;
        let permit = match permit {
            Ok(permit) => permit.map_err(|_never| Error::Closed)?,
            Err(_elapsed) => return Err(busy()),
        };
        let cancelled = CancellationToken::new();
        // A caller that is gone does not hold a client until the end of its wait.
        let _caller = cancelled.clone().drop_guard();
        let order = Order {
            partition: partition.clone(),
            from,
            max_bytes,
            wait,
            timeout: self.config.request_timeout,
            cancelled,
        };
        let readers = self.clone();
        let read = spawn_blocking(move || {
            let _permit = permit;
            readers.read_blocking(&order)
        });
        match read.await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(Failure::OutOfRange)) => Err(self.out_of_range(partition, from).await),
            Ok(Err(Failure::Port(Error::UnknownPartition { .. }))) => {
                Err(self.metadata.confirm_missing(partition).await)
            }
            Ok(Err(Failure::Port(error))) => Err(error),
            Err(error) => Err(failed(&error)),
        }
    }

    fn read_blocking(&self, order: &Order) -> Result<Read, Failure> {
        let mut reader = self.take(order)?;
        let read = reader.read(order);
        self.put_back(reader);
        read
    }

    fn take(&self, order: &Order) -> Result<Reader, Error> {
        let mut pool = self.pool();
        if let Some(reader) = pool.take(order) {
            return Ok(reader);
        }
        pool.count += 1;
        drop(pool);
        Reader::new(&self.config).map_err(|error| {
            self.pool().count -= 1;
            Error::Unavailable {
                reason: format!("can't make a kafka client: {error}"),
            }
        })
    }

    fn put_back(&self, mut reader: Reader) {
        reader.used = Instant::now();
        let mut pool = self.pool();
        if reader.is_usable {
            pool.idle.push(reader);
        } else {
            pool.count -= 1;
            drop(pool);
            drop(reader);
        }
    }

    /// Closes clients that nobody uses. Blocks while they close.
    pub(super) fn close_unused(&self) {
        let mut pool = self.pool();
        let unused: Vec<Reader> = pool
            .idle
            .extract_if(.., |reader| reader.used.elapsed() > KEEP)
            .collect();
        pool.count -= unused.len();
        drop(pool);
        drop(unused);
    }

    async fn out_of_range(&self, partition: &TopicPartition, offset: u64) -> Error {
        let bounds = match self.metadata.bounds(partition).await {
            Ok(bounds) => bounds,
            Err(error) => return error,
        };
        if (bounds.start..=bounds.end).contains(&offset) {
            return Error::Unavailable {
                reason: format!("the offsets of {partition} changed while they were read"),
            };
        }
        Error::OffsetOutOfRange {
            partition: partition.to_string(),
            offset,
            start: bounds.start,
            end: bounds.end,
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn busy() -> Error {
    Error::Unavailable {
        reason: format!("{MAX_READERS} reads are under way"),
    }
}

fn failed(error: &JoinError) -> Error {
    if error.is_cancelled() {
        return Error::Closed;
    }
    Error::Unavailable {
        reason: format!("read failed: {error}"),
    }
}
