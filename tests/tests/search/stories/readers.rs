//! What happens while a reader is between two reads.

use super::{ALL, Call, HOUR_MS, ONE, Question, SEALED, SOURCE, Settings, Spec, Story, Trouble, plan};

const READS: [Call; 6] = [
    Call::ReadFreshPlaces,
    Call::ReadMark,
    Call::ReadManifest,
    Call::ReadFresh,
    Call::ReadPages,
    Call::ReadRows,
];

/// Events in units of two hours, and others in fresh segments.
async fn half_sealed() -> Story {
    let mut story = Story::begun().await;
    for _ in 0..2 {
        story
            .world
            .append(SOURCE, &[0, 1, HOUR_MS].map(|ago| Spec::ago(0, ago)), 0);
        story.world.settle(SEALED).await;
    }
    story.append(0, 3);
    story.world.assign(ONE, Settings::LAZY).await;
    story.world.work(ONE, ALL, None).await;
    story
}

/// Runs a story for each read of a search that may be followed by what happens.
async fn at_each_read(happens: impl AsyncFn(&mut Story)) {
    let question = Question::of_all(0, "service:checkout");
    let mut slept = 0;
    for call in READS {
        for behind in 0..3 {
            let mut story = half_sealed().await;
            slept += u32::from(story.world.begin_walk(&question, Some(call), behind).await);
            happens(&mut story).await;
            story.world.end_walk().await;
            story.exact().await;
        }
    }
    assert!(slept > 8, "{slept} of the searches slept");
}

#[tokio::test]
async fn a_seal_between_two_reads_hides_nothing() {
    at_each_read(async |story| story.world.settle(SEALED).await).await;
}

#[tokio::test]
async fn a_seal_and_a_merge_between_two_reads_hide_nothing() {
    at_each_read(async |story| {
        story.append(0, 2);
        story.world.settle(SEALED).await;
        story.world.merge(SOURCE, 0, 30 * HOUR_MS, None).await;
    })
    .await;
}

#[tokio::test]
async fn a_merge_that_has_not_ended_hides_nothing() {
    for call in [Call::Pages, Call::Listing, Call::Unlisting] {
        at_each_read(async |story| {
            story
                .world
                .merge(SOURCE, 0, 30 * HOUR_MS, plan(call, 0, Trouble::Asleep))
                .await;
        })
        .await;
    }
}

#[tokio::test]
async fn hours_that_are_made_anew_between_two_reads_hide_nothing() {
    at_each_read(async |story| story.world.rebuild(0, 0, None).await).await;
}
