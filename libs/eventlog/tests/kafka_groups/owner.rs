//! What the owner of a consumer may do: nothing for long, or things at once.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::kafka::{LONG_SESSION, SHORT_SESSION, World, partition};

/// The thread keeps the membership while its owner does something else, with a bound on what it keeps for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_does_not_ask_for_longer_than_the_session_keeps_its_partitions() {
    let world = World::shared(2, SHORT_SESSION).await;
    let mut reader = world.join_alone().await;
    // Several times what is fetched ahead.
    world.put(0, 0..60_000).await;
    world.put(1, 0..1_000).await;
    sleep(SHORT_SESSION + SHORT_SESSION / 2).await;
    reader.read_to(0, 60_000).await;
    if reader.next[&partition(1)] < 1_000 {
        reader.read_to(1, 1_000).await;
    }
    reader.commit(&partition(0)).await.unwrap();
}

/// Nobody waits for the session to time out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_member_leaves_at_once() {
    let world = World::shared(4, LONG_SESSION).await;
    let mut first = world.join_alone().await;
    let mut second = world.join().await;
    let revoked = first.revoked().await;
    first.give_back(&revoked).await;
    second.hold(2).await;
    let dropped = Instant::now();
    drop(first);
    assert!(
        dropped.elapsed() < Duration::from_millis(100),
        "dropping does not block"
    );
    second.hold(4).await;
    assert!(dropped.elapsed() < LONG_SESSION / 3, "{:?}", dropped.elapsed());
}

/// The same when it holds back what was revoked: it does not have to be asked twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_dropped_while_it_drains_leaves_at_once() {
    let world = World::shared(2, LONG_SESSION).await;
    let mut first = world.join_alone().await;
    let mut second = world.join().await;
    first.revoked().await;
    let dropped = Instant::now();
    drop(first);
    second.hold(2).await;
    assert!(dropped.elapsed() < LONG_SESSION / 3, "{:?}", dropped.elapsed());
}

/// A member that never releases loses the partition when its time is over, and hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_not_released_is_lost_after_the_budget() {
    let mut world = World::shared(2, LONG_SESSION).await;
    world.config.revocation_budget = Duration::from_secs(2);
    world.log = eventlog::kafka::Kafka::connect(world.config.clone()).unwrap();
    let mut first = world.join_alone().await;
    let mut second = world.join().await;
    let revoked = first.revoked().await;
    let since = Instant::now();
    let early = timeout(Duration::from_secs(1), second.told()).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(first.lost().await, revoked);
    assert!(since.elapsed() < Duration::from_secs(5));
    second.hold(1).await;
    assert!(second.next.contains_key(&revoked[0]));
}

/// Records come when they are appended and pauses end when they are ended, not a second later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_do_not_wait_for_a_timer() {
    const ROUNDS: u64 = 20;
    let world = World::shared(2, LONG_SESSION).await;
    let mut reader = world.join_alone().await;
    let mut waits = Vec::new();
    for round in 0..ROUNDS {
        let appended = world.put(0, round..round + 1).await;
        let since = Instant::now();
        reader.read_to(0, appended[0].offset + 1).await;
        waits.push(since.elapsed());
    }
    waits.sort();
    let usual = waits[waits.len() / 2];
    assert!(usual < Duration::from_millis(100), "{waits:?}");

    let mut waits = Vec::new();
    for _ in 0..ROUNDS {
        reader.consumer.seek(&partition(0), 0).unwrap();
        reader.next.insert(partition(0), 0);
        let since = Instant::now();
        reader.read_to(0, ROUNDS).await;
        waits.push(since.elapsed());
    }
    waits.sort();
    let usual = waits[waits.len() / 2];
    assert!(usual < Duration::from_millis(250), "{waits:?}");
}
