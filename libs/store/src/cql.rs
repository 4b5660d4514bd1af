//! The store on ScyllaDB or Apache Cassandra (4.1 and later), for any number of processes.
//!
//! It promises what the port does. Reads and writes are done by a quorum of one datacenter. Whatever is not
//! answered in time is [`Error::Unavailable`], never an empty answer. Every write carries a stamp that is
//! computed from what is written, so one that is repeated, or that comes late from a process that was paused,
//! changes nothing. Memory is bounded by [`Config`].
//!
//! It has no condition, counter, secondary index or materialised view on the way of the data; only the lock of
//! [`migrate`] has conditions. What has expired is removed by the engine, on its own clock, soon after readers
//! stopped to see it on theirs.
//!
//! - `config`: settings; `open`: from settings to a session; [`migrate`]: the schema.
//! - `statements`: every statement; `keys`: which row is where; [`progress`], [`mark`]: the layout of what is known
//!   of a source.
//! - `write`, `read`, `ids`, `index`, `rollups`: the calls of the port; `batch`, `requests`: how statements are run.

mod batch;
mod config;
mod ids;
mod index;
mod keys;
pub mod mark;
mod migrate;
mod open;
pub mod progress;
mod read;
mod requests;
mod rollups;
mod statements;
mod write;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::record::Enriched;
use domain::retention;
use domain::source::{FIRST_GENERATION, Lane, Source};
use domain::tenant::TenantId;
use domain::time::Millis;
use tokio::time::timeout;

pub use self::config::{Config, Credentials, Tls};
pub use self::migrate::{Engine, MigrateError, Options, Replication, Report, migrate};
pub use self::open::OpenError;
use self::requests::{Requests, unavailable};
use self::statements::Statements;
use crate::metric_definitions::{self as definitions, count_failure};
use crate::port::{Clock, Error, Events, Position, Progress, STORING_SERVICE, Scan};

/// How long a probe waits for an answer: less than what asks for it does.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// A handle on the store. Clones share its connections, which are closed when the last one is dropped.
#[derive(Clone)]
pub struct Cql(Arc<Handle>);

struct Handle {
    config: Config,
    clock: Clock,
    requests: Requests,
    statements: Statements,
}

impl Cql {
    /// Connects, makes sure that the schema is one that this build can use, and prepares the statements.
    ///
    /// It is tried once: where [`OpenError::class`] is transient, the caller tries again.
    pub async fn connect(config: Config, clock: Clock) -> Result<Self, OpenError> {
        let session = open::session(&config).await?;
        migrate::schema::check(&session, &config.keyspace).await?;
        let statements = Statements::prepare(&session, &config.keyspace)
            .await
            .map_err(|error| unavailable("statements", &error))?;
        Ok(Self(Arc::new(Handle {
            requests: Requests::new(session, config.max_in_flight),
            config,
            clock,
            statements,
        })))
    }

    /// Whether a quorum answers a small question, within a second.
    pub async fn ping(&self) -> Result<(), Error> {
        let source = Source {
            lane: Lane::Standard,
            generation: FIRST_GENERATION,
            partition: 0,
        };
        let limit = PING_TIMEOUT.min(self.0.config.request_timeout);
        match timeout(limit, self.0.position(STORING_SERVICE, source)).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(Error::Unavailable {
                reason: format!("no answer within {} ms", limit.as_millis()),
            }),
        }
    }

    /// A call of the port: measured.
    async fn call<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let started = Instant::now();
        let result = work.await;
        metrics::histogram!(definitions::CALL_SECONDS, "call" => name).record(started.elapsed());
        result.inspect_err(|error| count_failure(name, error))
    }
}

impl fmt::Debug for Cql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cql")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Events for Cql {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), Error> {
        self.call("put", self.0.put(rows, now)).await
    }

    async fn fetch_in(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        classes: &[retention::Class],
        now: Millis,
    ) -> Result<Vec<Enriched>, Error> {
        self.call("fetch", self.0.fetch(tenant, ids, classes, now)).await
    }

    async fn ids(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Scan, Error> {
        self.call("ids", self.0.ids(tenant, range, order, limit)).await
    }

    async fn delete(&self, tenant: &TenantId, id: EventId, keep_until: Millis) -> Result<(), Error> {
        self.call("delete", self.0.delete(tenant, id, keep_until)).await
    }
}

#[async_trait]
impl Progress for Cql {
    async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, Error> {
        self.call("position", self.0.position(service, source)).await
    }

    async fn advance(&self, service: &str, source: Source, position: Position) -> Result<(), Error> {
        self.call("advance", self.0.advance(service, source, &position))
            .await
    }
}
