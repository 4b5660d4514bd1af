//! The log in a directory of this machine, for one process.
//!
//! It promises what the port does: an append is acknowledged after its fsync; partitions are read in order and
//! without gaps unless they are compacted; groups share partitions among the members in this process and
//! remember their commits. A second process on the same directory is refused. Memory is bounded by [`Config`].
//!
//! It does not replicate, and it does not survive the loss of its disk. After a failed write (a full disk, a
//! failed fsync) it goes on being read and refuses everything else until it is opened again.
//!
//! - [`config`](Config): settings; `storage`: what is on disk; `codec`: the layout of a record.
//! - `writer`: group commit; `memory`: its bound on recent records; `retention`: removal of old records.
//! - `group`: who has which partition; `consumer`: a member of a group; `sequence`: appends that break at the first failure;
//!   `fenced`: names with one writer at a time.

pub mod codec;
mod config;
mod consumer;
mod fenced;
mod group;
mod memory;
mod retention;
mod sequence;
mod storage;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::task::{self, JoinError};
use tokio::time::{Instant, timeout};

pub use self::config::{Clock, Config, Retention, TopicConfig};
use self::consumer::Member;
use self::fenced::{Held, Holder};
use self::retention::Retainer;
use self::storage::{Partition, Storage, locked};
use self::writer::{Append, Command, Writer};
use crate::in_flight::RECORD_OVERHEAD_BYTES;
use crate::port::{Appended, Bounds, Consumer, Error, Fenced, Log, Read, Sequence};
use crate::record::{NewRecord, Record, TopicPartition};

/// Calls that may wait for the writer, however small they are.
const MAX_CALLS: usize = 4_096;
/// How long closing waits for reads that are under way.
const MAX_CLOSING: Duration = Duration::from_secs(5);

/// Why a log can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting is wrong.
    #[error("log settings: {reason}")]
    Config {
        /// Which, and why.
        reason: String,
    },
    /// Another process has it open, or this one has.
    #[error("log in {dir} is in use by another process")]
    Locked {
        /// Its directory.
        dir: PathBuf,
    },
    /// A topic is stored with other properties, which can't be changed.
    #[error(
        "topic {topic} is stored with {stored_partitions} partitions (compacted: {stored_compacted}), \
         the settings say {partitions} and these properties can't be changed"
    )]
    TopicDiffers {
        /// Its name.
        topic: String,
        /// Partitions in the settings.
        partitions: u32,
        /// Partitions on disk.
        stored_partitions: u32,
        /// Whether the topic on disk is compacted.
        stored_compacted: bool,
    },
    /// What is stored does not decode.
    #[error("stored {what} does not decode")]
    Corrupt {
        /// Which part.
        what: String,
    },
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The storage engine said no.
    #[error("storage engine: {0}")]
    Engine(#[from] fjall::Error),
}

impl OpenError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// A handle on the log. Clones share it; when the last one and every consumer are dropped, the log writes what it
/// was given and closes, which blocks for about one fsync.
#[derive(Clone)]
pub struct Embedded(Arc<Handle>);

impl Embedded {
    /// Why this record would be refused, whatever else is appended.
    fn refusal(&self, record: &NewRecord) -> Option<Error> {
        self.0.admit(record).err()
    }

    /// Opens the log in `dir`, or makes a new one. Blocks while what was not yet written out is read back.
    pub fn open(dir: impl AsRef<Path>, config: Config) -> Result<Self, OpenError> {
        Handle::open(dir.as_ref(), config).map(|handle| Self(Arc::new(handle)))
    }

    /// Removes old records now instead of at the next check. Blocks on the disk.
    pub fn enforce_retention(&self) -> Result<(), Error> {
        locked(&self.0.retainer).run(&self.0.storage)
    }

    /// Whether the log takes records. Once it does not, it must be opened again.
    pub fn is_writable(&self) -> bool {
        self.0.storage.check_writable().is_ok()
    }
}

/// The storage with the threads that work on it.
struct Handle {
    storage: Arc<Storage>,
    retainer: Arc<Mutex<Retainer>>,
    reads: Arc<Reads>,
    /// Gone while closing: that is what ends the writer.
    commands: Option<SyncSender<Command>>,
    /// Gone while closing: that is what ends the retention thread.
    retention: Option<SyncSender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// How many reads are under way.
#[derive(Default)]
struct Reads {
    count: Mutex<usize>,
    ended: Condvar,
}

/// A read that is under way.
struct Counted(Arc<Reads>);

impl Counted {
    fn new(reads: &Arc<Reads>) -> Self {
        *locked(&reads.count) += 1;
        Self(reads.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        *locked(&self.0.count) -= 1;
        self.0.ended.notify_all();
    }
}

impl Handle {
    fn open(dir: &Path, config: Config) -> Result<Self, OpenError> {
        let check_every = config.retention_check_every;
        let storage = Arc::new(Storage::open(dir, config)?);
        let retainer: Arc<Mutex<Retainer>> = Arc::default();
        let (commands, commands_out) = sync_channel(MAX_CALLS);
        let (retention, retention_stop) = sync_channel::<()>(0);
        let writer = Writer::new(storage.clone(), commands_out);
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new()
                .name(name.to_owned())
                .spawn(run)
                .map_err(|source| OpenError::io(dir, source))
        };
        let retain = {
            let (storage, retainer) = (storage.clone(), retainer.clone());
            move || {
                while retention_stop.recv_timeout(check_every) == Err(RecvTimeoutError::Timeout) {
                    if let Err(error) = locked(&retainer).run(&storage) {
                        tracing::warn!(%error, "old records are not removed");
                    }
                }
            }
        };
        let threads = vec![
            spawn("log-writer", Box::new(move || writer.run()))?,
            spawn("log-retention", Box::new(retain))?,
        ];
        let reads = Arc::default();
        Ok(Self {
            storage,
            retainer,
            reads,
            commands: Some(commands),
            retention: Some(retention),
            threads,
        })
    }

    fn send(&self, command: Command) -> Result<(), Error> {
        self.storage.check_writable()?;
        let sender = self.commands.as_ref().ok_or(Error::Closed)?;
        sender.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => Error::Unavailable {
                reason: format!("{MAX_CALLS} calls are waiting"),
            },
            TrySendError::Disconnected(_) => Error::Closed,
        })
    }

    /// Has the writer do something, and waits for it.
    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Command,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        self.send(command(answer))?;
        answered.await.unwrap_or(Err(Error::Closed))
    }

    /// Reads on a thread that may block: what is not in memory comes from the disk.
    fn read(
        &self,
        partition: Arc<Partition>,
        from: u64,
        max_bytes: usize,
    ) -> task::JoinHandle<Result<Vec<Record>, Error>> {
        let counted = Counted::new(&self.reads);
        task::spawn_blocking(move || {
            let records = partition.read(from, max_bytes);
            // First the files, then the count that closing waits for.
            drop(partition);
            drop(counted);
            records
        })
    }

    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        let mut results = Vec::with_capacity(records.len());
        let mut accepted = Vec::with_capacity(records.len());
        for record in records {
            match self.admit(&record) {
                Ok(partition) => {
                    accepted.push((partition, record));
                    // Until the writer answers, a record has not been appended.
                    results.push(Ok(()));
                }
                Err(error) => results.push(Err(error)),
            }
        }
        let appended = if accepted.is_empty() {
            Ok(Vec::new())
        } else {
            self.write(accepted, None).await
        };
        let mut appended = appended.map(Vec::into_iter);
        results
            .into_iter()
            .map(|result| {
                result.and_then(|()| match &mut appended {
                    Ok(appended) => appended.next().ok_or(Error::Closed),
                    Err(error) => Err(error.clone()),
                })
            })
            .collect()
    }

    fn admit(&self, record: &NewRecord) -> Result<Arc<Partition>, Error> {
        let partition = self.storage.partition(&record.to)?;
        let max_bytes = self.storage.config.max_record_bytes;
        let bytes = codec::encoded_len(record);
        if bytes > max_bytes {
            return Err(Error::RecordTooLarge { bytes, max_bytes });
        }
        Ok(partition.clone())
    }

    /// Writes all records or none of them; for a holder only while it has its name.
    async fn write(
        &self,
        accepted: Vec<(Arc<Partition>, NewRecord)>,
        holder: Option<Holder>,
    ) -> Result<Vec<Appended>, Error> {
        self.storage.check_writable()?;
        let bytes = accepted
            .iter()
            .map(|(_, record)| codec::encoded_len(record) + RECORD_OVERHEAD_BYTES);
        let in_flight = self
            .storage
            .in_flight
            .reserve(bytes.fold(0, usize::saturating_add))?;
        let max_bytes = self.storage.config.max_record_bytes;
        let records = accepted
            .into_iter()
            .map(|(partition, record)| Ok((partition, codec::encode(&record, max_bytes)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        let append = |answer| {
            Command::Append(Append {
                records,
                in_flight,
                holder,
                answer,
            })
        };
        self.ask(append).await
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.commands = None;
        self.retention = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the log has panicked");
            }
        }
        let count = locked(&self.reads.count);
        let waited = self
            .reads
            .ended
            .wait_timeout_while(count, MAX_CLOSING, |count| *count > 0);
        if waited.is_ok_and(|(_, timeout)| timeout.timed_out()) {
            tracing::warn!("log is closed while it is being read");
        }
    }
}

#[async_trait]
impl Log for Embedded {
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        self.0.append(records).await
    }

    async fn sequence(&self) -> Result<Arc<dyn Sequence>, Error> {
        Ok(Arc::new(sequence::Appends::new(self.clone())))
    }

    async fn fence(&self, name: &str) -> Result<Box<dyn Fenced>, Error> {
        Ok(Box::new(Held::take(self.0.clone(), name).await?))
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        let count = self.0.storage.topic(topic)?.len();
        Ok(u32::try_from(count).expect("a topic has at most 1,024 partitions"))
    }

    async fn bounds(&self, partition: &TopicPartition) -> Result<Bounds, Error> {
        self.0
            .storage
            .partition(partition)
            .map(|partition| partition.bounds())
    }

    async fn read(
        &self,
        partition: &TopicPartition,
        from: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Read, Error> {
        let partition = self.0.storage.partition(partition)?;
        let mut bounds = partition.watch();
        let waiting_since = Instant::now();
        loop {
            bounds.mark_unchanged();
            if partition.check_offset(from)?.end > from {
                let records = finished(self.0.read(partition.clone(), from, max_bytes).await)?;
                let next = records.last().map_or(from, |last| last.offset + 1);
                return Ok(Read { records, next });
            }
            match timeout(wait.saturating_sub(waiting_since.elapsed()), bounds.changed()).await {
                Ok(_changed) => {}
                Err(_elapsed) => {
                    let (records, next) = (Vec::new(), from);
                    return Ok(Read { records, next });
                }
            }
        }
    }

    async fn consumer(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, Error> {
        Ok(Box::new(Member::join(self.0.clone(), group, topics)?))
    }
}

/// The outcome of a read on a blocking thread.
fn finished(read: Result<Result<Vec<Record>, Error>, JoinError>) -> Result<Vec<Record>, Error> {
    read.unwrap_or_else(|error| {
        let closing = error.is_cancelled();
        Err(if closing {
            Error::Closed
        } else {
            Error::Unavailable {
                reason: format!("read failed: {error}"),
            }
        })
    })
}
