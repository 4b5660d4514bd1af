//! Keyspaces on the Cassandra of this test run.

use std::sync::Arc;

use domain::time::Millis;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::response::query_result::QueryRowsResult;
use store::conformance::fixtures::NOW;
use store::cql::{Config, Cql, Options, Replication, migrate};

/// The one that all tests share that need no schema of their own: to make one takes seconds.
const SHARED: &str = "store_tests";

/// Settings for a keyspace on the Cassandra of this test run.
pub(crate) fn config(keyspace: &str) -> Config {
    Config::new(vec![engines::cql()], keyspace)
}

pub(crate) fn options() -> Options {
    Options::new(Replication::Simple(1))
}

/// A store in the shared keyspace, where it is always [`NOW`].
pub(crate) async fn shared() -> Cql {
    let config = config(SHARED);
    migrate(&config, &options()).await.expect("the schema is there");
    connect(config).await
}

/// A store where it is always [`NOW`].
pub(crate) async fn connect(config: Config) -> Cql {
    Cql::connect(config, Arc::new(|| NOW))
        .await
        .expect("the store opens")
}

/// The driver without the adapter, to look at what is stored.
pub(crate) struct Raw {
    session: Session,
    keyspace: String,
}

impl Raw {
    pub(crate) async fn shared() -> Self {
        Self::of(SHARED).await
    }

    pub(crate) async fn of(keyspace: &str) -> Self {
        let builder = SessionBuilder::new().known_node(engines::cql());
        Self {
            session: builder.build().await.expect("the engine answers"),
            keyspace: keyspace.to_owned(),
        }
    }

    /// Runs a statement in which `KS` stands for the keyspace.
    pub(crate) async fn run(&self, statement: &str) {
        let statement = statement.replace("KS.", &format!("{}.", self.keyspace));
        self.session
            .query_unpaged(statement, ())
            .await
            .expect("the statement is right");
    }

    /// Rows of a statement in which `KS` stands for the keyspace.
    pub(crate) async fn rows(&self, statement: &str) -> QueryRowsResult {
        let statement = statement.replace("KS.", &format!("{}.", self.keyspace));
        let answer = self.session.query_unpaged(statement, ()).await;
        let answer = answer.expect("the statement is right");
        answer.into_rows_result().expect("it answers rows")
    }

    /// The first column of the only row.
    pub(crate) async fn number(&self, statement: &str) -> Option<i32> {
        let rows = self.rows(statement).await;
        let row = rows.maybe_first_row::<(Option<i32>,)>().expect("a number");
        row.and_then(|(number,)| number)
    }

    /// What time it is for the engine.
    pub(crate) async fn now(&self) -> Millis {
        let rows = self.rows("SELECT toUnixTimestamp(now()) FROM system.local").await;
        let (ms,) = rows.single_row::<(i64,)>().expect("a time");
        Millis::from_ms(ms)
    }
}
