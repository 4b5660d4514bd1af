//! What the store has on disk, when it is durable, and what a failed write means.
//!
//! # Layout
//!
//! | keyspace | key | value |
//! |---|---|---|
//! | `events` | tenant, 0x00, 16 bytes of the id | a [cell]: row or tombstone |
//! | `events` | 0x00, [source and service](super::progress) | a position |
//! | `events` | 0x01 to 0x05, as in `index::keys` | a cell: part of the search index, or a tombstone of one |
//! | `events` | 0x06, as in `rollups::keys` | a cell: a rollup |
//! | `deletions` | as of a row | a cell without a value: the marker |
//! | `meta` | `schema` | version, u32 little-endian |
//!
//! No name of a tenant has a control character, so the rows of one tenant lie together, apart from those of a tenant whose
//! name begins with the same letters, and are sorted by the time of their ids. In CQL a partition has to end
//! somewhere, so there the same order is cut into partitions (tenant, hour of the id, shard): reading ids of a
//! range is one walk here and a walk over buckets there, with the same outcome.
//!
//! # Durability
//!
//! There is one journal. A commit is one atomic entry of it and has reached the operating system
//! when it returns, so a killed process loses nothing that was answered. A loss of power may take back what
//! came after the last fsync, which is always an end of the journal: recovery stops at the first entry that is
//! not whole. Memtables too are written out in the order of the journal, within a keyspace: that is why
//! progress shares one with the rows and the rollups, and a mark with units and their pages. So it is never durable
//! before what was committed before it.
//!
//! After a failed write or fsync nobody knows what the disk has. The store then goes on being read and refuses
//! everything else until it is opened again.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use bytes::Bytes;
use domain::id::EventId;
use domain::tenant::TenantId;
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};

use super::cell::{self, Cell};
use super::config::Config;
use crate::metric_definitions as definitions;
use crate::port::Error;

const SCHEMA_VERSION: u32 = 1;
const SCHEMA_KEY: &[u8] = b"schema";
/// Beyond these the engine makes writers wait, for ever where its own threads have failed: so we wait before.
const MAX_SEALED_MEMTABLES: usize = 2;
const MAX_UNSORTED_TABLES: usize = 16;
const MAX_WAIT_FOR_ROOM: Duration = Duration::from_secs(10);
const ROOM_CHECK_EVERY: Duration = Duration::from_millis(5);

/// Everything that readers, writers and the background thread share.
pub(super) struct Storage {
    pub(super) events: Keyspace,
    pub(super) deletions: Keyspace,
    pub(super) db: Database,
    pub(super) config: Config,
    /// Held from reading what is there to committing what replaces it.
    writer: Mutex<()>,
    /// How many commits there were.
    commits: AtomicU64,
    /// How many of them are durable. Held during an fsync, so that one is enough for all who wait.
    synced: Mutex<u64>,
    /// Why nothing can be written any more.
    failed: OnceLock<String>,
    /// Dropped last, when the engine has closed its files.
    _lock: File,
}

/// The number of a commit, to wait for its durability.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Commit(u64);

impl Storage {
    pub(super) fn open(dir: &Path, config: Config) -> Result<Self, Error> {
        config.check()?;
        fs::create_dir_all(dir).map_err(|error| no_access(dir, &error))?;
        let lock = lock(dir)?;
        let home = dir.join("store");
        if !home.exists() {
            create(&home, &config)?;
        }
        let db = database(&home, &config).map_err(|error| unreadable(&error))?;
        check_schema(&db, &config)?;
        let [events, deletions] = keyspaces(&db, &config).map_err(|error| unreadable(&error))?;
        metrics::gauge!(definitions::WRITABLE).set(1.0);
        Ok(Self {
            events,
            deletions,
            db,
            config,
            writer: Mutex::default(),
            commits: AtomicU64::default(),
            synced: Mutex::default(),
            failed: OnceLock::new(),
            _lock: lock,
        })
    }

    /// Waits until there is room, then for its turn. Who holds this may compare and write.
    pub(super) fn begin(&self) -> Result<MutexGuard<'_, ()>, Error> {
        self.wait_for_room()?;
        let turn = locked(&self.writer);
        self.check_writable()?;
        Ok(turn)
    }

    /// Writes a batch whole or not at all. It is then visible, and durable after the next fsync.
    pub(super) fn commit(&self, batch: OwnedWriteBatch, _turn: &MutexGuard<'_, ()>) -> Result<Commit, Error> {
        batch.commit().map_err(|error| self.fail(&error))?;
        Ok(Commit(self.commits.fetch_add(1, Ordering::AcqRel) + 1))
    }

    /// Returns when everything that was committed up to here is durable.
    pub(super) fn sync(&self) -> Result<(), Error> {
        self.sync_through(Commit(self.commits.load(Ordering::Acquire)))
    }

    /// Returns when this commit is durable.
    pub(super) fn sync_through(&self, commit: Commit) -> Result<(), Error> {
        let mut synced = locked(&self.synced);
        if *synced >= commit.0 {
            return Ok(());
        }
        self.check_writable()?;
        let all = self.commits.load(Ordering::Acquire);
        let started = Instant::now();
        self.db
            .persist(PersistMode::SyncData)
            .map_err(|error| self.fail(&error))?;
        metrics::histogram!(definitions::SYNC_SECONDS).record(started.elapsed());
        *synced = all;
        Ok(())
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

    fn fail(&self, error: &fjall::Error) -> Error {
        let reason = self.failed.get_or_init(|| {
            tracing::error!(%error, "store takes no more writes until it is opened again");
            metrics::gauge!(definitions::WRITABLE).set(0.0);
            format!("closed for writing until it is opened again, because a write failed: {error}")
        });
        Error::Unavailable {
            reason: reason.clone(),
        }
    }

    fn wait_for_room(&self) -> Result<(), Error> {
        let behind = |keyspace: &Keyspace| {
            keyspace.sealed_memtable_count() > MAX_SEALED_MEMTABLES
                || keyspace.l0_table_count() > MAX_UNSORTED_TABLES
        };
        let started = Instant::now();
        while [&self.events, &self.deletions].into_iter().any(behind) {
            self.check_writable()?;
            // Fails where the threads of the engine have.
            self.db
                .persist(PersistMode::Buffer)
                .map_err(|error| self.fail(&error))?;
            if started.elapsed() > MAX_WAIT_FOR_ROOM {
                return Err(Error::Unavailable {
                    reason: "rows are not written out fast enough".to_owned(),
                });
            }
            thread::park_timeout(ROOM_CHECK_EVERY);
        }
        Ok(())
    }
}

/// The key of an event, and with any 16 bytes the bound of a range.
pub(super) fn event_key(tenant: &TenantId, id: [u8; 16]) -> Vec<u8> {
    [tenant.as_str().as_bytes(), &[0], &id].concat()
}

/// What is stored under the key of an event.
pub(super) fn cell_of(keyspace: &Keyspace, key: &[u8]) -> Result<Option<Cell>, Error> {
    let bytes = keyspace.get(key).map_err(|error| unreadable(&error))?;
    bytes.map(|bytes| decoded(key, bytes.into())).transpose()
}

/// The id in the key of an event.
pub(super) fn id_of(key: &[u8]) -> Result<EventId, Error> {
    let id = key
        .last_chunk()
        .copied()
        .and_then(|bytes| EventId::from_bytes(bytes).ok());
    id.ok_or_else(|| Error::Corrupt {
        what: format!("key {}", key.escape_ascii()),
    })
}

pub(super) fn decoded(key: &[u8], bytes: Bytes) -> Result<Cell, Error> {
    cell::decode(bytes).map_err(|error| Error::Corrupt {
        what: format!("row {} ({error})", key.escape_ascii()),
    })
}

/// Who is to blame for a failed read: the moment, or what is stored.
pub(super) fn unreadable(error: &fjall::Error) -> Error {
    match error {
        fjall::Error::Locked => Error::Unavailable {
            reason: "another process has it open".to_owned(),
        },
        fjall::Error::Io(_) | fjall::Error::Storage(fjall::LsmError::Io(_)) | fjall::Error::Poisoned => {
            Error::Unavailable {
                reason: error.to_string(),
            }
        }
        damaged => Error::Corrupt {
            what: format!("data ({damaged})"),
        },
    }
}

/// Locks a mutex whose value is whole even if a holder panicked.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_access(path: &Path, error: &io::Error) -> Error {
    Error::Unavailable {
        reason: format!("{}: {error}", path.display()),
    }
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| no_access(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(unreadable(&fjall::Error::Locked)),
        Err(TryLockError::Error(error)) => Err(no_access(&path, &error)),
    }
}

/// Makes an empty store beside its place and renames it into it, so that a process killed at its first start
/// leaves nothing that can't be opened.
fn create(home: &Path, config: &Config) -> Result<(), Error> {
    let beside = home.with_extension("new");
    if beside.exists() {
        fs::remove_dir_all(&beside).map_err(|error| no_access(&beside, &error))?;
    }
    fill(&beside, config).map_err(|error| unreadable(&error))?;
    let parent = home.parent().unwrap_or(home);
    fs::rename(&beside, home)
        .and_then(|()| File::open(parent)?.sync_all())
        .map_err(|error| no_access(home, &error))
}

fn fill(home: &Path, config: &Config) -> Result<(), fjall::Error> {
    let db = database(home, config)?;
    keyspaces(&db, config)?;
    let meta = keyspace(&db, "meta", small(config))?;
    meta.insert(SCHEMA_KEY, SCHEMA_VERSION.to_le_bytes())?;
    db.persist(PersistMode::SyncAll)
}

fn check_schema(db: &Database, config: &Config) -> Result<(), Error> {
    let stored = keyspace(db, "meta", small(config)).and_then(|meta| meta.get(SCHEMA_KEY));
    let stored = stored.map_err(|error| unreadable(&error))?;
    let found = stored
        .and_then(|bytes| bytes.as_ref().try_into().ok())
        .map(u32::from_le_bytes);
    match found {
        Some(SCHEMA_VERSION) => Ok(()),
        Some(found) => Err(Error::SchemaMismatch {
            found,
            needed: SCHEMA_VERSION,
        }),
        None => Err(Error::Corrupt {
            what: "schema version".to_owned(),
        }),
    }
}

fn database(home: &Path, config: &Config) -> Result<Database, fjall::Error> {
    Database::builder(home)
        .cache_size(config.cache_bytes)
        .max_journaling_size(config.journal_bytes)
        .journal_compression(CompressionType::None)
        .max_cached_files(Some(256))
        .worker_threads(2)
        .open()
}

/// Events and deletions.
fn keyspaces(db: &Database, config: &Config) -> Result<[Keyspace; 2], fjall::Error> {
    Ok([
        keyspace(db, "events", config.memtable_bytes)?,
        keyspace(db, "deletions", small(config))?,
    ])
}

fn keyspace(db: &Database, name: &str, memtable_bytes: u64) -> Result<Keyspace, fjall::Error> {
    db.keyspace(name, || {
        KeyspaceCreateOptions::default().max_memtable_size(memtable_bytes)
    })
}

/// For keyspaces with little in them.
fn small(config: &Config) -> u64 {
    config.memtable_bytes / 8
}
