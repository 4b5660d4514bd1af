//! Rollups as they are stored: where, how long they live, with which stamps, and what does not decode.

use bytes::Bytes;
use domain::rollup::{Grain, Rollup, Window};
use domain::tenant::TenantId;
use store::conformance::fixtures::{NOW, SOURCE, rollup, tenant};
use store::rollups::RollupKey;
use store::{Error, Rollups};

use crate::keyspace::{self, Raw};

/// A name that no other test has.
fn own_tenant() -> TenantId {
    tenant(&engines::unique("r").replace('_', "-"))
}

fn key(tenant: &TenantId, grain: Grain) -> RollupKey {
    RollupKey {
        tenant: tenant.clone(),
        window: Window::of(grain, NOW),
        rollup: Rollup::Actions,
        source: SOURCE,
    }
}

#[tokio::test]
async fn a_row_has_its_own_stamp_and_lives_as_long_as_its_window() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let demo = own_tenant();
    let tables = [(Grain::Minute, "minute", 60), (Grain::Hour, "hour", 96)];
    for (grain, table, windows) in tables {
        let key = key(&demo, grain);
        let (number, stamp) = (key.window.number, NOW.as_ms() * 1000 + 7);
        let life_s = key.window.expires_at().since(NOW) / 1000;
        store.put_rollups(&[rollup(key, stamp)], NOW).await.unwrap();
        let rows = raw
            .rows(&format!(
                "SELECT WRITETIME(state), TTL(state) FROM KS.rollups_{table} \
                 WHERE tenant = '{demo}' AND bucket = {} AND rollup = 4 AND window = {number} \
                 AND lane = 'standard' AND generation = 1 AND log_partition = 0",
                number / windows
            ))
            .await;
        let (found, ttl_s) = rows.single_row::<(i64, i32)>().unwrap();
        assert_eq!(found, stamp);
        // Two seconds are added, and the test takes some.
        let over = i64::from(ttl_s) - life_s;
        assert!((-20..=2).contains(&over), "{table}: {ttl_s} s");
    }
}

#[tokio::test]
async fn rows_are_written_and_read_whole_with_little_at_once() {
    let mut config = keyspace::config("store_tests");
    config.call_concurrency = 3;
    config.max_in_flight = 2;
    config.batch_bytes = 500;
    drop(keyspace::shared().await);
    let store = keyspace::connect(config).await;
    let demo = own_tenant();
    let first = Window::of(Grain::Minute, NOW).number;
    let rows = (0..700).map(|n| {
        let mut key = key(&demo, Grain::Minute);
        key.window.number = first + n;
        rollup(key, 7)
    });
    let rows: Vec<_> = rows.collect();
    store.put_rollups(&rows, NOW).await.unwrap();
    let read = store.rollups_in(&demo, Rollup::Actions, Grain::Minute, first..first + 700);
    let expected = rows.iter().map(|row| (row.key.window, SOURCE, row.state.clone()));
    assert_eq!(read.await.unwrap(), expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn more_bytes_of_one_partition_than_the_engine_takes_at_once_are_written() {
    let store = keyspace::shared().await;
    let demo = own_tenant();
    let first = Window::of(Grain::Minute, NOW).number / 60 * 60;
    let rows = (0..60).map(|n| {
        let mut key = key(&demo, Grain::Minute);
        key.window.number = first + n;
        let mut row = rollup(key, 7);
        row.state = Bytes::from(vec![7; 300 << 10]);
        row
    });
    let rows: Vec<_> = rows.collect();
    store.put_rollups(&rows, NOW).await.unwrap();
    let read = store.rollups_in(&demo, Rollup::Actions, Grain::Minute, first..first + 60);
    let expected = rows.iter().map(|row| (row.key.window, SOURCE, row.state.clone()));
    assert!(read.await.unwrap() == expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn many_rows_of_one_window_are_read_page_by_page() {
    let store = keyspace::shared().await;
    let demo = own_tenant();
    let rows = (0..250).map(|partition| {
        let mut key = key(&demo, Grain::Hour);
        key.source.partition = partition;
        rollup(key, 7)
    });
    let rows: Vec<_> = rows.collect();
    store.put_rollups(&rows, NOW).await.unwrap();
    let window = rows[0].key.window;
    let numbers = window.number..window.number + 1;
    let read = store
        .rollups_in(&demo, Rollup::Actions, Grain::Hour, numbers)
        .await;
    let expected = rows.iter().map(|row| (window, row.key.source, row.state.clone()));
    assert_eq!(read.unwrap(), expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_rollup_that_does_not_decode_is_corrupt_and_named() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let demo = own_tenant();
    let window = key(&demo, Grain::Hour).window;
    raw.run(&format!(
        "INSERT INTO KS.rollups_hour (tenant, bucket, rollup, window, lane, generation, log_partition, state) \
         VALUES ('{demo}', {}, 4, {}, 'unknown', 1, 0, 0x01)",
        window.number / 96,
        window.number
    ))
    .await;
    let numbers = window.number..window.number + 1;
    let read = store
        .rollups_in(&demo, Rollup::Actions, Grain::Hour, numbers)
        .await;
    let error = read.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains(&demo.to_string()), "{error}");
    assert!(
        error.to_string().contains(&format!("hour {}", window.number)),
        "{error}"
    );
}
