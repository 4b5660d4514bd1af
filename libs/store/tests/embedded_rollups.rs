//! What only the embedded store promises of statistics: that what has expired goes, and that they stay out of the way of
//! all else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::cursor::Order;
use domain::id::IdRange;
use domain::index::manifest::Minute;
use domain::rollup::{Grain, Rollup, Window};
use domain::source::Source;
use domain::time::Millis;
use store::conformance::fixtures::{NOW, SOURCE, ids_of, rollup, rows, segment, tenant};
use store::embedded::{Config, Embedded};
use store::rollups::{RollupKey, RollupRow};
use store::{Events, Index, Position, Progress, Rollups};

fn open(dir: &Path) -> Embedded {
    // Nothing happens by itself.
    let mut config = Config::new(Arc::new(|| NOW));
    config.sweep_every = Duration::from_hours(1);
    config.sweep_entries = 3;
    Embedded::open(dir, config).expect("the store opens")
}

/// Of the last minutes and hours up to now.
fn some() -> Vec<RollupRow> {
    let windows = Grain::ALL.map(|grain| (0..3).map(move |n| (grain, Window::of(grain, NOW).number - n)));
    let rows = windows.into_iter().flatten().map(|(grain, number)| {
        let key = RollupKey {
            tenant: tenant("demo"),
            window: Window { grain, number },
            rollup: Rollup::Errors,
            source: SOURCE,
        };
        rollup(key, 7)
    });
    rows.collect()
}

/// All of a grain, in the order of windows.
async fn all(store: &Embedded, grain: Grain) -> Vec<(Window, Source, Bytes)> {
    let demo = tenant("demo");
    let read = store.rollups_in(&demo, Rollup::Errors, grain, i64::MIN..i64::MAX);
    read.await.expect("rollups are read")
}

async fn counts(store: &Embedded) -> [usize; 2] {
    [
        all(store, Grain::Minute).await.len(),
        all(store, Grain::Hour).await.len(),
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
async fn a_sweep_removes_exactly_the_windows_that_have_expired() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.put_rollups(&some(), NOW).await.unwrap();
    let expiries = Grain::ALL.map(|grain| Window::of(grain, NOW).expires_at());
    let [minute, hour] = expiries;
    assert_eq!(removed(&store, minute.minus_ms(2 * 60_000 + 1)).await, 0);
    assert_eq!(counts(&store).await, [3, 3]);
    assert_eq!(removed(&store, minute.minus_ms(1)).await, 2);
    assert_eq!(counts(&store).await, [1, 3]);
    assert_eq!(removed(&store, minute).await, 1);
    assert_eq!(removed(&store, hour.minus_ms(1)).await, 2);
    assert_eq!(counts(&store).await, [0, 1]);
    assert_eq!(removed(&store, hour).await, 1);
    assert_eq!(counts(&store).await, [0, 0]);
}

#[tokio::test]
async fn rollups_are_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.put_rollups(&some(), NOW).await.unwrap();
    drop(store);
    let store = open(dir.path());
    let mut expected: Vec<_> = some()
        .into_iter()
        .map(|row| (row.key.window, row.key.source, row.state))
        .collect();
    expected.sort_by_key(|(window, ..)| *window);
    let read = [all(&store, Grain::Minute).await, all(&store, Grain::Hour).await];
    assert_eq!(read.concat(), expected);
}

#[tokio::test]
async fn events_index_and_positions_see_nothing_of_rollups_nor_these_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let demo = tenant("demo");
    let rows = rows(&demo, 3);
    let position = Position {
        next_offset: 8,
        origin: 7,
        appended_at_ms: 0,
        checksum: 0,
    };
    let segments = [segment(&demo, 7, 1)];
    store.put(&rows, NOW).await.unwrap();
    store.advance("analytics", SOURCE, position).await.unwrap();
    store
        .put_fresh(SOURCE, Minute::of(NOW), &segments, NOW)
        .await
        .unwrap();
    assert_eq!(counts(&store).await, [0, 0]);
    store.put_rollups(&some(), NOW).await.unwrap();

    let whole = IdRange {
        begin: [0; 16],
        end: [0xff; 16],
    };
    let scan = store.ids(&demo, whole, Order::OldestFirst, 100).await.unwrap();
    assert_eq!((scan.ids, scan.next), (ids_of(&rows), None));
    assert_eq!(store.fetch(&demo, &ids_of(&rows), NOW).await.unwrap(), rows);
    assert_eq!(store.position("analytics", SOURCE).await.unwrap(), Some(position));
    let fresh = store.fresh(&demo, SOURCE, Minute::of(NOW), None).await.unwrap();
    assert_eq!(fresh, segments);
    assert_eq!(counts(&store).await, [3, 3]);
}

#[tokio::test]
async fn windows_of_any_number_are_kept_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let numbers = [i64::MIN, -1 << 40, -1, 0, 1, i64::MAX - 1];
    for number in numbers {
        let mut row = some().remove(0);
        row.key.window.number = number;
        let now = row.key.window.expires_at().minus_ms(1);
        store.put_rollups(&[row], now).await.unwrap();
    }
    let found = all(&store, Grain::Minute).await;
    let found: Vec<_> = found.iter().map(|(window, ..)| window.number).collect();
    assert_eq!(found, numbers);
}

#[tokio::test]
async fn a_call_with_more_than_one_batch_has_is_written_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let first = Window::of(Grain::Hour, NOW).number;
    let rows = (0..40).map(|n| {
        let window = Window {
            grain: Grain::Hour,
            number: first + n,
        };
        let key = RollupKey {
            window,
            ..some().remove(0).key
        };
        let state = Bytes::from(vec![7; 100_000]);
        RollupRow { key, stamp: n, state }
    });
    let rows: Vec<_> = rows.collect();
    store.put_rollups(&rows, NOW).await.unwrap();
    let read = all(&store, Grain::Hour).await;
    let expected = rows.iter().map(|row| (row.key.window, SOURCE, row.state.clone()));
    assert_eq!(read, expected.collect::<Vec<_>>());
}
