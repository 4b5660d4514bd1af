//! Statistics of ranges of windows.

use std::slice;

use bytes::Bytes;
use domain::rollup::{Grain, Rollup, Window};
use domain::source::Source;

use super::Subject;
use super::fixtures::{NOW, OTHER_SOURCES, SOURCE, rollup, tenant};
use super::rollups::{in_range, key, of, put, put_at, within};
use crate::rollups::{RollupKey, RollupRow};

/// Windows after which an adapter may begin something new: an hour, four days.
fn windows_in_bucket(grain: Grain) -> i64 {
    match grain {
        Grain::Minute => 60,
        Grain::Hour => 96,
    }
}

/// The first window behind such a border, not long before [`NOW`].
fn border(grain: Grain) -> i64 {
    let number = Window::of(grain, NOW).number;
    number - number.rem_euclid(windows_in_bucket(grain))
}

/// A row, all a function of its arguments.
fn row(name: &str, grain: Grain, number: i64, kind: Rollup, source: Source) -> RollupRow {
    let key = RollupKey {
        tenant: tenant(name),
        window: Window { grain, number },
        rollup: kind,
        source,
    };
    rollup(key, number)
}

/// Over borders at which an adapter may begin something new, with rows of two sources on both sides.
pub async fn ranges_are_half_open_and_in_the_order_of_windows(store: &Subject) {
    for grain in Grain::ALL {
        let bucket = windows_in_bucket(grain);
        let numbers = [-bucket - 1, -bucket, -1, 0, 1, bucket - 1, bucket, 2 * bucket + 5];
        let numbers = numbers.map(|number| border(grain) + number);
        let of_source = |source| numbers.map(|number| row("demo", grain, number, Rollup::Users, source));
        let mut rows = [SOURCE, OTHER_SOURCES[0]].map(of_source).concat();
        put(store, &rows).await;
        rows.sort_by_key(|row| (row.key.window.number, row.key.source));
        let ends = numbers.map(|number| [number - 1, number, number + 1]).concat();
        for (at, begin) in ends.iter().enumerate() {
            for end in [*begin, ends[(at + 5) % ends.len()], ends[ends.len() - 1]] {
                let range = *begin..end;
                let read = within(store, &tenant("demo"), Rollup::Users, grain, range.clone()).await;
                let expected = rows.iter().filter(|row| range.contains(&row.key.window.number));
                assert_eq!(read, expected.map(in_range).collect::<Vec<_>>(), "{range:?}");
            }
        }
    }
}

/// Also of ranges that end before they begin.
pub async fn no_rollups_in_and_none_out(store: &Subject) {
    let row = rollup(key(Rollup::Events), 7);
    let RollupKey { tenant, window, .. } = &row.key;
    put(store, &[]).await;
    assert_eq!(of(store, &row.key).await, []);
    put(store, slice::from_ref(&row)).await;
    put(store, &[]).await;
    let number = window.number;
    #[expect(clippy::reversed_empty_ranges, reason = "a range that is empty")]
    for range in [
        number..number,
        number + 1..number,
        i64::MAX..i64::MIN,
        number + 1..number + 2,
    ] {
        let read = within(store, tenant, Rollup::Events, window.grain, range).await;
        assert_eq!(read, []);
    }
}

/// There is an order beyond all times that events have.
pub async fn windows_before_1970_and_far_ahead_are_kept_in_order(store: &Subject) {
    for grain in Grain::ALL {
        let numbers = [-300, -1, 0, 1 << 40, i64::MAX - 1];
        let rows = numbers.map(|number| row("demo", grain, number, Rollup::Actions, SOURCE));
        for row in &rows {
            let an_hour_before = row.key.window.expires_at().minus_ms(3_600_000);
            put_at(store, slice::from_ref(row), an_hour_before).await;
            assert_eq!(of(store, &row.key).await, [(Rollup::Actions, row.state.clone())]);
        }
        let mut found = Vec::new();
        for range in [-310..5, (1 << 40) - 1..(1 << 40) + 1, i64::MAX - 2..i64::MAX] {
            found.extend(within(store, &tenant("demo"), Rollup::Actions, grain, range).await);
        }
        assert_eq!(found, rows.each_ref().map(in_range));
    }
}

/// As a worker has them that comes from behind: of many tenants and windows, and of one hour of a tenant more bytes than
/// fit one batch.
pub async fn many_rows_of_many_partitions_are_written_in_one_call(store: &Subject) {
    let hours = border(Grain::Hour)..border(Grain::Hour) + 3;
    let minutes = border(Grain::Minute) - 90..border(Grain::Minute) + 90;
    let names: Vec<_> = (0..40).map(|n| format!("t{n}")).collect();
    let of_many = names.iter().flat_map(|name| {
        let hours = hours.clone();
        hours.map(|number| row(name, Grain::Hour, number, Rollup::Events, SOURCE))
    });
    let of_one = minutes.clone().flat_map(|number| {
        Rollup::ALL.map(|kind| {
            let mut row = row("demo", Grain::Minute, number, kind, SOURCE);
            row.state = Bytes::from([&row.state, [b'x'; 500].as_slice()].concat());
            row
        })
    });
    let rows: Vec<_> = of_many.chain(of_one).collect();
    put(store, &rows).await;
    for name in &names {
        let expected = rows.iter().filter(|row| row.key.tenant.as_str() == name);
        let read = within(store, &tenant(name), Rollup::Events, Grain::Hour, hours.clone()).await;
        assert_eq!(read, expected.map(in_range).collect::<Vec<_>>(), "{name}");
    }
    let demo = tenant("demo");
    for kind in Rollup::ALL {
        let of_kind = |row: &&RollupRow| row.key.tenant == demo && row.key.rollup == kind;
        let expected = rows.iter().filter(of_kind);
        let read = within(store, &demo, kind, Grain::Minute, minutes.clone()).await;
        assert_eq!(read, expected.map(in_range).collect::<Vec<_>>(), "{kind:?}");
    }
}
