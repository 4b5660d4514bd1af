//! Several workers of one source.

use domain::rollup::Grain;

use super::{ALL, Call, ONE, OTHER, SLEEPS, Settings, Story, WRITES, plan};

#[tokio::test]
async fn a_worker_that_wakes_after_its_successor_has_written_more_takes_nothing_away() {
    for call in WRITES {
        for trouble in SLEEPS {
            let mut story = Story::new();
            story.append(2);
            story.world.assign(ONE, Settings::EAGER).await;
            story.work(ONE, plan(call, trouble)).await;
            assert!(story.world.sleeps(ONE));
            story.append(3);
            story.world.assign(OTHER, Settings::EAGER).await;
            story.work(OTHER, None).await;
            assert_eq!(story.said().await, [5, 5]);

            story.work(ONE, None).await;
            for grain in Grain::ALL {
                assert_eq!(story.counted(grain).await, 5, "{call:?} {trouble:?}");
            }
            assert_eq!(story.said().await, [5, 5]);
            // It does not know of the other and goes on.
            story.append(1);
            story.work(ONE, None).await;
            assert_eq!(story.counted(Grain::Hour).await, 6);
            story.work(OTHER, None).await;
            story.end().await;
        }
    }
}

#[tokio::test]
async fn a_worker_that_falls_asleep_while_it_closes_takes_nothing_away() {
    for call in [Call::Hours, Call::Position] {
        for trouble in SLEEPS {
            let mut story = Story::new();
            story.append(2);
            story.world.assign(ONE, Settings::LAZY).await;
            story.work(ONE, None).await;
            story.world.close(ONE, plan(call, trouble)).await;
            assert!(story.world.sleeps(ONE));
            story.append(2);
            story.world.assign(OTHER, Settings::EAGER).await;
            story.work(OTHER, None).await;
            story.work(ONE, None).await;
            assert!(!story.world.sleeps(ONE));
            assert_eq!(story.counted(Grain::Hour).await, 4);
            assert_eq!(story.said().await, [4, 4]);
            story.end().await;
        }
    }
}

#[tokio::test]
async fn flushes_that_end_at_the_same_origin_but_begin_at_different_ones_write_the_same() {
    for (settings, call) in [
        (Settings::EAGER, Call::Minutes),
        (Settings::EAGER, Call::Hours),
        // The successor begins at the first event, not at the third.
        (Settings::LAZY, Call::Minutes),
    ] {
        let mut story = Story::new();
        story.append(4);
        story.world.assign(ONE, settings).await;
        story.world.work(ONE, 2, None).await;
        story.work(ONE, plan(call, super::Trouble::Asleep)).await;
        story.world.assign(OTHER, Settings::EAGER).await;
        for records in [1, ALL] {
            story.world.work(OTHER, records, None).await;
            story.world.look().await;
        }
        let before = story.world.stored().await;
        story.work(ONE, None).await;
        assert_eq!(story.world.stored().await, before);
        story.end().await;
    }
}

#[tokio::test]
async fn two_workers_in_turns_count_each_event_once() {
    let mut story = Story::new();
    story.world.assign(ONE, Settings::EAGER).await;
    story.world.assign(OTHER, Settings::LAZY).await;
    for round in 1..8 {
        story.append(1);
        story.work(if round % 2 == 0 { ONE } else { OTHER }, None).await;
        assert_eq!(story.counted(Grain::Minute).await, round);
    }
    story.end().await;
}
