//! What only the embedded store promises of the search index: that what has expired goes, and that it stays out of the
//! way of events.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::cursor::Order;
use domain::id::IdRange;
use domain::index::manifest::{Minute, UnitRef};
use domain::retention;
use domain::time::Millis;
use store::conformance::fixtures::{
    KEEP_UNTIL, NOW, SOURCE, all_times, entry, ids_of, rows, segment, tenant, unit,
};
use store::embedded::{Config, Embedded};
use store::index::{FRESH_LIFE_MS, FRESH_PLACE_LIFE_MS, Mark};
use store::{Events, Index, Position, Progress};

const MINUTE: Minute = Minute::of(NOW);

const MARK: Mark = Mark {
    position: Position {
        next_offset: 8,
        origin: 7,
        appended_at_ms: 0,
        checksum: 0,
    },
    minute: MINUTE,
};

fn open(dir: &Path) -> Embedded {
    // Nothing happens by itself.
    let mut config = Config::new(Arc::new(|| NOW));
    config.sweep_every = Duration::from_hours(1);
    config.sweep_entries = 3;
    Embedded::open(dir, config).expect("the store opens")
}

fn some_unit() -> UnitRef {
    unit(retention::Class::Days7, 1)
}

/// Some of every part: the unit and its entry expire at `keep_until`.
async fn put_all(store: &Embedded, keep_until: Millis) {
    let demo = tenant("demo");
    let mut listed = entry(SOURCE, some_unit(), 7);
    listed.expires_at = keep_until;
    let unlisted = entry(SOURCE, unit(retention::Class::Days7, 2), 7);
    let pages = (0..5).map(|n| (vec![n], vec![n].into())).collect();
    let tenants = std::slice::from_ref(&demo);
    store
        .mark_fresh(tenants, SOURCE, MINUTE, NOW)
        .await
        .expect("the store answers");
    let segments = [segment(&demo, 6, 1), segment(&demo, 7, 1)];
    store
        .put_fresh(SOURCE, MINUTE, &segments, NOW)
        .await
        .expect("the store answers");
    store
        .put_pages(some_unit(), pages, keep_until, NOW)
        .await
        .expect("the store answers");
    store.list(&demo, &listed, NOW).await.expect("the store answers");
    store.unlist(&demo, &unlisted).await.expect("the store answers");
    store.advance_mark(SOURCE, MARK).await.expect("the store answers");
}

/// How many segments, pages, entries and places are there.
async fn counts(store: &Embedded) -> [usize; 4] {
    let demo = tenant("demo");
    let period = entry(SOURCE, some_unit(), 7).period();
    [
        store
            .fresh(&demo, SOURCE, MINUTE, None)
            .await
            .expect("the store answers")
            .len(),
        store
            .pages(some_unit(), &[], &[9], 10)
            .await
            .expect("the store answers")
            .len(),
        store
            .manifest(&demo, period)
            .await
            .expect("the store answers")
            .len(),
        store.fresh_places(&demo).await.expect("the store answers").len(),
    ]
}

async fn removed(store: &Embedded, now: Millis) -> usize {
    let mut removed = 0;
    loop {
        let round = store.sweep(now).await.expect("the store is swept");
        removed += round.removed;
        if round.finished {
            return removed;
        }
    }
}

#[tokio::test]
async fn a_sweep_removes_what_has_expired_of_every_part_but_marks() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_all(&store, NOW.plus_ms(10)).await;
    assert_eq!(removed(&store, NOW.plus_ms(9)).await, 0);
    assert_eq!(counts(&store).await, [2, 5, 1, 1]);
    assert_eq!(removed(&store, NOW.plus_ms(10)).await, 6);
    assert_eq!(counts(&store).await, [2, 0, 0, 1]);
    // The segments, and what remembers for a day that a unit was unlisted.
    assert_eq!(removed(&store, NOW.plus_ms(FRESH_LIFE_MS)).await, 3);
    assert_eq!(counts(&store).await, [0, 0, 0, 1]);
    assert_eq!(removed(&store, NOW.plus_ms(FRESH_PLACE_LIFE_MS)).await, 1);
    assert_eq!(counts(&store).await, [0; 4]);
    assert_eq!(removed(&store, Millis::MAX).await, 0);
    assert_eq!(store.mark(SOURCE).await.unwrap(), Some(MARK));
}

#[tokio::test]
async fn the_index_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_all(&store, KEEP_UNTIL).await;
    drop(store);
    let store = open(dir.path());
    assert_eq!(counts(&store).await, [2, 5, 1, 1]);
    assert_eq!(store.mark(SOURCE).await.unwrap(), Some(MARK));
}

#[tokio::test]
async fn events_and_positions_see_nothing_of_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let demo = tenant("demo");
    let rows = rows(&demo, 3);
    store.put(&rows, NOW).await.unwrap();
    put_all(&store, KEEP_UNTIL).await;
    let all = IdRange {
        begin: [0; 16],
        end: [0xff; 16],
    };
    for range in [all, all_times()] {
        let scan = store.ids(&demo, range, Order::OldestFirst, 100).await.unwrap();
        assert_eq!((scan.ids, scan.next), (ids_of(&rows), None));
    }
    assert_eq!(store.position("retention", SOURCE).await.unwrap(), None);
    assert_eq!(store.fetch(&demo, &ids_of(&rows), NOW).await.unwrap(), rows);
    assert_eq!(counts(&store).await, [2, 5, 1, 1]);
}

#[tokio::test]
async fn what_has_expired_already_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put_all(&store, NOW).await;
    assert_eq!(counts(&store).await, [2, 0, 0, 1]);
}

#[tokio::test]
async fn a_key_that_is_too_long_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (unit, long) = (some_unit(), vec![7; 60_001]);
    let pages = |key: &[u8]| vec![(key.to_vec(), vec![1].into())];
    for refused in [
        store.put_pages(unit, pages(&long), KEEP_UNTIL, NOW).await.err(),
        store.page(unit, &long).await.err(),
        store.pages(unit, &[], &long, 10).await.err(),
    ] {
        let said = refused.unwrap().to_string();
        assert!(said.contains("60001 bytes, 60000 are allowed"), "{said}");
    }
    let longest = &long[..60_000];
    store
        .put_pages(unit, pages(longest), KEEP_UNTIL, NOW)
        .await
        .unwrap();
    let found = store.page(unit, longest).await.unwrap();
    assert_eq!(found, pages(longest).pop());
}
