//! A worker that ends between two writes.

use domain::rollup::Grain;

use super::{Call, FAILURES, ONE, OTHER, Settings, Story, Trouble, WRITES, plan};

/// A story in which a worker has written all of two events, and of three more what comes before this call.
async fn crashed_before(call: Call) -> Story {
    let mut story = Story::new();
    story.append(2);
    story.world.assign(ONE, Settings::EAGER).await;
    story.work(ONE, None).await;
    story.append(3);
    story.work(ONE, plan(call, Trouble::Asleep)).await;
    story.world.crash(ONE);
    story
}

#[tokio::test]
async fn events_of_rows_whose_position_was_not_written_are_read_again_and_count_once() {
    let mut story = crashed_before(Call::Position).await;
    assert_eq!(story.said().await, [2, 2]);
    assert_eq!(story.counted(Grain::Hour).await, 5);
    story.world.assign(OTHER, Settings::EAGER).await;
    story.work(OTHER, None).await;
    assert_eq!(story.said().await, [5, 5]);
    for grain in Grain::ALL {
        assert_eq!(story.counted(grain).await, 5);
    }
    story.end().await;
}

#[tokio::test]
async fn hours_that_were_not_written_are_made_up_for_and_minutes_that_were_count_once() {
    let mut story = crashed_before(Call::Hours).await;
    assert_eq!(story.counted(Grain::Minute).await, 5);
    assert_eq!(story.counted(Grain::Hour).await, 2);
    story.world.assign(OTHER, Settings::EAGER).await;
    story.work(OTHER, None).await;
    for grain in Grain::ALL {
        assert_eq!(story.counted(grain).await, 5);
    }
    story.end().await;
}

#[tokio::test]
async fn hours_of_a_worker_that_never_wrote_any_are_made_up_for() {
    let mut story = Story::new();
    story.world.assign(ONE, Settings::LAZY).await;
    for _ in 0..3 {
        story.append(2);
        story.work(ONE, None).await;
    }
    assert_eq!(story.said().await, [0, 6]);
    assert_eq!(story.counted(Grain::Hour).await, 0);
    story.world.crash(ONE);
    story.world.assign(OTHER, Settings::LAZY).await;
    story.work(OTHER, None).await;
    assert_eq!(story.counted(Grain::Minute).await, 6);
    story.world.close(OTHER, None).await;
    assert_eq!(story.said().await, [6, 6]);
    assert_eq!(story.counted(Grain::Hour).await, 6);
    story.end().await;
}

#[tokio::test]
async fn how_far_the_minutes_are_is_said_by_the_successor_of_one_that_could_not() {
    let mut story = crashed_before(Call::MinutesPosition).await;
    assert_eq!(story.said().await, [5, 2]);
    // No event comes any more.
    story.world.assign(OTHER, Settings::EAGER).await;
    story.work(OTHER, None).await;
    assert_eq!(story.said().await, [5, 5]);
    story.end().await;
}

#[tokio::test]
async fn what_fails_is_written_again_by_the_same_worker_or_by_another() {
    for call in WRITES {
        for trouble in FAILURES {
            for next in [ONE, OTHER] {
                let mut story = Story::new();
                story.append(3);
                story.world.assign(ONE, Settings::EAGER).await;
                story.work(ONE, plan(call, trouble)).await;
                story.append(2);
                story.work(next, None).await;
                story.work(next, None).await;
                assert_eq!(story.said().await, [5, 5], "{call:?} {trouble:?}");
                story.world.land_all().await;
                story.world.look().await;
                for grain in Grain::ALL {
                    assert_eq!(story.counted(grain).await, 5, "{call:?} {trouble:?}");
                }
                story.end().await;
            }
        }
    }
}

#[tokio::test]
async fn events_whose_windows_could_not_be_read_are_counted_when_they_can() {
    let mut story = Story::new();
    story.append(3);
    story.world.assign(ONE, Settings::EAGER).await;
    story.work(ONE, plan(Call::ReadRows, Trouble::Lost)).await;
    assert_eq!(story.said().await, [0, 0]);
    story.work(ONE, None).await;
    assert_eq!(story.said().await, [3, 3]);
    assert_eq!(story.counted(Grain::Minute).await, 3);
    story.end().await;
}
