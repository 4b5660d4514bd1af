//! On the embedded store.

use std::sync::Arc;

use e2e::schedule::runner;
use store::embedded::{Config, Embedded};

use crate::case::cases;
use crate::ground::on;
use crate::spec::{BASE, DAY_MS};

const CASES: u64 = 1_500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_those_of_a_plain_count_on_the_embedded_store() {
    let dir = tempfile::tempdir().unwrap();
    // Nothing expires but by the clock of a case.
    let config = Config::new(Arc::new(|| BASE.minus_ms(100 * DAY_MS)));
    let store = Arc::new(Embedded::open(dir.path(), config).unwrap());
    runner::run(on(store), CASES, cases(40, true)).await;
}
