//! Makes the keyspace and brings its schema to the version of this build, under a lock, one numbered file after
//! the other.
//!
//! Every statement can be repeated, and a file is recorded after its last one: what was cut off half way is
//! completed by the next run. Files that were applied never change; their checksums are compared first. Nothing
//! is ever taken back.

mod lock;
pub(super) mod schema;

use std::time::Duration;

use scylla::client::session::Session;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::statement::unprepared::Statement;
use tokio::time::{Instant, sleep};

use self::lock::Lock;
use self::schema::{MIGRATIONS, Migration, Recorded};
use super::config::Config;
use super::open::{self, OpenError};
use super::requests::unavailable;
use crate::port::Error;

/// How long one change of the schema may take, without the time until all nodes know it.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long what another one has just made may be listed and not be there.
const LISTED_ONLY: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a migration has to know beside the settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// Copies of each row, for a keyspace that does not exist yet. One that does keeps what it has.
    pub replication: Replication,
    /// Which engine it is; none finds out.
    pub engine: Option<Engine>,
    /// How long another migration is waited for (2 min).
    pub lock_wait: Duration,
}

impl Options {
    /// The defaults with this replication.
    pub fn new(replication: Replication) -> Self {
        Self {
            replication,
            engine: None,
            lock_wait: Duration::from_mins(2),
        }
    }
}

/// How many copies of each row there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replication {
    /// So many, anywhere. For one datacenter, and for tests.
    Simple(u16),
    /// So many in this datacenter.
    Network {
        /// Its name.
        datacenter: String,
        /// Copies.
        factor: u16,
    },
}

/// Which engine speaks CQL there. They differ in options of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// ScyllaDB.
    Scylla,
    /// Apache Cassandra.
    Cassandra,
}

/// What a migration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Numbers and names of what was applied, in order. Empty where nothing was left to do.
    pub applied: Vec<(u32, &'static str)>,
    /// The version that the schema has now.
    pub version: u32,
    /// The engine.
    pub engine: Engine,
}

/// Why the schema was not brought to this version.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The store can't be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A statement was refused or not answered.
    #[error("migration {name}: {reason}")]
    Statement {
        /// Of which file.
        name: &'static str,
        /// What the store said.
        reason: String,
    },
    /// Another migration goes on and on.
    #[error("another migration has held the lock for {} s", waited.as_secs())]
    Locked {
        /// How long it was waited for.
        waited: Duration,
    },
    /// This one was so slow that its lock expired. Run it again.
    #[error("the lock expired while migration {name} was being applied: run it again")]
    LockLost {
        /// Which file.
        name: &'static str,
    },
}

impl From<Error> for MigrateError {
    fn from(error: Error) -> Self {
        Self::Open(error.into())
    }
}

/// Brings the schema to the version of this build. A second one at the same time waits for the first.
pub async fn migrate(config: &Config, options: &Options) -> Result<Report, MigrateError> {
    let session = open::session(config).await?;
    let engine = options.engine.unwrap_or_else(|| engine_of(&session));
    let target = Target {
        session: &session,
        keyspace: &config.keyspace,
        engine,
    };
    target.prepare(&options.replication).await?;
    if let Some(report) = target.nothing_to_do().await? {
        return Ok(report);
    }
    let lock = Lock::acquire(&session, &config.keyspace, options.lock_wait).await?;
    let result = target.apply_all(&lock).await;
    // What is not released expires.
    if let Err(error) = lock.release().await {
        tracing::warn!(%error, "lock of the migration is left to expire");
    }
    result
}

/// The driver learns of shards from ScyllaDB alone.
fn engine_of(session: &Session) -> Engine {
    let state = session.get_cluster_state();
    let is_scylla = state.get_nodes_info().iter().any(|node| node.sharder().is_some());
    if is_scylla {
        Engine::Scylla
    } else {
        Engine::Cassandra
    }
}

/// Where a migration goes.
struct Target<'a> {
    session: &'a Session,
    keyspace: &'a str,
    engine: Engine,
}

impl Target<'_> {
    /// Makes what a migration itself needs, unless it is there: two that make the same table at once, on two
    /// nodes, may end up with two tables of one name.
    async fn prepare(&self, replication: &Replication) -> Result<(), MigrateError> {
        const NAME: &str = "of the keyspace";
        if !schema::keyspace_exists(self.session, self.keyspace).await? {
            let has_tablets = schema::has_tablets(self.session).await?;
            let keyspace = schema::keyspace_statement(self.keyspace, replication, has_tablets);
            self.change(NAME, keyspace).await?;
        }
        for (table, statement) in schema::own_tables(self.keyspace) {
            if !schema::table_exists(self.session, self.keyspace, table).await? {
                self.change(NAME, schema::for_engine(statement, self.engine))
                    .await?;
            }
            let probe = format!("SELECT * FROM {}.{table} LIMIT 1", self.keyspace);
            self.change(NAME, probe).await?;
        }
        Ok(())
    }

    async fn nothing_to_do(&self) -> Result<Option<Report>, MigrateError> {
        let recorded = schema::recorded(self.session, self.keyspace).await?;
        let missing = schema::missing(self.keyspace, &recorded)?;
        Ok(missing.is_empty().then(|| self.report(Vec::new(), &recorded)))
    }

    async fn apply_all(&self, lock: &Lock<'_>) -> Result<Report, MigrateError> {
        // Read again: the one that held the lock before may have done it all.
        let recorded = schema::recorded(self.session, self.keyspace).await?;
        let mut applied = Vec::new();
        for migration in schema::missing(self.keyspace, &recorded)? {
            self.apply(migration, lock).await?;
            applied.push((migration.number, migration.name));
        }
        Ok(self.report(applied, &recorded))
    }

    async fn apply(&self, migration: &'static Migration, lock: &Lock<'_>) -> Result<(), MigrateError> {
        let name = migration.name;
        for statement in migration.statements(self.keyspace) {
            lock.renew(name).await?;
            self.change(name, schema::for_engine(statement, self.engine))
                .await?;
        }
        lock.renew(name).await?;
        schema::record(self.session, self.keyspace, migration).await?;
        tracing::info!(number = migration.number, name, "migration is applied");
        Ok(())
    }

    /// Runs one statement and waits until all nodes know of it, which the driver does.
    async fn change(&self, name: &'static str, text: String) -> Result<(), MigrateError> {
        let mut statement = Statement::new(text);
        statement.set_is_idempotent(true);
        statement.set_request_timeout(Some(STATEMENT_TIMEOUT));
        let begun = Instant::now();
        loop {
            match self.session.query_unpaged(statement.clone(), ()).await {
                Ok(_) => return Ok(()),
                Err(error) if is_not_there_yet(&error) && begun.elapsed() < LISTED_ONLY => {
                    sleep(LOOK_EVERY).await;
                }
                Err(error) => {
                    let reason = error.to_string();
                    return Err(MigrateError::Statement { name, reason });
                }
            }
        }
    }

    fn report(&self, applied: Vec<(u32, &'static str)>, recorded: &[Recorded]) -> Report {
        let own = MIGRATIONS.iter().map(|migration| migration.number);
        let version = own.chain(recorded.iter().map(|row| row.number)).max();
        Report {
            applied,
            version: version.unwrap_or_default(),
            engine: self.engine,
        }
    }
}

/// What a node says of a keyspace or table that it has not heard of, or is just about to have.
fn is_not_there_yet(error: &ExecutionError) -> bool {
    matches!(
        error,
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(
            DbError::Invalid | DbError::ServerError,
            _
        ))
    )
}

pub(super) fn failed(what: &str, error: &ExecutionError) -> Error {
    unavailable(what, error)
}
