//! On a real Cassandra.

use std::sync::Arc;

use e2e::schedule::runner;
use store::cql::{Config, Cql, Options, Replication, migrate};

use crate::case::cases;
use crate::ground::on;
use crate::spec::{BASE, DAY_MS};

const CASES: u64 = 1_000;
/// The schema is made once, for it takes seconds.
const KEYSPACE: &str = "counts_tests";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_those_of_a_plain_count_on_cassandra() {
    let config = Config::new(vec![engines::cql()], KEYSPACE);
    migrate(&config, &Options::new(Replication::Simple(1)))
        .await
        .unwrap();
    let clock = Arc::new(|| BASE.minus_ms(100 * DAY_MS));
    let store = Arc::new(Cql::connect(config, clock).await.unwrap());
    runner::run(on(store), CASES, cases(20, false)).await;
}
