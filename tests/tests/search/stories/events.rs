//! Events that are deleted, and events that are processed again.

use domain::retention::Class;

use super::{ALL, Call, FAILURES, ONE, OTHER, Question, SEALED, Settings, Story, Trouble, plan};
use crate::spec::What;

#[tokio::test]
async fn an_event_that_is_deleted_before_it_is_stored_is_never_found() {
    let mut story = Story::new();
    story.append(0, 3);
    story.world.delete(1).await;
    story.world.assign(ONE, Settings::LAZY).await;
    story.world.work(ONE, ALL, None).await;
    let found = story.exact().await;
    assert_eq!(found[0].events.len(), 2);
    story.end().await;
}

#[tokio::test]
async fn an_event_that_is_deleted_on_its_way_into_the_index_is_never_found() {
    for call in [
        Call::Rows,
        Call::Fresh,
        Call::Position,
        Call::Pages,
        Call::Listing,
        Call::Mark,
    ] {
        let mut story = Story::begun().await;
        story.append(0, 2);
        story.world.assign(ONE, SEALED).await;
        story.world.work(ONE, ALL, plan(call, 0, Trouble::Asleep)).await;
        // The last one that was appended.
        story.world.delete(5).await;
        story.exact().await;
        story.world.work(ONE, ALL, None).await;
        let found = story.exact().await;
        assert_eq!(found[0].events.len(), 3);
        story.end().await;
    }
}

#[tokio::test]
async fn an_event_is_found_by_what_it_has_last_and_not_by_what_it_had() {
    for class in [Class::Days30, Class::Days90] {
        for old in [Settings::LAZY, SEALED] {
            let mut story = Story::new();
            story.append(0, 1);
            story.world.settle(old).await;
            story.world.revise(0, &What::of_service(1, class));
            story.world.assign(ONE, Settings::LAZY).await;
            for settings in [Settings::LAZY, SEALED] {
                story.world.assign(ONE, settings).await;
                story.world.work(ONE, ALL, None).await;
                is_of_service(&mut story, "cart").await;
            }
            story.world.merge_all().await;
            is_of_service(&mut story, "cart").await;
            story.world.rebuild(0, 0, None).await;
            is_of_service(&mut story, "cart").await;
            story.end().await;
        }
    }
}

async fn is_of_service(story: &mut Story, name: &str) {
    for (q, count) in [
        ("", 1),
        ("service:checkout", 0),
        ("-service:checkout", 1),
        ("-service:cart", 0),
    ] {
        let found = story.world.search(&Question::of_all(0, q)).await;
        assert_eq!(found.events.len(), count, "{q}");
        assert!(
            found
                .events
                .iter()
                .all(|event| event.event.service.as_deref() == Some(name))
        );
    }
}

#[tokio::test]
async fn an_old_revision_that_is_written_late_takes_nothing_back() {
    for trouble in FAILURES {
        let mut story = Story::new();
        story.append(0, 2);
        story.world.assign(ONE, Settings::LAZY).await;
        story.world.work(ONE, ALL, plan(Call::Rows, 0, trouble)).await;
        story.world.revise(0, &What::of_service(1, Class::Days30));
        story.world.assign(OTHER, SEALED).await;
        story.world.work(OTHER, ALL, None).await;
        story.exact().await;
        let late = story.world.late();
        story.world.land_some(late).await;
        story.exact().await;
        story.world.work(ONE, ALL, None).await;
        story.exact().await;
        story.end().await;
    }
}
