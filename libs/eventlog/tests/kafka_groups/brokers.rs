//! Brokers that go away and come back.

use std::time::Duration;

use eventlog::{Class, Error, Log as _};
use tokio::time::{Instant, timeout};

use crate::kafka::{LONG_SESSION, SHORT_SESSION, World, partition};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn membership_and_reading_go_on_after_a_restart_of_the_broker() {
    let mut broker = engines::Kafka::start();
    let world = World::on(broker.address(), 2, LONG_SESSION).await;
    world.put(0, 0..3_000).await;
    world.put(1, 0..3_000).await;
    let mut reader = world.join_alone().await;
    reader.read_to(0, 1_000).await;
    broker.kill();

    // A commit does not wait for ever, and fails as one that may work later.
    let started = Instant::now();
    let error = reader
        .commit(&partition(0))
        .await
        .expect_err("no broker takes it");
    assert_eq!(error.class(), Class::Transient, "{error}");
    assert!(started.elapsed() < 3 * world.config.request_timeout);
    broker.restart();

    for number in [0, 1] {
        world.put(number, 3_000..4_000).await;
        let end = world.log.bounds(&partition(number)).await.unwrap().end;
        assert!(end >= 4_000);
        // Nothing but records: the partitions were never lost.
        reader.read_to(number, end).await;
        while let Err(error) = reader.commit(&partition(number)).await {
            assert_eq!(error.class(), Class::Transient, "{error}");
        }
    }
    assert!(
        reader.troubles <= 2,
        "an outage is told once, not {} times",
        reader.troubles
    );
    let read = reader.next.clone();
    drop(reader);
    assert_eq!(world.join_alone().await.next, read);
}

/// Nobody knows what happened to the group meanwhile, so the member starts again from its commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_silent_for_longer_than_the_session_costs_the_partitions() {
    let broker = engines::Kafka::start();
    let world = World::on(broker.address(), 2, SHORT_SESSION).await;
    world.put(0, 0..10).await;
    let mut reader = world.join_alone().await;
    reader.read_to(0, 10).await;
    reader.commit(&partition(0)).await.unwrap();
    broker.pause();
    assert_eq!(reader.lost().await.len(), 2);
    let error = reader.consumer.commit(&partition(0), 10).await;
    assert!(matches!(error, Err(Error::NotAssigned { .. })), "{error:?}");
    broker.resume();
    reader.hold(2).await;
    assert_eq!(reader.next[&partition(0)], 10);
    world.put(0, 10..20).await;
    let end = world.log.bounds(&partition(0)).await.unwrap().end;
    reader.read_to(0, end).await;
    let quiet = timeout(Duration::from_millis(300), reader.told()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}
