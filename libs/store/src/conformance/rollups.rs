//! Statistics: which row wins, and that each is kept whole and apart from all others.

use std::ops::Range;
use std::slice;

use bytes::Bytes;
use domain::rollup::{Grain, Rollup, Window};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use futures::future::join_all;

use super::Subject;
use super::fixtures::{NOW, OTHER_SOURCES, SOURCE, rollup, tenant};
use crate::rollups::{RollupKey, RollupRow};

/// The key that most cases write to, of this rollup.
pub(super) fn key(rollup: Rollup) -> RollupKey {
    RollupKey {
        tenant: tenant("demo"),
        window: Window::of(Grain::Minute, NOW),
        rollup,
        source: SOURCE,
    }
}

pub(super) async fn put(store: &Subject, rows: &[RollupRow]) {
    put_at(store, rows, NOW).await;
}

pub(super) async fn put_at(store: &Subject, rows: &[RollupRow], now: Millis) {
    let put = store.rollups.put_rollups(rows, now).await;
    put.expect("rollups are put");
}

/// All rollups of the window and the source of this key, in the order of their numbers.
pub(super) async fn of(store: &Subject, key: &RollupKey) -> Vec<(Rollup, Bytes)> {
    let read = store.rollups.rollups_of(&key.tenant, key.window, key.source);
    let mut read = read.await.expect("rollups are read");
    read.sort_unstable_by_key(|(rollup, _)| rollup.number());
    read
}

/// All rows of a rollup in a range of windows; those of one window in the order of their sources.
pub(super) async fn within(
    store: &Subject,
    tenant: &TenantId,
    rollup: Rollup,
    grain: Grain,
    numbers: Range<i64>,
) -> Vec<(Window, Source, Bytes)> {
    let read = store.rollups.rollups_in(tenant, rollup, grain, numbers).await;
    let mut read = read.expect("rollups are read");
    let numbers: Vec<_> = read.iter().map(|(window, ..)| window.number).collect();
    assert!(numbers.is_sorted(), "not in the order of windows: {numbers:?}");
    read.sort_by_key(|(window, source, _)| (window.number, *source));
    read
}

/// The rows of all sources in the window of this key.
async fn beside(store: &Subject, key: &RollupKey) -> Vec<(Window, Source, Bytes)> {
    let (grain, number) = (key.window.grain, key.window.number);
    within(store, &key.tenant, key.rollup, grain, number..number + 1).await
}

/// What a read of a range gives of a row.
pub(super) fn in_range(row: &RollupRow) -> (Window, Source, Bytes) {
    (row.key.window, row.key.source, row.state.clone())
}

/// Both reads give just this row.
async fn assert_only(store: &Subject, row: &RollupRow) {
    assert_eq!(of(store, &row.key).await, [(row.key.rollup, row.state.clone())]);
    assert_eq!(beside(store, &row.key).await, [in_range(row)]);
}

/// A flush that was not answered is made again.
pub async fn rollups_put_twice_are_put_once(store: &Subject) {
    let row = rollup(key(Rollup::Events), 7);
    for _ in 0..2 {
        put(store, slice::from_ref(&row)).await;
        assert_only(store, &row).await;
    }
}

/// A writer that wakes up late takes nothing back. The numbers need more than one byte.
pub async fn a_lower_stamp_changes_nothing_whatever_the_order(store: &Subject) {
    let row = |stamp| rollup(key(Rollup::Errors), stamp);
    let mut greatest = 0;
    for stamp in [255, 256, 1, 255, 256, 1 << 50, 1 << 49] {
        greatest = stamp.max(greatest);
        put(store, &[row(stamp)]).await;
        assert_only(store, &row(greatest)).await;
    }
}

/// Also where a lower one comes behind it, or on both sides.
pub async fn the_greatest_stamp_wins_within_one_call(store: &Subject) {
    let rollups = Rollup::ALL.into_iter().zip([[1, 2, 3], [3, 2, 1], [1, 3, 2]]);
    let rows = rollups.map(|(kind, stamps)| stamps.map(|stamp| rollup(key(kind), stamp)));
    put(store, &rows.flatten().collect::<Vec<_>>()).await;
    let expected = Rollup::ALL[..3]
        .iter()
        .map(|kind| (*kind, rollup(key(*kind), 3).state));
    let found = of(store, &key(Rollup::Events)).await;
    assert_eq!(found, expected.collect::<Vec<_>>());
}

/// Two workers of one partition, of which one was thought dead.
pub async fn writers_at_the_same_time_end_in_the_greatest_stamp(store: &Subject) {
    let rows = |stamp| Rollup::ALL.map(|kind| rollup(key(kind), stamp));
    let writers = (1..=20).map(async |n| put(store, &rows(n * 7 % 20 + 1)).await);
    join_all(writers).await;
    let expected = rows(20).map(|row| (row.key.rollup, row.state));
    assert_eq!(of(store, &key(Rollup::Events)).await, expected);
}

/// Keys that differ from the first in one part each; names begin alike.
fn neighbours() -> Vec<RollupKey> {
    let first = key(Rollup::Requests);
    let with = |change: &dyn Fn(&mut RollupKey)| {
        let mut key = first.clone();
        change(&mut key);
        key
    };
    let mut keys = vec![first.clone()];
    keys.extend(["demo-", "demo2", "dem"].map(|name| with(&|key| key.tenant = tenant(name))));
    keys.push(with(&|key| key.window.grain = Grain::Hour));
    keys.extend([-1, 1, 256].map(|more| with(&|key| key.window.number += more)));
    keys.extend([Rollup::Events, Rollup::Errors].map(|rollup| with(&|key| key.rollup = rollup)));
    keys.extend(OTHER_SOURCES.map(|source| with(&|key| key.source = source)));
    keys
}

/// After each write both reads give, of every key, what was written so far.
pub async fn rollups_of_different_keys_are_apart(store: &Subject) {
    let rows: Vec<_> = neighbours().into_iter().map(|key| rollup(key, 7)).collect();
    for written in 0..=rows.len() {
        let written = &rows[..written];
        put(store, written.last().map_or(&[], slice::from_ref)).await;
        for RollupRow { key, .. } in &rows {
            let of_key = written
                .iter()
                .filter(|row| (&row.key.tenant, row.key.window) == (&key.tenant, key.window));
            let of_source = of_key.clone().filter(|row| row.key.source == key.source);
            let mut of_source: Vec<_> = of_source.map(|row| (row.key.rollup, row.state.clone())).collect();
            of_source.sort_unstable_by_key(|(rollup, _)| rollup.number());
            assert_eq!(of(store, key).await, of_source, "{key:?}");
            let of_rollup = of_key.filter(|row| row.key.rollup == key.rollup);
            let mut of_rollup: Vec<_> = of_rollup.map(in_range).collect();
            of_rollup.sort_unstable_by_key(|(_, source, _)| *source);
            assert_eq!(beside(store, key).await, of_rollup, "{key:?}");
        }
    }
}

/// Few are, but some; small ones are before and behind it in their call.
pub async fn a_large_state_is_kept_whole(store: &Subject) {
    let mut rows = Rollup::ALL.map(|kind| rollup(key(kind), 7));
    let state: Vec<u8> = (0..300 * 1024_u32).map(|n| (n % 251) as u8).collect();
    rows[2].state = Bytes::from(state);
    put(store, &rows).await;
    assert_eq!(beside(store, &rows[2].key).await, [in_range(&rows[2])]);
    let found = of(store, &rows[2].key).await;
    assert_eq!(found, rows.map(|row| (row.key.rollup, row.state)));
}

/// A replay of old events does not bring back what has gone.
pub async fn an_expired_window_is_not_written(store: &Subject) {
    for grain in Grain::ALL {
        let mut key = key(Rollup::Users);
        key.window = Window::of(grain, NOW);
        let (expired, expires_at) = (rollup(key.clone(), 7), key.window.expires_at());
        key.window.number += 1;
        let lasting = rollup(key, 7);
        for now in [expires_at, expires_at.plus_ms(1), Millis::MAX] {
            put_at(store, slice::from_ref(&expired), now).await;
            assert_eq!(of(store, &expired.key).await, []);
        }
        put_at(store, &[expired.clone(), lasting.clone()], expires_at).await;
        assert_eq!(of(store, &expired.key).await, []);
        assert_only(store, &lasting).await;
    }
}
