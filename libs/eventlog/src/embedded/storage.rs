//! What the log has on disk and in memory: one keyspace per partition, one for what is known about topics
//! and partitions, one for the commits of groups.
//!
//! In the keyspace of a partition the key is the offset, so records are written in key order and tables
//! never overlap: they are moved down the tree without being rewritten and dropped whole when they are old.
//!
//! A new log is built beside its place and renamed into it, so that a process killed at its first start
//! leaves nothing that can't be opened. The lock is held until the storage engine is gone.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use fjall::config::{CompressionPolicy, FilterPolicy, PinningPolicy};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions};
use tokio::sync::watch;

use super::OpenError;
use super::codec::{self, Names};
use super::config::{Config, Retention, TopicConfig};
use super::fenced::Names as Writers;
use super::group::{Group, Groups};
use crate::in_flight::InFlight;
use crate::port::{Bounds, Error};
use crate::record::{Record, TopicPartition};

const TOPIC_PREFIX: &[u8] = b"topic/";
const START_PREFIX: &[u8] = b"start/";
/// Threads of the engine that write out and merge. They wait for the disk more than they compute.
const WORKERS: usize = 4;
/// Of the keyspaces that hold a line for each topic, partition or group.
const SMALL_MEMTABLE_BYTES: u64 = 1 << 20;

/// Everything that readers, the writer and retention share.
pub(super) struct Storage {
    pub(super) db: Database,
    pub(super) meta: Keyspace,
    pub(super) commits: Keyspace,
    pub(super) topics: HashMap<Arc<str>, Vec<Arc<Partition>>>,
    pub(super) config: Config,
    pub(super) groups: Groups,
    /// Who may append under which name.
    pub(super) names: Writers,
    /// Bytes that wait for their acknowledgement.
    pub(super) in_flight: InFlight,
    /// Why nothing can be written any more.
    pub(super) failed: OnceLock<String>,
    /// Ticks whenever records became readable.
    pub(super) appended: watch::Sender<()>,
    /// Dropped last, when the engine has closed its files.
    _lock: File,
}

/// One partition.
pub(super) struct Partition {
    /// Its number among all partitions of the log.
    pub(super) index: usize,
    pub(super) id: TopicPartition,
    pub(super) retention: Retention,
    pub(super) keyspace: Keyspace,
    /// What readers may see. Raised only after what it covers is durable.
    bounds: watch::Sender<Bounds>,
}

impl Storage {
    pub(super) fn open(dir: &Path, config: Config) -> Result<Self, OpenError> {
        config.check()?;
        fs::create_dir_all(dir).map_err(|source| OpenError::io(dir, source))?;
        let lock = lock(dir)?;
        let home = dir.join("log");
        if !home.exists() {
            create(&home, &config)?;
        }
        let db = database(&home, &config)?;
        let meta = db.keyspace("meta", small_keyspace)?;
        let commits = db.keyspace("commits", small_keyspace)?;
        let (mut topics, mut count) = (HashMap::new(), 0);
        for topic in &config.topics {
            check_topic(&meta, topic)?;
            let partitions = open_topic(&db, &meta, topic, count)?;
            count += partitions.len();
            topics.insert(topic.name.as_str().into(), partitions);
        }
        let groups = Groups::load(&commits)?;
        let in_flight = InFlight::new(config.max_in_flight_bytes);
        Ok(Self {
            db,
            meta,
            commits,
            topics,
            config,
            groups,
            names: Writers::default(),
            in_flight,
            failed: OnceLock::new(),
            appended: watch::Sender::new(()),
            _lock: lock,
        })
    }

    pub(super) fn topic(&self, topic: &str) -> Result<&[Arc<Partition>], Error> {
        self.topics
            .get(topic)
            .map(Vec::as_slice)
            .ok_or_else(|| Error::UnknownPartition {
                partition: topic.to_owned(),
            })
    }

    pub(super) fn partition(&self, id: &TopicPartition) -> Result<&Arc<Partition>, Error> {
        let partitions = self.topic(&id.topic)?;
        usize::try_from(id.partition)
            .ok()
            .and_then(|index| partitions.get(index))
            .ok_or_else(|| Error::UnknownPartition {
                partition: id.to_string(),
            })
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.topics.values().flatten()
    }

    pub(super) fn group(&self, name: &str) -> Arc<Group> {
        self.groups.get_or_create(name)
    }

    /// An error for those who want to write after a write has failed.
    pub(super) fn check_writable(&self) -> Result<(), Error> {
        match self.failed.get() {
            Some(reason) => Err(Error::Unavailable {
                reason: reason.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Closes the log for writing until it is opened again: after a failed write or fsync nobody knows
    /// what the disk has.
    pub(super) fn fail(&self, error: &fjall::Error) -> Error {
        let reason = self.failed.get_or_init(|| {
            tracing::error!(%error, "log takes no more writes until it is opened again");
            format!("closed for writing until it is opened again, because a write failed: {error}")
        });
        Error::Unavailable {
            reason: reason.clone(),
        }
    }

    pub(super) fn save_start(&self, partition: &TopicPartition, start: u64) -> Result<(), fjall::Error> {
        let mut batch = self.db.batch().durability(Some(fjall::PersistMode::SyncData));
        batch.insert(&self.meta, start_key(partition), start.to_le_bytes());
        batch.commit()
    }
}

impl Partition {
    pub(super) fn bounds(&self) -> Bounds {
        *self.bounds.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Bounds> {
        self.bounds.subscribe()
    }

    pub(super) fn raise_end(&self, end: u64) {
        self.bounds.send_modify(|bounds| bounds.end = end);
    }

    pub(super) fn raise_start(&self, start: u64) {
        self.bounds.send_modify(|bounds| bounds.start = start);
    }

    pub(super) fn compacted(&self) -> bool {
        self.retention == Retention::Compact
    }

    /// An error unless `offset` lies between start and end.
    pub(super) fn check_offset(&self, offset: u64) -> Result<Bounds, Error> {
        let bounds = self.bounds();
        if (bounds.start..=bounds.end).contains(&offset) {
            return Ok(bounds);
        }
        let Bounds { start, end } = bounds;
        Err(Error::OffsetOutOfRange {
            partition: self.id.to_string(),
            offset,
            start,
            end,
        })
    }

    /// Records from `from` on, at most about `max_bytes` of them and at least one if there is one.
    /// Blocks on the disk.
    pub(super) fn read(&self, from: u64, max_bytes: usize) -> Result<Vec<Record>, Error> {
        let Bounds { end, .. } = self.check_offset(from)?;
        let mut records: Vec<Record> = Vec::new();
        let mut names = Names::default();
        let mut bytes = 0_usize;
        let mut expected = from;
        for guard in self.keyspace.range(key(from)..key(end)) {
            let (offset, value) = self.entry(guard)?;
            if !self.compacted() && offset != expected {
                // Retention may have removed the beginning since the first check.
                self.check_offset(from)?;
                return Err(self.corrupt(format!("sequence: record {expected} is missing")));
            }
            bytes = bytes.saturating_add(value.len());
            if bytes > max_bytes && !records.is_empty() {
                break;
            }
            let record = codec::decode(offset, &value, &mut names)
                .map_err(|error| self.corrupt(format!("record {offset} ({error})")))?;
            records.push(record);
            expected = offset.saturating_add(1);
        }
        if records.is_empty() && from < end {
            self.check_offset(from)?;
            return Err(self.corrupt(format!("sequence: record {from} is missing")));
        }
        Ok(records)
    }

    /// The append time of the record at `offset`, if there is one.
    pub(super) fn appended_at_ms(&self, offset: u64) -> Result<Option<i64>, Error> {
        let value = self
            .keyspace
            .get(key(offset))
            .map_err(|error| unreadable(&error))?;
        value
            .map(|value| codec::appended_at_ms(&value))
            .transpose()
            .map_err(|error| self.corrupt(format!("record {offset} ({error})")))
    }

    /// Offset and encoded record of an entry of the keyspace.
    pub(super) fn entry(&self, guard: fjall::Guard) -> Result<(u64, Bytes), Error> {
        let (key, value) = guard.into_inner().map_err(|error| unreadable(&error))?;
        let offset = offset_of(&key).ok_or_else(|| self.corrupt("offset".to_owned()))?;
        Ok((offset, value.into()))
    }

    pub(super) fn corrupt(&self, what: String) -> Error {
        Error::Corrupt {
            partition: self.id.to_string(),
            what,
        }
    }
}

pub(super) fn unreadable(error: &fjall::Error) -> Error {
    Error::Unavailable {
        reason: format!("read failed: {error}"),
    }
}

/// The storage key of an offset: big-endian, so that keys sort as offsets do.
pub(super) fn key(offset: u64) -> [u8; 8] {
    offset.to_be_bytes()
}

fn offset_of(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

/// Locks a mutex whose value is whole even if a holder panicked.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| OpenError::io(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::io(&path, source)),
    }
}

fn create(home: &Path, config: &Config) -> Result<(), OpenError> {
    let beside = home.with_extension("new");
    if beside.exists() {
        fs::remove_dir_all(&beside).map_err(|source| OpenError::io(&beside, source))?;
    }
    drop(database(&beside, config)?);
    fs::rename(&beside, home).map_err(|source| OpenError::io(home, source))?;
    let parent: PathBuf = home.parent().map(Path::to_owned).unwrap_or_default();
    File::open(&parent)
        .and_then(|dir| dir.sync_all())
        .map_err(|source| OpenError::io(&parent, source))
}

fn database(home: &Path, config: &Config) -> Result<Database, OpenError> {
    let db = Database::builder(home)
        .cache_size(config.cache_bytes)
        .max_journaling_size(config.journal_bytes)
        .journal_compression(CompressionType::None)
        .max_cached_files(Some(256))
        .worker_threads(WORKERS)
        .open()?;
    Ok(db)
}

fn small_keyspace() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(SMALL_MEMTABLE_BYTES)
}

fn partition_keyspace() -> KeyspaceCreateOptions {
    // Records are found by range and never by a key that may be absent, so filters would be memory for nothing.
    KeyspaceCreateOptions::default()
        .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
        .filter_policy(FilterPolicy::disabled())
        .index_block_pinning_policy(PinningPolicy::all(false))
}

/// Compares a topic with what is stored about it, or stores it.
fn check_topic(meta: &Keyspace, topic: &TopicConfig) -> Result<(), OpenError> {
    let key = [TOPIC_PREFIX, topic.name.as_bytes()].concat();
    let kind = u8::from(topic.retention == Retention::Compact);
    let wanted = [&[kind][..], &topic.partitions.to_le_bytes()].concat();
    let Some(stored) = meta.get(&key)? else {
        return Ok(meta.insert(key, wanted)?);
    };
    if *stored == *wanted {
        return Ok(());
    }
    let stored_partitions = stored
        .get(1..)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_le_bytes)
        .ok_or_else(|| OpenError::Corrupt {
            what: format!("topic {}", topic.name),
        })?;
    Err(OpenError::TopicDiffers {
        topic: topic.name.clone(),
        partitions: topic.partitions,
        stored_partitions,
        stored_compacted: stored.first() == Some(&1),
    })
}

fn open_topic(
    db: &Database,
    meta: &Keyspace,
    topic: &TopicConfig,
    first_index: usize,
) -> Result<Vec<Arc<Partition>>, OpenError> {
    let name: Arc<str> = topic.name.as_str().into();
    (0..topic.partitions)
        .zip(first_index..)
        .map(|(partition, index)| {
            let id = TopicPartition::new(name.clone(), partition);
            let keyspace = db.keyspace(&format!("records.{name}.{partition}"), partition_keyspace)?;
            let bounds = stored_bounds(meta, &keyspace, &id)?;
            let bounds = watch::Sender::new(bounds);
            Ok(Arc::new(Partition {
                index,
                id,
                retention: topic.retention,
                keyspace,
                bounds,
            }))
        })
        .collect()
}

fn stored_bounds(meta: &Keyspace, records: &Keyspace, id: &TopicPartition) -> Result<Bounds, OpenError> {
    let corrupt = |what: &str| OpenError::Corrupt {
        what: format!("{what} of {id}"),
    };
    let start = match meta.get(start_key(id))? {
        Some(bytes) => {
            let bytes = bytes.as_ref().try_into().map_err(|_| corrupt("start"))?;
            u64::from_le_bytes(bytes)
        }
        None => 0,
    };
    let end = match records.last_key_value() {
        Some(guard) => offset_of(&guard.key()?)
            .ok_or_else(|| corrupt("last offset"))?
            .saturating_add(1),
        None => 0,
    };
    // When retention has removed everything, the start says where the partition ends.
    Ok(Bounds {
        start,
        end: end.max(start),
    })
}

fn start_key(partition: &TopicPartition) -> Vec<u8> {
    [
        START_PREFIX,
        partition.topic.as_bytes(),
        b"/",
        &partition.partition.to_be_bytes(),
    ]
    .concat()
}
