//! A store that is away, or does not answer, has not said that it holds nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::cursor::Order;
use domain::source::{Lane, Source};
use engines::Cassandra;
use store::conformance::fixtures::{KEEP_UNTIL, NOW, all_times, ids_of, rows, tenant};
use store::cql::{Config, Cql, OpenError, Options, Replication, migrate};
use store::{Class, Error, Events, Position, Progress};

const SOURCE: Source = Source {
    lane: Lane::Standard,
    generation: 1,
    partition: 0,
};

const POSITION: Position = Position {
    next_offset: 8,
    origin: 7,
    appended_at_ms: 0,
    checksum: 0,
};

fn config(engine: &Cassandra) -> Config {
    let mut config = Config::new(vec![engine.address()], "faults");
    config.request_timeout = Duration::from_millis(700);
    config.connect_timeout = Duration::from_secs(2);
    config
}

async fn connect(config: Config) -> Result<Cql, OpenError> {
    Cql::connect(config, Arc::new(|| NOW)).await
}

/// Every call of the port, and what it said that is no failure.
async fn calls(store: &Cql) -> Vec<(&'static str, Result<String, Error>)> {
    let demo = tenant("demo");
    let rows = rows(&demo, 3);
    let said = |answer: &dyn std::fmt::Debug| format!("{answer:?}");
    vec![
        ("put", store.put(&rows, NOW).await.map(|done| said(&done))),
        (
            "fetch",
            store
                .fetch(&demo, &ids_of(&rows), NOW)
                .await
                .map(|found| said(&found)),
        ),
        (
            "ids",
            store
                .ids(&demo, all_times(), Order::NewestFirst, 10)
                .await
                .map(|scan| said(&scan)),
        ),
        (
            "delete",
            store
                .delete(&demo, rows[0].event.id, KEEP_UNTIL)
                .await
                .map(|done| said(&done)),
        ),
        (
            "position",
            store
                .position("retention", SOURCE)
                .await
                .map(|position| said(&position)),
        ),
        (
            "advance",
            store
                .advance("retention", SOURCE, POSITION)
                .await
                .map(|done| said(&done)),
        ),
        ("ping", store.ping().await.map(|done| said(&done))),
    ]
}

async fn assert_unavailable(store: &Cql) {
    for (call, outcome) in calls(store).await {
        match outcome {
            Err(error @ Error::Unavailable { .. }) => assert_eq!(error.class(), Class::Transient),
            other => panic!("{call} of a store that is away gave {other:?}"),
        }
    }
}

async fn assert_comes_back(store: &Cql) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while let Err(error) = store.ping().await {
        assert!(Instant::now() < deadline, "it does not come back: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (call, outcome) in calls(store).await {
        assert!(outcome.is_ok(), "{call}: {outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_paused_or_stopped_is_unavailable_and_comes_back() {
    let mut engine = Cassandra::start();
    let mut patient = config(&engine);
    patient.request_timeout = Duration::from_secs(10);
    migrate(&patient, &Options::new(Replication::Simple(1)))
        .await
        .unwrap();
    let store = connect(config(&engine)).await.unwrap();
    assert_comes_back(&store).await;

    engine.pause();
    assert_unavailable(&store).await;
    engine.resume();
    assert_comes_back(&store).await;

    engine.kill();
    assert_unavailable(&store).await;
    let refused = connect(config(&engine)).await.unwrap_err();
    assert!(matches!(refused, OpenError::Unreachable { .. }), "{refused}");
    assert_eq!(refused.class(), Class::Transient);
    assert!(refused.to_string().contains(&engine.address()), "{refused}");

    engine.restart();
    assert_comes_back(&store).await;
    // What was answered before the kill is there: one of the rows was deleted.
    let demo = tenant("demo");
    let rows = rows(&demo, 3);
    assert_eq!(store.fetch(&demo, &ids_of(&rows), NOW).await.unwrap(), rows[1..]);
    let position = store.position("retention", SOURCE).await.unwrap();
    assert_eq!(position, Some(POSITION));
}
