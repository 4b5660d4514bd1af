//! What is seen while a worker writes.

use domain::rollup::Grain;

use super::{Call, ONE, Settings, Story, Trouble, plan};

#[tokio::test]
async fn a_reader_between_the_minutes_and_their_position_sees_at_least_what_is_said() {
    let mut story = Story::new();
    story.append(2);
    story.world.assign(ONE, Settings::LAZY).await;
    story.work(ONE, None).await;
    story.append(3);
    for (call, minutes) in [(Call::Minutes, 2), (Call::MinutesPosition, 5)] {
        story.work(ONE, plan(call, Trouble::Asleep)).await;
        assert_eq!(story.said().await, [0, 2], "before {call:?}");
        assert_eq!(story.counted(Grain::Minute).await, minutes, "before {call:?}");
    }
    story.work(ONE, None).await;
    assert_eq!(story.said().await, [0, 5]);
    story.end().await;
}

#[tokio::test]
async fn a_reader_between_the_hours_and_the_position_sees_at_least_what_is_said() {
    for (call, hours, said) in [
        (Call::Hours, 2, [2, 2]),
        (Call::Position, 5, [2, 2]),
        (Call::MinutesPosition, 5, [5, 2]),
    ] {
        let mut story = Story::new();
        story.append(2);
        story.world.assign(ONE, Settings::EAGER).await;
        story.work(ONE, None).await;
        story.append(3);
        story.work(ONE, plan(call, Trouble::Asleep)).await;
        assert_eq!(story.said().await, said, "before {call:?}");
        assert_eq!(story.counted(Grain::Minute).await, 5, "before {call:?}");
        assert_eq!(story.counted(Grain::Hour).await, hours, "before {call:?}");
        story.work(ONE, None).await;
        story.end().await;
    }
}
