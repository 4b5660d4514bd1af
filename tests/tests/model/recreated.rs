//! Topics that are deleted and made anew under the same names: refused with an error that says what to do, and never
//! skipped in silence. And what looks like it and is none: records that the log removed by age.

use domain::source::Lane;
use domain::topic;
use eventlog::{Class, Log};
use rstest::rstest;

use crate::event::{id, marker, undecodable};
use crate::topics::{KEEP, accepted, enriched};
use crate::world::World;

const ACCEPTED: &str = topic::accepted(Lane::Standard);
const ENRICHED: &str = topic::enriched(Lane::Standard);

/// Six events that are stored.
async fn stored() -> World {
    let mut world = World::new();
    world.accept(0..6).await;
    world.settle().await.unwrap();
    world
}

/// How it is refused, and that it says what helps.
async fn refusal(world: &mut World) -> String {
    let failure = world.settle().await.expect_err("it is not noticed");
    assert_eq!(failure.class(), Class::Fatal, "{failure}");
    let text = failure.to_string();
    assert!(text.contains("`sluice migrate --new-generation`"), "{text}");
    text
}

/// What the texts tell the operator to do; then everything is stored.
async fn healed(world: &mut World) {
    world.topics.make_anew(ENRICHED);
    world.raise_generation().await;
    world.settle().await.unwrap();
    world.assert_whole().await;
    world.accept(100..103).await;
    world.settle().await.unwrap();
    world.assert_whole().await;
}

#[rstest]
#[case::empty(0, "ends at 0, but")]
#[case::short(3, "ends at 3, but")]
#[case::as_long(6, "comes from record 5")]
#[case::beyond(9, "comes from record 5")]
#[tokio::test]
async fn an_accepted_topic_made_anew_is_refused(
    #[case] count: u16,
    #[case] expected: &str,
    // Kafka removes the commits of a topic that is deleted.
    #[values(None, Some(6))] committed: Option<u64>,
) {
    let mut world = stored().await;
    world.topics.make_anew(ACCEPTED);
    world.accept(50..50 + count).await;
    world.committed = committed;
    let text = refusal(&mut world).await;
    assert!(text.contains(expected), "{text}");
    healed(&mut world).await;
}

#[tokio::test]
async fn an_enriched_topic_made_anew_is_refused() {
    let mut world = stored().await;
    world.topics.make_anew(ENRICHED);
    let text = refusal(&mut world).await;
    assert!(
        text.contains("has the fates of origins below 0, but enrichment goes on at 6"),
        "{text}"
    );
    healed(&mut world).await;
}

#[rstest]
#[case::short(3, "ends at 3, but")]
#[case::as_long(6, "is not the one that retention has read")]
#[case::beyond(9, "is not the one that retention has read")]
#[tokio::test]
async fn an_enriched_topic_made_anew_under_a_running_process_is_refused(
    #[case] count: u16,
    #[case] expected: &str,
) {
    let mut world = stored().await;
    let mut process = world.enricher().await.unwrap();
    world.topics.make_anew(ENRICHED);
    world.accept(50..50 + count).await;
    world.enrich_rest(&mut process).await.unwrap();
    let text = refusal(&mut world).await;
    assert!(text.contains(expected), "{text}");
    healed(&mut world).await;
}

#[rstest]
#[case::empty(0, "ends at 0, but")]
#[case::short(3, "ends at 3, but")]
#[case::as_long(6, "is not the one that retention has read")]
#[case::beyond(9, "is not the one that retention has read")]
#[tokio::test]
async fn both_topics_made_anew_are_refused(#[case] count: u16, #[case] expected: &str) {
    let mut world = stored().await;
    world.topics.make_anew(ACCEPTED);
    world.topics.make_anew(ENRICHED);
    world.accept(50..50 + count).await;
    world.committed = None;
    let text = refusal(&mut world).await;
    assert!(text.contains(expected), "{text}");
    // Both topics agree: the new generation may begin with what is there.
    world.raise_generation().await;
    world.settle().await.unwrap();
    world.assert_whole().await;
}

#[rstest]
#[case::empty(0, "has the offsets 0 to 0, but enrichment goes on at 6")]
#[case::beyond(9, "has the fates of origins below 0, but enrichment goes on at 6")]
#[tokio::test]
async fn both_topics_made_anew_are_refused_where_the_commit_has_stayed(
    #[case] count: u16,
    #[case] expected: &str,
) {
    let mut world = stored().await;
    world.topics.make_anew(ACCEPTED);
    world.topics.make_anew(ENRICHED);
    world.accept(50..50 + count).await;
    let text = refusal(&mut world).await;
    assert!(text.contains(expected), "{text}");
    healed(&mut world).await;
}

#[tokio::test]
async fn an_accepted_topic_that_came_back_shorter_is_refused_although_its_events_match() {
    let mut world = World::new();
    world.accept(0..2).await;
    let mut late = world.enricher().await.unwrap();
    late.actor.process(2).await.unwrap();
    world.accept(2..4).await;
    world.append([undecodable(0), undecodable(0)]).await;
    world.settle().await.unwrap();
    world.enrich(&mut late, 0).await.unwrap();
    world.committed = None;
    world.topics.make_anew(ACCEPTED);
    world.accept(0..4).await;
    let text = refusal(&mut world).await;
    assert!(text.contains("ends at 4, but"), "{text}");
    healed(&mut world).await;
}

#[tokio::test]
async fn an_accepted_topic_made_anew_is_noticed_behind_markers() {
    let mut world = World::new();
    world.accept(0..4).await;
    world.append([undecodable(0), undecodable(0)]).await;
    world.settle().await.unwrap();
    world.topics.make_anew(ACCEPTED);
    world.accept(50..60).await;
    world.committed = None;
    let text = refusal(&mut world).await;
    assert!(text.contains("comes from record 3"), "{text}");
    healed(&mut world).await;
}

#[tokio::test]
async fn fates_of_topics_that_are_gone_are_not_taken_for_those_of_the_new_ones() {
    let mut world = World::new();
    world.accept(0..9).await;
    let mut late = world.enricher().await.unwrap();
    world.enrich(&mut late, 4).await.unwrap();
    late.actor.process(5).await.unwrap();
    world.settle().await.unwrap();

    world.topics.make_anew(ACCEPTED);
    world.topics.make_anew(ENRICHED);
    world.raise_generation().await;
    world.accept(50..52).await;
    world.settle().await.unwrap();
    // A process of before wakes up, with fates of 4 and more in hand.
    world.enrich(&mut late, 0).await.unwrap();
    let mut retainer = world.retainer().await.unwrap();
    let text = world.store_rest(&mut retainer).await.unwrap_err().to_string();
    assert!(
        text.contains("fate of origin 4, but there is none of 2 before it"),
        "{text}"
    );
    world.committed = Some(2);
    refusal(&mut world).await;
    world.accept(52..60).await;
    refusal(&mut world).await;
    healed(&mut world).await;
    assert!(world.shown().await.contains(&id(51)));
}

#[tokio::test]
async fn records_that_the_log_removed_by_age_are_no_fault() {
    for topics in [&[ACCEPTED][..], &[ENRICHED], &[ACCEPTED, ENRICHED]] {
        let mut world = stored().await;
        world.clock.advance(i64::try_from(KEEP.as_millis()).unwrap() + 1);
        for name in topics {
            world.topics.remove_old(name);
        }
        world.settle().await.unwrap();
        world.accept(6..9).await;
        world.settle().await.unwrap();
        assert_eq!(world.shown().await, (0..9).map(id).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn without_fates_and_without_a_commit_nothing_tells_and_it_is_refused() {
    let mut world = stored().await;
    world.clock.advance(i64::try_from(KEEP.as_millis()).unwrap() + 1);
    world.topics.remove_old(ENRICHED);
    world.committed = None;
    let text = refusal(&mut world).await;
    assert!(text.contains("can't be told"), "{text}");
    healed(&mut world).await;
}

#[tokio::test]
async fn accepted_records_that_were_removed_before_they_had_fates_are_noticed() {
    let mut world = stored().await;
    world.accept(6..9).await;
    world.clock.advance(i64::try_from(KEEP.as_millis()).unwrap() + 1);
    world.topics.remove_old(ACCEPTED);
    for (committed, expected) in [(Some(6), "has the offsets 9 to 9"), (None, "goes on at 9")] {
        world.committed = committed;
        let text = refusal(&mut world).await;
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn the_first_start_begins_with_what_is_there() {
    let mut world = World::new();
    world.accept(0..3).await;
    world.clock.advance(i64::try_from(KEEP.as_millis()).unwrap() + 1);
    world.topics.remove_old(ACCEPTED);
    world.accept(3..6).await;
    assert_eq!(world.topics.bounds(&accepted(0)).await.unwrap().start, 3);
    world.settle().await.unwrap();
    assert_eq!(world.shown().await, (3..6).map(id).collect::<Vec<_>>());
}

#[tokio::test]
async fn fates_that_the_log_removed_before_they_were_stored_are_noticed() {
    let mut world = stored().await;
    world.accept(6..9).await;
    let mut process = world.enricher().await.unwrap();
    world.enrich_rest(&mut process).await.unwrap();
    world.clock.advance(i64::try_from(KEEP.as_millis()).unwrap() + 1);
    world.topics.remove_old(ENRICHED);
    assert_eq!(world.topics.bounds(&enriched(0)).await.unwrap().start, 9);
    let text = refusal(&mut world).await;
    assert!(text.contains("read it only up to 6"), "{text}");
}

#[tokio::test]
async fn a_marker_is_compared_by_its_key() {
    let mut world = World::new();
    world.accept(0..2).await;
    world.append([marker(0, 0), marker(1, 0)]).await;
    world.settle().await.unwrap();
    let foreign = eventlog::NewRecord {
        key: "demo/other".into(),
        ..marker(1, 0)
    };
    world.append([foreign]).await;
    let text = refusal(&mut world).await;
    assert!(text.contains("comes from record 1"), "{text}");
}
