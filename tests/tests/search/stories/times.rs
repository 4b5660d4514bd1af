//! Silence, absence, and clocks that step back.

use super::{ALL, DAY_MS, ONE, OTHER, SEALED, SOURCE, Settings, Spec, Story, minutes};

#[tokio::test]
async fn the_only_event_of_a_tenant_is_found_across_restarts() {
    let mut story = Story::new();
    story.append(1, 1);
    story.world.assign(ONE, Settings::LAZY).await;
    story.world.work(ONE, ALL, None).await;
    story.exact().await;
    for _ in 0..3 {
        story.world.pass(minutes(2)).await;
        story.append(0, 2);
        story.world.assign(ONE, Settings::LAZY).await;
        story.world.work(ONE, 1, None).await;
        story.exact().await;
        story.world.assign(OTHER, SEALED).await;
        story.world.work(OTHER, 1, None).await;
        story.exact().await;
    }
    story.end().await;
}

#[tokio::test]
async fn what_lies_unsealed_for_longer_than_it_is_kept_is_said_to_be_missing_until_its_worker_is_back() {
    let mut story = Story::begun().await;
    // Behind the last segment of the other tenant.
    story.world.pass(minutes(2)).await;
    story.append(0, 1);
    story.world.settle(SEALED).await;
    story.append(0, 3);
    story.world.assign(ONE, Settings::LAZY).await;
    story.world.work(ONE, ALL, None).await;
    story.append(0, 2);
    story.exact().await;
    // It is gone for so long that nothing of it is left.
    story.world.pass(3 * DAY_MS).await;
    let [of_tenant, of_other] = story.exact().await.try_into().unwrap();
    assert!(of_tenant.is_behind && of_tenant.events.len() < 6, "{of_tenant:?}");
    assert!(!of_other.is_behind);

    story.world.assign(ONE, Settings::LAZY).await;
    story.world.work(ONE, ALL, None).await;
    // Readers know it a moment later.
    story.world.pass(minutes(1)).await;
    for found in story.exact().await {
        assert!(!found.is_behind);
    }
    story.end().await;
}

#[tokio::test]
async fn a_source_that_was_quiet_for_days_is_not_behind_when_it_is_heard_of_again() {
    let mut story = Story::begun().await;
    story.world.assign(ONE, Settings::LAZY).await;
    story.world.work(ONE, ALL, None).await;
    story.world.pass(3 * DAY_MS).await;
    story.append(0, 1);
    story.world.work(ONE, ALL, None).await;
    for found in story.exact().await {
        assert!(!found.is_behind, "all that is stored is found: {found:?}");
    }
    story.end().await;
}

#[tokio::test]
async fn append_times_that_step_back_hide_nothing() {
    for settings in [Settings::LAZY, SEALED] {
        let mut story = Story::new();
        story.world.assign(ONE, settings).await;
        for behind in [0, minutes(3), minutes(1), 0, minutes(5)] {
            story
                .world
                .append(SOURCE, &[Spec::ago(0, 0), Spec::ago(1, 0)], behind);
            story.world.work(ONE, 1, None).await;
            story.exact().await;
            story.world.work(ONE, ALL, None).await;
            story.exact().await;
            // Another one knows no more than what is stored.
            story.world.append(SOURCE, &[Spec::ago(0, 0)], behind);
            story.world.assign(OTHER, settings).await;
            story.world.work(OTHER, ALL, None).await;
            story.exact().await;
            story.world.pass(minutes(1)).await;
            story.exact().await;
        }
        story.end().await;
    }
}
