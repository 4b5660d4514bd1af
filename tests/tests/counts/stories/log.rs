//! What the log may do: append times that repeat and step back, origins that come again, topics that are made anew.

use domain::rollup::Grain;

use super::{ONE, OTHER, SOURCE, Settings, Spec, Story};
use crate::spec::MINUTE_MS;
use crate::steps::{Place, Repeat};

#[tokio::test]
async fn a_row_goes_on_behind_a_leader_whose_clock_is_behind() {
    for settings in [Settings::EAGER, Settings::LAZY] {
        let mut story = Story::new();
        story.append(2);
        story.world.assign(ONE, settings).await;
        story.work(ONE, None).await;
        for behind_ms in [1, 3 * MINUTE_MS, 10] {
            story.world.append(SOURCE, &[Spec::request(0, 0, 0)], behind_ms);
            story.work(ONE, None).await;
        }
        assert_eq!(story.counted(Grain::Minute).await, 5);
        story.world.crash(ONE);
        story.world.assign(OTHER, Settings::EAGER).await;
        story.work(OTHER, None).await;
        assert_eq!(story.counted(Grain::Hour).await, 5);
        story.end().await;
    }
}

#[tokio::test]
async fn two_flushes_with_events_of_one_millisecond_are_two() {
    let mut story = Story::new();
    story.world.assign(ONE, Settings::EAGER).await;
    for count in 1..4 {
        story.append(1);
        story.work(ONE, None).await;
        for grain in Grain::ALL {
            assert_eq!(story.counted(grain).await, count);
        }
    }
    story.end().await;
}

#[tokio::test]
async fn an_origin_that_a_second_enricher_appends_again_changes_nothing() {
    for differs in [false, true] {
        let mut story = Story::new();
        let repeat = |back, count| Repeat {
            back,
            count,
            behind_ms: 7,
            differs,
        };
        story.append(4);
        story.world.assign(ONE, Settings::EAGER).await;
        story.world.work(ONE, 2, None).await;
        // It ends behind the last one, so the origins step back.
        story.world.repeat(SOURCE, repeat(4, 2));
        story.work(ONE, None).await;
        assert_eq!(story.said().await, [4, 4]);
        let before = story.world.stored().await;
        // All of them once more, and one worker has seen none of that.
        story.world.repeat(SOURCE, repeat(3, 3));
        story.world.assign(OTHER, Settings::EAGER).await;
        story.work(OTHER, None).await;
        story.work(ONE, None).await;
        assert_eq!(story.world.stored().await, before);
        // It goes on where it has not been before.
        story.append(1);
        story.work(ONE, None).await;
        assert_eq!(story.counted(Grain::Hour).await, 5);
        story.end().await;
    }
}

#[tokio::test]
async fn a_source_of_markers_only_gets_on() {
    let mut story = Story::new();
    for _ in 0..3 {
        story.world.mark(SOURCE);
    }
    story.world.assign(ONE, Settings::EAGER).await;
    story.work(ONE, None).await;
    assert_eq!(story.said().await, [3, 3]);
    story.end().await;
}

#[tokio::test]
async fn topics_that_are_made_anew_add_to_what_was_counted_of_the_old_ones() {
    let mut story = Story::new();
    story.append(3);
    story.world.assign(ONE, Settings::EAGER).await;
    story.work(ONE, None).await;
    story.world.renew();
    // The same offsets, of other events.
    story.append(3);
    story.world.assign(ONE, Settings::EAGER).await;
    story.work(ONE, None).await;
    for grain in Grain::ALL {
        assert_eq!(story.counted(grain).await, 6);
    }
    story.end().await;
}

#[tokio::test]
async fn sources_that_have_the_same_windows_add_up() {
    let mut story = Story::new();
    for source in 0..3 {
        story
            .world
            .append(source, &[Spec::request(0, 0, 0), Spec::request(1, 0, 0)], 0);
        let place = Place { source, slot: 0 };
        story.world.assign(place, Settings::EAGER).await;
        story.work(place, None).await;
    }
    assert_eq!(story.counted(Grain::Hour).await, 6);
    story.end().await;
}
