//! Interleavings that broke earlier drafts.

use domain::topic;
use eventlog::runner::Processor;

use crate::actor::{Actor, Flow};
use crate::desk::Content;
use crate::event::{id, marker, valid};
use crate::topics::{accepted, enriched};
use crate::wire::Wire;
use crate::world::{Engines, Enricher, World};

/// The next append of a process.
macro_rules! append {
    ($process:expr) => {{
        assert!(matches!($process.actor.flush().await, Flow::Asks));
        $process.actor.question().unwrap()
    }};
}

/// Lets it append until it asks with a fate of this origin.
async fn up_to(world: &World, process: &mut Enricher, origin: u64) -> crate::wire::Append {
    loop {
        let append = append!(process);
        if origins(&append.records).contains(&origin) {
            return append;
        }
        append.acknowledge(&world.topics).await;
    }
}

fn origins(records: &[eventlog::NewRecord]) -> Vec<u64> {
    let of = |record: &eventlog::NewRecord| {
        let header = record
            .headers
            .iter()
            .find(|(name, _)| &**name == topic::HEADER_ORIGIN);
        std::str::from_utf8(&header.unwrap().1).unwrap().parse().unwrap()
    };
    records.iter().map(of).collect()
}

#[tokio::test]
async fn behind_a_fate_that_failed_no_later_one_is_appended() {
    let mut world = World::new();
    world.accept(0..10).await;
    let mut process = world.enricher().await.unwrap();
    process.actor.process(10).await.unwrap();
    let failing = up_to(&world, &mut process, 5).await;
    let first = origins(&failing.records)[0];
    failing.fail(&world.topics, 0, 0).await;
    // What may pass is tried again, by another sequence and from the first that is not there.
    assert!(matches!(process.actor.flush().await, Flow::Failed));
    let again = append!(process);
    assert_eq!(origins(&again.records)[0], first);
    assert_eq!(process.wire.opened(), 2);
    assert_eq!(world.topics.records(&enriched(0), 0).await.len() as u64, first);
    // It crashes, with this on its way for ever.
    drop((again, process));
    world.settle().await.unwrap();
    world.assert_whole().await;
}

#[tokio::test]
async fn a_delivery_that_expires_in_the_middle_of_a_batch_leaves_no_gap() {
    for (delivered, heard) in [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)] {
        let mut world = World::new();
        world.accept(0..8).await;
        let mut process = world.enricher().await.unwrap();
        process.actor.process(8).await.unwrap();
        up_to(&world, &mut process, 3)
            .await
            .fail(&world.topics, delivered, heard)
            .await;
        assert!(matches!(process.actor.flush().await, Flow::Failed));
        world.enrich_rest(&mut process).await.unwrap();
        world.settle().await.unwrap();
        world.assert_whole().await;
    }
}

#[tokio::test]
async fn what_a_broken_sequence_delivers_behind_the_next_one_changes_nothing() {
    let mut world = World::new();
    world.accept(0..8).await;
    let mut process = world.enricher().await.unwrap();
    process.actor.process(8).await.unwrap();
    let late = up_to(&world, &mut process, 3).await.delay(2);
    assert!(matches!(process.actor.flush().await, Flow::Failed));
    append!(process).acknowledge(&world.topics).await;
    append!(process).acknowledge(&world.topics).await;
    world.append(late).await;
    world.enrich_rest(&mut process).await.unwrap();
    world.settle().await.unwrap();
    assert!(world.origins().await.len() > 8, "some fates are there twice");
    world.assert_whole().await;
}

#[tokio::test]
async fn a_failure_in_one_partition_makes_the_others_go_on_where_they_were() {
    let engines = Engines::new(2);
    let world = World::on(&engines, 0);
    world.append((0..6).map(|number| valid(number, 0))).await;
    world.append((10..16).map(|number| valid(number, 1))).await;
    let wire = Wire::new(&world.topics);
    let processor: &dyn Processor = &world.enrichment(&wire);
    let assigned =
        |number| Actor::assigned(processor, &world.topics, wire.questions(), accepted(number), None);
    let (mut first, mut second) = (assigned(0).await.unwrap(), assigned(1).await.unwrap());
    first.process(6).await.unwrap();
    second.process(6).await.unwrap();
    assert!(matches!(first.flush().await, Flow::Asks));
    first.question().unwrap().fail(&world.topics, 1, 0).await;
    // Partition 1 has nothing under way, and goes on by the sequence of now.
    for partition in [&mut second, &mut first] {
        loop {
            match partition.flush().await {
                Flow::Asks => partition.question().unwrap().acknowledge(&world.topics).await,
                Flow::Failed => {}
                Flow::Done => break,
                Flow::Stopped(failure) => panic!("{failure}"),
            }
        }
    }
    assert_eq!(wire.opened(), 2, "the sequence is one for all partitions");
    assert_eq!(world.topics.records(&enriched(1), 0).await.len(), 6);
    assert_eq!(world.origins().await, [0, 0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn of_a_marker_and_an_event_of_one_origin_the_first_wins() {
    for marker_is_first in [false, true] {
        let mut world = World::new();
        world.accept(0..8).await;
        let mut process = world.enricher().await.unwrap();
        world.enrich(&mut process, 5).await.unwrap();
        // A process that was taken for dead, of a build that can't read event 5.
        if marker_is_first {
            world.append([marker(5, 0)]).await;
        }
        world.settle().await.unwrap();
        if !marker_is_first {
            world.append([marker(5, 0)]).await;
        }
        world.settle().await.unwrap();
        assert_eq!(world.shown().await.contains(&id(5)), !marker_is_first);
        world.assert_whole().await;
    }
}

#[tokio::test]
async fn a_consumer_restarted_between_a_marker_and_the_event_of_the_same_origin_skips_the_event() {
    let mut world = World::new();
    world.accept(0..3).await;
    let mut process = world.enricher().await.unwrap();
    world.enrich(&mut process, 2).await.unwrap();
    world.append([marker(2, 0)]).await;
    let mut retainer = world.retainer().await.unwrap();
    world.store_rest(&mut retainer).await.unwrap();
    assert_eq!(world.position().await.unwrap().origin, 2);
    drop(retainer);

    world.settle().await.unwrap();
    assert_eq!(world.origins().await, [0, 1, 2, 2]);
    assert_eq!(world.shown().await, [id(0), id(1)]);
    world.assert_whole().await;
}

#[tokio::test]
async fn a_process_that_wakes_up_late_with_old_fates_in_hand_changes_nothing() {
    let mut world = World::new();
    world.accept(0..6).await;
    let mut late = world.enricher().await.unwrap();
    late.actor.process(6).await.unwrap();
    let asleep = append!(late);
    world.settle().await.unwrap();
    world.accept(6..9).await;
    world.settle().await.unwrap();

    asleep.acknowledge(&world.topics).await;
    let committed = world.committed;
    world.enrich_rest(&mut late).await.unwrap();
    // Its commit is refused, or comes late and is an older one.
    for commit in [committed, world.committed] {
        world.committed = commit;
        world.settle().await.unwrap();
        world.assert_whole().await;
    }
}

#[tokio::test]
async fn a_tenant_that_falls_silent_after_one_event_is_stored_across_restarts() {
    let mut world = World::new();
    world.accept([1]).await;
    let mut process = world.enricher().await.unwrap();
    process.actor.process(1).await.unwrap();
    // Delivered, and the process is gone before it hears of it.
    append!(process).fail(&world.topics, 1, 0).await;
    drop(process);
    let mut process = world.enricher().await.unwrap();
    // Delivered again, and gone before the commit.
    process.actor.process(1).await.unwrap();
    append!(process).acknowledge(&world.topics).await;
    drop(process);
    assert_eq!(world.origins().await, [0, 0]);

    let mut retainer = world.retainer().await.unwrap();
    retainer.actor.process(2).await.unwrap();
    // The row is written, and the process is gone before its part of the index is, and the position.
    append!(retainer).acknowledge(&world.store).await;
    drop(append!(retainer));
    drop(retainer);
    assert_eq!(world.position().await, None);
    world.settle().await.unwrap();
    assert_eq!(world.shown().await, [id(1)]);
    world.assert_whole().await;
}

#[tokio::test]
async fn an_event_that_is_deleted_before_it_is_enriched_never_shows() {
    let mut world = World::new();
    world.accept(0..3).await;
    world.delete(1).await;
    for _ in 0..2 {
        world.settle().await.unwrap();
        assert_eq!(world.shown().await, [id(0), id(2)]);
        // Everything once more, rows too.
        world.committed = None;
    }
    world.assert_whole().await;
}

#[tokio::test]
async fn rows_that_are_written_late_revive_nothing() {
    let mut world = World::new();
    world.accept(0..3).await;
    let mut process = world.enricher().await.unwrap();
    world.enrich_rest(&mut process).await.unwrap();
    let mut retainer = world.retainer().await.unwrap();
    retainer.actor.process(3).await.unwrap();
    let late = append!(retainer).delay();
    world.settle().await.unwrap();
    world.delete(1).await;
    late.land(&world.store).await;
    assert_eq!(world.shown().await, [id(0), id(2)]);
    world.assert_whole().await;
}

#[tokio::test]
async fn old_progress_that_is_written_late_takes_nothing_back() {
    let mut world = World::new();
    world.accept(0..3).await;
    let mut process = world.enricher().await.unwrap();
    world.enrich_rest(&mut process).await.unwrap();
    let mut late = world.retainer().await.unwrap();
    late.actor.process(2).await.unwrap();
    let old = loop {
        let write = append!(late);
        match &write.content {
            Content::Position(_, _, position) if position.next_offset == 2 => break write,
            _ => write.acknowledge(&world.store).await,
        }
    };
    world.settle().await.unwrap();
    let position = world.position().await.unwrap();

    old.acknowledge(&world.store).await;
    assert_eq!(world.position().await, Some(position));
    // The process that was taken for dead goes on, too.
    world.store_rest(&mut late).await.unwrap();
    assert_eq!(world.position().await, Some(position));
    world.settle().await.unwrap();
    world.assert_whole().await;
}

#[tokio::test]
async fn the_last_fate_may_be_an_old_one_of_a_process_that_woke_up_late() {
    let mut world = World::new();
    world.accept(0..4).await;
    let mut late = world.enricher().await.unwrap();
    late.actor.process(2).await.unwrap();
    world.settle().await.unwrap();
    world.enrich(&mut late, 0).await.unwrap();
    assert_eq!(world.origins().await.last(), Some(&1));
    world.committed = Some(4);
    world.accept([9]).await;
    world.settle().await.unwrap();
    world.assert_whole().await;
}
