//! Several workers of one source.

use super::{ALL, Call, FAILURES, HOUR_MS, ONE, OTHER, SEALED, SOURCE, Settings, Spec, Story, Trouble, plan};

#[tokio::test]
async fn flushes_of_two_owners_that_end_at_the_same_origin_are_both_there() {
    let mut story = Story::begun().await;
    story.append(0, 4);
    // One has flushed all four and not said so, the other begins where the position is.
    story.world.assign(ONE, Settings::LAZY).await;
    story
        .world
        .work(ONE, ALL, plan(Call::Position, 0, Trouble::Asleep))
        .await;
    story.world.assign(OTHER, Settings::LAZY).await;
    for records in [1, 3] {
        story.world.work(OTHER, records, None).await;
        story.exact().await;
    }
    story.world.work(ONE, ALL, None).await;
    story.exact().await;
    story.end().await;
}

#[tokio::test]
async fn a_later_flush_of_less_takes_nothing_from_one_that_ends_at_the_same_origin() {
    let mut story = Story::begun().await;
    story.append(0, 4);
    // The first of two flushes is there, the second sleeps.
    story.world.assign(ONE, Settings::LAZY).await;
    story.world.work(ONE, 2, None).await;
    story
        .world
        .work(ONE, ALL, plan(Call::Fresh, 0, Trouble::Asleep))
        .await;
    story.world.assign(OTHER, Settings::LAZY).await;
    story.world.work(OTHER, ALL, None).await;
    story.exact().await;
    story.world.work(ONE, ALL, None).await;
    story.exact().await;
    story.end().await;
}

#[tokio::test]
async fn a_seal_that_fails_halfway_is_made_again_by_another_owner() {
    for trouble in FAILURES {
        for (call, behind) in [
            (Call::Pages, 0),
            (Call::Pages, 1),
            (Call::Listing, 0),
            (Call::Listing, 1),
            (Call::Listing, 2),
            (Call::Mark, 0),
        ] {
            let mut story = Story::begun().await;
            let hours = [0, HOUR_MS, 2 * HOUR_MS].map(|ago| Spec::ago(0, ago));
            story.world.append(SOURCE, &hours, 0);
            story.world.assign(ONE, SEALED).await;
            assert!(!story.world.work(ONE, ALL, plan(call, behind, trouble)).await);
            story.exact().await;
            story.append(0, 1);
            story.world.assign(OTHER, SEALED).await;
            story.world.work(OTHER, 2, None).await;
            story.exact().await;
            story.world.merge(SOURCE, 0, 10 * HOUR_MS, None).await;
            story.exact().await;
            // The first one does not know of it.
            story.world.work(ONE, ALL, None).await;
            story.exact().await;
            story.end().await;
        }
    }
}

#[tokio::test]
async fn a_unit_that_is_listed_long_after_it_was_merged_away_stays_hidden() {
    let mut story = Story::begun().await;
    story.append(0, 2);
    story.world.assign(ONE, SEALED).await;
    assert!(
        !story
            .world
            .work(ONE, ALL, plan(Call::Listing, 0, Trouble::Twice))
            .await
    );
    story.world.assign(OTHER, SEALED).await;
    story.world.work(OTHER, ALL, None).await;
    story.exact().await;
    story.world.merge(SOURCE, 0, 2 * HOUR_MS, None).await;
    story.world.remove_replaced().await;
    story.exact().await;
    assert_eq!(story.world.late(), 1, "it is on its way");
    // A reader that saw it would miss its pages.
    story.world.land(0).await;
    story.exact().await;
    story.end().await;
}

#[tokio::test]
async fn a_sleeping_merge_of_units_that_another_has_merged_changes_nothing() {
    for call in [
        Call::ReadManifest,
        Call::ReadPages,
        Call::Pages,
        Call::Listing,
        Call::Unlisting,
    ] {
        let mut story = Story::begun().await;
        for _ in 0..3 {
            story.append(0, 2);
            story.world.settle(SEALED).await;
        }
        story
            .world
            .merge(SOURCE, 0, 2 * HOUR_MS, plan(call, 0, Trouble::Asleep))
            .await;
        story.exact().await;
        story.world.merge(SOURCE, 1, 2 * HOUR_MS, None).await;
        story.exact().await;
        story.world.remove_replaced().await;
        story.exact().await;
        story.world.merge(SOURCE, 0, 0, None).await;
        story.exact().await;
        story.end().await;
    }
}

#[tokio::test]
async fn a_tenant_that_is_sealed_early_hides_no_other() {
    let settings = Settings {
        tenant_segments: 2,
        ..Settings::LAZY
    };
    let mut story = Story::begun().await;
    story.world.assign(ONE, settings).await;
    for tenant in [1, 0, 0, 0, 1, 0] {
        story.append(tenant, 1);
        story.world.work(ONE, ALL, None).await;
        story.exact().await;
    }
    // It is gone, and what it knew of the tenants with it.
    story.world.assign(ONE, settings).await;
    for tenant in [0, 1, 0] {
        story.append(tenant, 1);
        story.world.work(ONE, 2, None).await;
        story.exact().await;
    }
    story.end().await;
}
