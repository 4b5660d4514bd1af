//! Events that are sent again: counted once while they are remembered, stored once for ever.

use bytes::Bytes;
use domain::topic;
use store::Position;

use crate::actor::Flow;
use crate::event::{id, named};
use crate::topics::enriched;
use crate::world::World;

/// What the fates are, in the order of the log.
async fn fates(world: &World) -> Vec<String> {
    let fates = world.topics.records(&enriched(0), 0).await;
    let text = |marker: &Bytes| String::from_utf8(marker.to_vec()).unwrap();
    fates
        .iter()
        .map(|fate| fate.header(topic::HEADER_FATE).map_or("event".into(), text))
        .collect()
}

#[tokio::test]
async fn an_event_is_remembered_since_it_was_last_seen_also_when_it_was_dropped_then() {
    let mut world = World::new();
    // A window of 8 s; each is decided by another process.
    for later_ms in [0, 6_700, 2_600] {
        world.clock.advance(later_ms);
        world.accept([1]).await;
        world.settle().await.unwrap();
    }
    assert_eq!(fates(&world).await, ["event", "duplicate", "duplicate"]);
    world.assert_whole().await;
}

#[tokio::test]
async fn an_event_that_is_resent_after_the_window_is_enriched_again_and_stored_once() {
    let mut world = World::new();
    for _ in 0..2 {
        world.accept([1]).await;
        world.settle().await.unwrap();
        world.clock.advance(10_000);
    }
    assert_eq!(fates(&world).await, ["event", "event"]);
    assert_eq!(world.shown().await, [id(1)]);
    world.assert_whole().await;
}

#[tokio::test]
async fn an_event_that_was_repeated_and_deleted_does_not_come_back() {
    let mut world = World::new();
    world.accept([1, 1]).await;
    world.settle().await.unwrap();
    world.delete(1).await;
    for _ in 0..2 {
        world.accept([1]).await;
        world.settle().await.unwrap();
        assert!(world.shown().await.is_empty());
        world.clock.advance(10_000);
    }
    world.assert_whole().await;
}

#[tokio::test]
async fn a_position_passes_a_repeated_event_as_any_other() {
    let mut world = World::new();
    world.accept([1, 2, 1]).await;
    world.append([named(3, 2, 0)]).await;
    world.settle().await.unwrap();
    // What was promised with the offset of a repeated event is there: it waits for this origin.
    let position = world.position().await;
    assert!(
        matches!(
            position,
            Some(Position {
                origin: 3,
                next_offset: 4,
                ..
            })
        ),
        "{position:?}"
    );
    assert_eq!(world.shown().await, [id(1), id(2)]);
    world.assert_whole().await;
}

#[tokio::test]
async fn the_next_owner_knows_what_was_decided_and_never_written() {
    let mut world = World::new();
    world.accept([1, 2, 3, 1, 2, 3]).await;
    let mut process = world.enricher().await.unwrap();
    process.actor.process(6).await.unwrap();
    let mut late = world.enricher().await.unwrap();
    late.actor.process(6).await.unwrap();
    // Two fates are there when the process is gone.
    assert!(matches!(process.actor.flush().await, Flow::Asks));
    process.actor.question().unwrap().fail(&world.topics, 2, 0).await;
    drop(process);
    world.settle().await.unwrap();
    let (event, duplicate) = ("event", "duplicate");
    assert_eq!(
        fates(&world).await,
        [event, event, event, event, event, duplicate, duplicate, duplicate]
    );

    // Another goes on with what it has decided before, and one behind all begins with the next.
    world.committed = Some(4);
    world.enrich(&mut late, 0).await.unwrap();
    world.accept([1]).await;
    world.committed = Some(6);
    world.settle().await.unwrap();
    assert_eq!(fates(&world).await.last().unwrap(), duplicate);
    world.assert_whole().await;
}
