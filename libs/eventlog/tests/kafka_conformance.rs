//! The contract of the port, run by the log on a real Kafka.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::sync::Arc;
use std::time::Duration;

use eventlog::conformance::{Fixture, PARTITIONS};
use eventlog::kafka::{Config, Kafka, Retention, TopicSpec};
use eventlog::{Log, log_conformance};

const MAX_RECORD_BYTES: usize = 64 << 10;
const MAX_IN_FLIGHT_BYTES: usize = 1 << 20;

fn config() -> Config {
    Config {
        prefix: format!("{}.", engines::unique("contract")),
        max_record_bytes: MAX_RECORD_BYTES,
        max_in_flight_bytes: MAX_IN_FLIGHT_BYTES,
        delivery_bytes: 8 << 10,
        ..Config::new(engines::kafka())
    }
}

async fn fixture() -> Fixture {
    let config = config();
    let log = Kafka::connect(config.clone()).unwrap();
    let topic = |name: &str, partitions, retention| TopicSpec {
        name: name.to_owned(),
        partitions,
        retention,
    };
    let events = topic("events", PARTITIONS, Retention::Age(Duration::from_hours(1)));
    let compacted = topic("compacted", 1, Retention::Compact);
    log.create_topics(&[events, compacted], 1, 1).await.unwrap();
    let elsewhere = config.clone();
    Fixture {
        log: Arc::new(log),
        topic: "events".to_owned(),
        compacted: "compacted".to_owned(),
        group: "group".to_owned(),
        max_record_bytes: MAX_RECORD_BYTES,
        max_in_flight_bytes: MAX_IN_FLIGHT_BYTES,
        another: Box::new(move |_| Arc::new(Kafka::connect(elsewhere.clone()).unwrap())),
        reopen: Box::new(move |log| {
            drop(log);
            let config = config.clone();
            Box::pin(async move { Arc::new(Kafka::connect(config).unwrap()) as Arc<dyn Log> })
        }),
    }
}

log_conformance!(fixture());
