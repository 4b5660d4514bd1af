//! The lock of migrations: a row that is written only where there is none, and that expires by itself.
//!
//! It names its owner by a value that no other has. Whoever loses it by being slow notices before the next
//! statement; what was begun may still be finished, which is harmless, for every statement can be repeated.

use std::time::Duration;

use scylla::client::session::Session;
use scylla::serialize::row::SerializeRow;
use scylla::statement::unprepared::Statement;
use scylla::value::{CqlTimeuuid, Row};
use tokio::time::{Instant, sleep};

use super::{MigrateError, failed};
use crate::port::Error;

/// Longer than one statement may take, with the agreement on it.
const TTL_SECONDS: i32 = 60;
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A lock that is held.
pub(super) struct Lock<'a> {
    session: &'a Session,
    keyspace: &'a str,
    owner: CqlTimeuuid,
}

impl<'a> Lock<'a> {
    /// Waits for it, but not for ever.
    pub(super) async fn acquire(
        session: &'a Session,
        keyspace: &'a str,
        max_wait: Duration,
    ) -> Result<Self, MigrateError> {
        let owner = new_owner(session).await?;
        let lock = Self {
            session,
            keyspace,
            owner,
        };
        let begun = Instant::now();
        let mut told = false;
        while !lock.insert().await? {
            if begun.elapsed() >= max_wait {
                let waited = begun.elapsed();
                return Err(MigrateError::Locked { waited });
            }
            if !told {
                tracing::info!("another migration holds the lock: waiting for it");
                told = true;
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(lock)
    }

    async fn insert(&self) -> Result<bool, Error> {
        let text = format!(
            "INSERT INTO {}.migration_lock (name, owner) VALUES ('schema', ?) IF NOT EXISTS USING TTL {TTL_SECONDS}",
            self.keyspace
        );
        self.applied(text).await
    }

    async fn renewed(&self) -> Result<bool, Error> {
        let text = format!(
            "UPDATE {}.migration_lock USING TTL {TTL_SECONDS} SET owner = ? WHERE name = 'schema' IF owner = ?",
            self.keyspace
        );
        self.applied_twice(text).await
    }

    /// Makes sure that it is still held, and for long enough for the next statement.
    pub(super) async fn renew(&self, name: &'static str) -> Result<(), MigrateError> {
        if self.renewed().await? {
            Ok(())
        } else {
            Err(MigrateError::LockLost { name })
        }
    }

    /// Lets the next one have it.
    pub(super) async fn release(self) -> Result<(), Error> {
        let text = format!(
            "DELETE FROM {}.migration_lock WHERE name = 'schema' IF owner = ?",
            self.keyspace
        );
        self.applied(text).await.map(drop)
    }

    async fn applied(&self, text: String) -> Result<bool, Error> {
        conditional(self.session, text, (self.owner,)).await
    }

    async fn applied_twice(&self, text: String) -> Result<bool, Error> {
        conditional(self.session, text, (self.owner, self.owner)).await
    }
}

/// Runs a statement with a condition; whether that was true.
async fn conditional(session: &Session, text: String, values: impl SerializeRow) -> Result<bool, Error> {
    let answer = session.query_unpaged(Statement::new(text), values).await;
    let rows = answer
        .map_err(|error| failed("lock", &error))?
        .into_rows_result()
        .map_err(|error| strange(&error))?;
    // The columns behind the first are those of the row that was in the way.
    let row: Row = rows.first_row().map_err(|error| strange(&error))?;
    let applied = row
        .columns
        .first()
        .cloned()
        .flatten()
        .and_then(|value| value.as_boolean());
    applied.ok_or_else(|| strange(&"no answer to a condition"))
}

/// A value that no other process has: the cluster makes it.
async fn new_owner(session: &Session) -> Result<CqlTimeuuid, Error> {
    let answer = session.query_unpaged("SELECT now() FROM system.local", ()).await;
    let rows = answer
        .map_err(|error| failed("lock", &error))?
        .into_rows_result()
        .map_err(|error| strange(&error))?;
    let (owner,) = rows.first_row().map_err(|error| strange(&error))?;
    Ok(owner)
}

fn strange(error: &dyn std::fmt::Display) -> Error {
    Error::Corrupt {
        what: format!("answer about the lock ({error})"),
    }
}
