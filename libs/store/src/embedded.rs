//! The store in a directory of this machine, for one process.
//!
//! It promises what the port does. Rows, the search index, rollups and progress are durable within
//! [`Config::sync_every`], progress never before its rows and rollups, a mark never before its units; a deletion is
//! durable when it is answered. A second process on the same directory is refused. Memory is bounded by [`Config`].
//!
//! It does not replicate, and it does not survive the loss of its disk. After a failed write (a full disk, a
//! failed fsync) it goes on being read and refuses everything else until it is opened again.
//!
//! - [`config`](Config): settings; `storage`: what is on disk, and what durable means.
//! - [`cell`], [`progress`], [`mark`]: the layout of rows and blobs, of positions and of marks; `keys`: what their keys
//!   begin with.
//! - `write`, `read`, `index`, `rollups`: the calls of the port; `walk`: cells one after the other; `sweep`: removal of
//!   what has expired.
//!
//! Every call may meet the disk, so it runs on a thread that may block; only rows are encoded before that. A
//! call that is no longer awaited is finished all the same.

pub mod cell;
mod config;
mod index;
mod keys;
pub mod mark;
pub mod progress;
mod read;
mod rollups;
mod storage;
mod sweep;
mod walk;
mod write;

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::record::Enriched;
use domain::retention;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use tokio::task;

pub use self::config::Config;
use self::storage::{Storage, locked};
use self::sweep::Sweeper;
pub use self::sweep::Swept;
use crate::metric_definitions::{self as definitions, count_failure};
use crate::port::{Error, Events, Position, Progress, Scan};

/// A handle on the store. Clones share it; when the last one is dropped, and no call is under way, the store
/// makes everything durable and closes, which blocks for about one fsync.
#[derive(Clone)]
pub struct Embedded(Arc<Handle>);

/// The storage with the thread that works on it.
struct Handle {
    storage: Arc<Storage>,
    sweeper: Arc<Mutex<Sweeper>>,
    /// Gone while closing: that is what ends the thread.
    stop: Option<SyncSender<()>>,
    upkeep: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Opens the store in `dir`, or makes a new one. Blocks while what was not yet written out is read back.
    pub fn open(dir: &Path, config: Config) -> Result<Self, Error> {
        let storage = Arc::new(Storage::open(dir, config)?);
        let sweeper: Arc<Mutex<Sweeper>> = Arc::default();
        let (stop, stopped) = sync_channel(0);
        let work = {
            let (storage, sweeper) = (storage.clone(), sweeper.clone());
            move || keep_up(&storage, &sweeper, &stopped)
        };
        let upkeep = thread::Builder::new()
            .name("store-upkeep".to_owned())
            .spawn(work)
            .map_err(|error| Error::Unavailable {
                reason: format!("no thread for upkeep: {error}"),
            })?;
        Ok(Self(Arc::new(Handle {
            storage,
            sweeper,
            stop: Some(stop),
            upkeep: Some(upkeep),
        })))
    }

    /// One round of what the background thread does: removes some of what expired at `now` or before. Repeated
    /// until [`Swept::finished`], everything was looked at.
    pub async fn sweep(&self, now: Millis) -> Result<Swept, Error> {
        let sweeper = self.0.sweeper.clone();
        self.blocking(move |storage| locked(&sweeper).run(storage, now))
            .await
    }

    /// Whether the store takes writes. Once it does not, it must be opened again.
    pub fn is_writable(&self) -> bool {
        self.0.storage.check_writable().is_ok()
    }

    async fn blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Storage) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let handle = self.0.clone();
        let done = task::spawn_blocking(move || job(&handle.storage)).await;
        done.unwrap_or_else(|error| {
            let closing = error.is_cancelled();
            Err(if closing {
                Error::Closed
            } else {
                Error::Unavailable {
                    reason: format!("call failed: {error}"),
                }
            })
        })
    }

    /// A call of the port: as [`Self::blocking`], and measured.
    async fn call<T: Send + 'static>(
        &self,
        name: &'static str,
        job: impl FnOnce(&Storage) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let started = Instant::now();
        let result = self.blocking(job).await;
        metrics::histogram!(definitions::CALL_SECONDS, "call" => name).record(started.elapsed());
        result.inspect_err(|error| count_failure(name, error))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop = None;
        if self.upkeep.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("upkeep of the store has panicked");
        }
        if let Err(error) = self.storage.sync() {
            tracing::error!(%error, "store is closed and its last writes may be lost");
        }
    }
}

/// Syncs and sweeps until the last handle is gone.
fn keep_up(storage: &Storage, sweeper: &Mutex<Sweeper>, stopped: &Receiver<()>) {
    let every = storage.config.sync_every;
    let mut until_sweep = storage.config.sweep_every;
    while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        // Logged once, where the store stops taking writes.
        if storage.sync().is_err() {
            continue;
        }
        until_sweep = until_sweep.saturating_sub(every);
        if until_sweep.is_zero() {
            let now = (storage.config.clock)();
            until_sweep = match locked(sweeper).run(storage, now) {
                Ok(swept) if swept.removed > swept.looked_at / 2 => Duration::ZERO,
                Ok(_) => storage.config.sweep_every,
                Err(error) => {
                    tracing::warn!(%error, "expired rows are not removed");
                    storage.config.sweep_every
                }
            };
        }
    }
}

#[async_trait]
impl Events for Embedded {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), Error> {
        let rows = write::encode(rows, now, self.0.storage.config.max_row_bytes)
            .inspect_err(|error| count_failure("put", error))?;
        if rows.is_empty() {
            return Ok(());
        }
        self.call("put", move |storage| storage.put(rows)).await
    }

    async fn fetch_in(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        _classes: &[retention::Class],
        now: Millis,
    ) -> Result<Vec<Enriched>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let (tenant, ids) = (tenant.clone(), ids.to_vec());
        self.call("fetch", move |storage| storage.fetch(&tenant, &ids, now))
            .await
    }

    async fn ids(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Scan, Error> {
        let tenant = tenant.clone();
        self.call("ids", move |storage| storage.ids(&tenant, range, order, limit))
            .await
    }

    async fn delete(&self, tenant: &TenantId, id: EventId, keep_until: Millis) -> Result<(), Error> {
        let tenant = tenant.clone();
        self.call("delete", move |storage| storage.delete(&tenant, id, keep_until))
            .await
    }
}

#[async_trait]
impl Progress for Embedded {
    async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, Error> {
        let service = service.to_owned();
        self.call("position", move |storage| storage.position(&service, source))
            .await
    }

    async fn advance(&self, service: &str, source: Source, position: Position) -> Result<(), Error> {
        let service = service.to_owned();
        self.call("advance", move |storage| {
            storage.advance(&service, source, &position)
        })
        .await
    }
}
