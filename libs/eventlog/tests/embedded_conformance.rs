//! The contract of the port, run by the embedded log.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use eventlog::conformance::{Fixture, PARTITIONS};
use eventlog::embedded::{Config, Embedded, Retention, TopicConfig};
use eventlog::{Log, log_conformance};
use tempfile::TempDir;

fn config() -> Config {
    let ticks = AtomicI64::new(1_700_000_000_000);
    let topic = |name: &str, partitions, retention| TopicConfig {
        name: name.to_owned(),
        partitions,
        retention,
    };
    let events = topic("events", PARTITIONS, Retention::Age(Duration::from_hours(1)));
    let compacted = topic("compacted", 1, Retention::Compact);
    Config {
        max_record_bytes: 64 << 10,
        max_in_flight_bytes: 1 << 20,
        delivery_bytes: 8 << 10,
        ..Config::new(
            vec![events, compacted],
            Arc::new(move || ticks.fetch_add(1, Ordering::Relaxed)),
        )
    }
}

fn fixture() -> Fixture {
    let dir = Arc::new(TempDir::new().unwrap());
    let log: Arc<dyn Log> = Arc::new(Embedded::open(dir.path(), config()).unwrap());
    Fixture {
        log,
        topic: "events".to_owned(),
        compacted: "compacted".to_owned(),
        group: "group".to_owned(),
        max_record_bytes: 64 << 10,
        max_in_flight_bytes: 1 << 20,
        another: Box::new(Arc::clone),
        // The closure keeps the directory.
        reopen: Box::new(move |log| {
            drop(log);
            let dir = dir.clone();
            Box::pin(async move { Arc::new(Embedded::open(dir.path(), config()).unwrap()) as Arc<dyn Log> })
        }),
    }
}

log_conformance!(async { fixture() });
