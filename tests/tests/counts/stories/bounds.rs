//! What is bounded: the windows in memory, the groups of a row, the life of rows.

use domain::enrich::Context;
use domain::event::Body;
use domain::record::Enriched;
use domain::rollup::{Grain, Rollup, Row};

use super::{CRAMPED, Call, ONE, OTHER, Plan, SOURCE, Settings, Spec, Story, Trouble, count, plan};
use crate::spec::{DAY_MS, HOUR_MS, MINUTE_MS};

/// Minutes of a batch: more than are read at once, twice.
const WINDOWS: i64 = 600;

#[tokio::test]
async fn a_window_that_was_dropped_from_memory_goes_on_when_it_comes_back() {
    let mut story = Story::new();
    story.world.assign(ONE, CRAMPED).await;
    let ages = [0, MINUTE_MS, 2 * HOUR_MS];
    for round in 1..5 {
        for ago_ms in ages {
            story.world.append(SOURCE, &[Spec::request(0, 0, ago_ms)], 0);
            // It is read each time, which fails at first.
            let before = story.said().await;
            story
                .world
                .process(ONE, 1, plan(Call::ReadRows, Trouble::Lost))
                .await;
            assert_eq!(story.said().await, before);
            story.world.process(ONE, 1, None).await;
            assert_eq!(story.said().await, before.map(|origins| origins + 1));
            story.world.look().await;
        }
        // There is no room for them, so they are written without a flush.
        for grain in Grain::ALL {
            assert_eq!(story.counted(grain).await, round * 3);
        }
    }
    story.end().await;
}

#[tokio::test]
async fn a_worker_without_room_goes_on_with_rows_of_one_with_room() {
    let mut story = Story::new();
    story.world.assign(ONE, Settings::EAGER).await;
    story.world.assign(OTHER, CRAMPED).await;
    for round in 1..5 {
        story.append(2);
        story.work(if round % 2 == 0 { ONE } else { OTHER }, None).await;
        assert_eq!(story.counted(Grain::Hour).await, round * 2);
    }
    story.end().await;
}

#[tokio::test]
async fn a_batch_of_more_windows_than_are_read_at_once_is_counted_whatever_fails_amid() {
    let troubles = [Call::ReadRows, Call::Minutes, Call::Hours, Call::Position];
    let plans = troubles.map(|of| [1, 2, 300].map(|behind| (of, behind)));
    for (of, behind) in plans.into_iter().flatten() {
        let mut story = Story::new();
        let requests: Vec<_> = (0..WINDOWS)
            .map(|ago| Spec::request(0, 0, ago * MINUTE_MS))
            .collect();
        story.world.append(SOURCE, &requests, 0);
        story.world.assign(ONE, CRAMPED).await;
        let plan = Plan {
            of: Some(of),
            behind,
            trouble: Trouble::Unheard,
        };
        story.work(ONE, Some(plan)).await;
        story.work(ONE, None).await;
        for grain in Grain::ALL {
            assert_eq!(story.counted(grain).await, WINDOWS.unsigned_abs());
        }
        story.end().await;
    }
}

#[tokio::test]
async fn an_old_event_is_counted_in_its_hour_and_in_no_minute_that_is_gone() {
    let mut story = Story::new();
    let ages = [0, 14 * DAY_MS, 16 * DAY_MS];
    let requests = ages.map(|ago_ms| Spec::request(0, 0, ago_ms));
    story.world.append(SOURCE, &requests, 0);
    story.world.assign(ONE, Settings::EAGER).await;
    story.work(ONE, None).await;
    assert_eq!(story.counted(Grain::Minute).await, 2);
    assert_eq!(story.counted(Grain::Hour).await, 3);
    story.end().await;
}

const ROUTES: u32 = 100_000;
/// More than a row has at the most.
const MAX_GROUPS: usize = 1_300;
const MAX_ROW_BYTES: usize = 2 << 20;

#[tokio::test]
async fn a_tenant_with_100_000_routes_has_exact_totals_in_rows_that_are_bounded() {
    let mut story = Story::new();
    let events: Vec<_> = (0..ROUTES).map(|route| story.of_route(route)).collect();
    for event in events {
        story.world.append_unknown(SOURCE, event);
    }
    // The row has overflowed when another goes on with it.
    story.world.assign(ONE, Settings::EAGER).await;
    story.world.work(ONE, 30_000, None).await;
    story.world.crash(ONE);
    story.world.assign(OTHER, Settings::EAGER).await;
    story.world.work(OTHER, usize::MAX, None).await;
    assert_eq!(story.said().await, [u64::from(ROUTES); 2]);
    for (key, bytes) in story.world.stored_around().await {
        let row = Row::decode(key.rollup, &bytes).unwrap();
        assert_eq!(count(&row), u64::from(ROUTES), "{key:?}");
        assert_eq!(row.has_overflowed(), key.rollup == Rollup::Requests, "{key:?}");
        assert!(
            row.groups().count() < MAX_GROUPS && row.bytes() < MAX_ROW_BYTES,
            "{key:?}"
        );
    }
}

impl Story {
    /// A request of a route of its own.
    fn of_route(&self, route: u32) -> Enriched {
        let mut enriched = self.world.event(&Spec::request(0, 0, 0), route);
        if let Body::ApiRequest(request) = &mut enriched.event.body {
            request.route = Some(format!("/r/{route}"));
        }
        Enriched {
            context: Context::default(),
            ..enriched
        }
    }
}
