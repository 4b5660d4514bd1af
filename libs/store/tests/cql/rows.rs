//! Rows as they are stored: how long they live, what a deletion leaves, what is refused.

use std::fmt::Write;
use std::time::{Duration, Instant};

use domain::cursor::Order;
use domain::event::Body;
use domain::id::{EventId, IdRange};
use domain::record::Enriched;
use domain::retention::Class;
use domain::source::{Lane, Source};
use domain::tenant::TenantId;
use store::conformance::fixtures::{KEEP_UNTIL, NOW, id, ids_of, row, tenant};
use store::cql::Cql;
use store::{Class as ErrorClass, Error, Events, Position, Progress};

use crate::keyspace::{self, Raw};

const HOUR_MS: i64 = 3_600_000;

/// A tenant that no other test has.
fn own_tenant() -> TenantId {
    tenant(&engines::unique("t").replace('_', "-"))
}

/// The condition of a statement that finds the row of an event.
fn place(row: &Enriched) -> String {
    let id = row.event.id;
    let hour = id.time().as_ms() / HOUR_MS;
    format!(
        "tenant = '{}' AND bucket = {hour} AND shard = 0 AND id = {}",
        row.tenant,
        blob(id)
    )
}

fn marker_place(row: &Enriched) -> String {
    let id = row.event.id;
    let day = id.time().as_ms() / HOUR_MS / 24;
    format!("tenant = '{}' AND day = {day} AND id = {}", row.tenant, blob(id))
}

fn blob(id: EventId) -> String {
    format!("0x{:032x}", u128::from_be_bytes(id.bytes()))
}

async fn row_ttl(raw: &Raw, table: &str, row: &Enriched) -> Option<i32> {
    let place = place(row);
    raw.number(&format!("SELECT TTL(event) FROM KS.{table} WHERE {place}"))
        .await
}

async fn marker_ttl(raw: &Raw, row: &Enriched) -> Option<i32> {
    let place = marker_place(row);
    raw.number(&format!("SELECT TTL(keep_until) FROM KS.deletions WHERE {place}"))
        .await
}

/// Asks until it is so.
async fn eventually<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what}");
    }
}

async fn all_ids(store: &Cql, tenant: &TenantId, range: IdRange, order: Order) -> Vec<EventId> {
    let (mut ids, mut left) = (Vec::new(), Some(range));
    while let Some(range) = left {
        let scan = store
            .ids(tenant, range, order, 1_000)
            .await
            .expect("ids are read");
        ids.extend(scan.ids);
        left = scan.next;
    }
    ids
}

#[tokio::test]
async fn a_row_lives_until_its_expiry_and_a_replay_does_not_lengthen_it() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let mut row = row(&own_tenant(), id(0, 0), 0);
    let begin = raw.now().await;
    row.expires_at = begin.plus_ms(60_000);
    store.put(std::slice::from_ref(&row), begin).await.unwrap();
    let ttl = row_ttl(&raw, "events_7d", &row).await.unwrap();
    assert!((58..=62).contains(&ttl), "60 s are left, its TTL is {ttl} s");
    eventually("time does not pass", || async {
        row_ttl(&raw, "events_7d", &row).await.unwrap() <= 58
    })
    .await;
    let now = raw.now().await;
    store.put(std::slice::from_ref(&row), now).await.unwrap();
    let (ttl, left) = (
        row_ttl(&raw, "events_7d", &row).await.unwrap(),
        row.expires_at.since(now) / 1000,
    );
    assert!(
        (left - 2..=left + 2).contains(&i64::from(ttl)),
        "{left} s are left, its TTL is {ttl} s"
    );
}

#[tokio::test]
async fn a_row_leaves_its_table_when_it_has_expired() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let mut row = row(&own_tenant(), id(0, 0), 0);
    row.expires_at = NOW.plus_ms(10);
    store.put(std::slice::from_ref(&row), NOW).await.unwrap();
    eventually("the row stays", || async {
        row_ttl(&raw, "events_7d", &row).await.is_none()
    })
    .await;
}

#[tokio::test]
async fn a_deletion_leaves_a_marker_and_no_row() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let row = row(&own_tenant(), id(0, 0), 998);
    for _ in 0..2 {
        store.put(std::slice::from_ref(&row), NOW).await.unwrap();
        store.delete(&row.tenant, row.event.id, KEEP_UNTIL).await.unwrap();
        assert_eq!(row_ttl(&raw, "events_7d", &row).await, None);
        let kept_s = KEEP_UNTIL.since(NOW) / 1000;
        let ttl = i64::from(marker_ttl(&raw, &row).await.unwrap());
        assert!((kept_s - 20..=kept_s + 2).contains(&ttl), "{ttl} s");
    }
}

#[tokio::test]
async fn of_two_markers_the_one_that_is_kept_longer_stays() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let tenant = own_tenant();
    for (n, minutes) in (0..).zip([[5, 60], [60, 5]]) {
        let row = row(&tenant, id(0, n), 0);
        for minutes in minutes {
            let keep_until = NOW.plus_ms(minutes * 60_000);
            store.delete(&tenant, row.event.id, keep_until).await.unwrap();
        }
        let ttl = marker_ttl(&raw, &row).await.unwrap();
        assert!(ttl > 55 * 60, "{ttl} s after {minutes:?}");
    }
}

#[tokio::test]
async fn a_row_that_is_too_large_is_poison_and_nothing_of_its_call_is_written() {
    let mut config = keyspace::config("store_tests");
    config.max_row_bytes = 1_000;
    drop(keyspace::shared().await);
    let store = keyspace::connect(config).await;
    let tenant = own_tenant();
    let mut rows: Vec<_> = (0..3).map(|n| row(&tenant, id(0, n), 0)).collect();
    if let Body::Error(report) = &mut rows[2].event.body {
        report.message = "x".repeat(1_000);
    }
    let error = store.put(&rows, NOW).await.unwrap_err();
    assert!(
        matches!(error, Error::RowTooLarge { max_bytes: 1_000, .. }),
        "{error}"
    );
    assert_eq!(error.class(), ErrorClass::Poison);
    assert_eq!(store.fetch(&tenant, &ids_of(&rows), NOW).await.unwrap(), []);
}

#[tokio::test]
async fn what_does_not_decode_is_corrupt_and_named() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let tenant = own_tenant();
    let (row, other) = (row(&tenant, id(0, 0), 0), row(&tenant, id(0, 1), 0));
    store.put(std::slice::from_ref(&row), NOW).await.unwrap();
    let mut other_event = "0x".to_owned();
    for byte in proto::record::encode_enriched(other) {
        write!(other_event, "{byte:02x}").unwrap();
    }
    for event in ["0x00ff", &other_event] {
        let place = place(&row);
        raw.run(&format!(
            "UPDATE KS.events_7d USING TIMESTAMP 2000000000000000 SET event = {event} WHERE {place}"
        ))
        .await;
        let error = store.fetch(&tenant, &[row.event.id], NOW).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains(&row.event.id.to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_position_that_does_not_decode_is_corrupt() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let service = engines::unique("s");
    raw.run(&format!(
        "INSERT INTO KS.progress (service, lane, generation, log_partition, position) \
         VALUES ('{service}', 'standard', 1, 0, 0x0102)"
    ))
    .await;
    let error = store.position(&service, SOURCE).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains(&service), "{error}");
}

const SOURCE: Source = Source {
    lane: Lane::Standard,
    generation: 1,
    partition: 0,
};

#[tokio::test]
async fn the_copy_of_an_offset_is_that_of_the_position_whatever_the_order() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let service = engines::unique("s");
    for (origin, next_offset) in [(5, 9), (5, 300), (5, 299), (4, 1_000)] {
        let position = Position {
            next_offset,
            origin,
            appended_at_ms: 0,
            checksum: 0,
        };
        store.advance(&service, SOURCE, position).await.unwrap();
    }
    let position = store.position(&service, SOURCE).await.unwrap().unwrap();
    let rows = raw
        .rows(&format!(
            "SELECT next_offset, WRITETIME(position) FROM KS.progress \
             WHERE service = '{service}' AND lane = 'standard' AND generation = 1 AND log_partition = 0"
        ))
        .await;
    let (copy, stamp) = rows.single_row::<(i64, i64)>().unwrap();
    assert_eq!((position.next_offset, position.origin), (300, 5));
    assert_eq!((copy, stamp), (300, 5));
}

#[tokio::test]
async fn a_later_revision_takes_the_place_of_one_in_another_class() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let tenant = own_tenant();
    let mut first = row(&tenant, id(0, 0), 0);
    first.class = Class::Days90;
    let second = row(&tenant, id(0, 0), 1);
    for order in [[&first, &second], [&second, &first]] {
        for row in order {
            store.put(std::slice::from_ref(row), NOW).await.unwrap();
        }
        let id = first.event.id;
        let found = store.fetch(&tenant, &[id], NOW).await.unwrap();
        assert_eq!(found, std::slice::from_ref(&second));
        let range = IdRange::of_times(NOW, NOW.plus_ms(1));
        assert_eq!(all_ids(&store, &tenant, range, Order::OldestFirst).await, [id]);
        assert_eq!(row_ttl(&raw, "events_90d", &first).await, None);
    }
}

#[tokio::test]
async fn all_classes_are_read() {
    let store = keyspace::shared().await;
    let tenant = own_tenant();
    let rows: Vec<_> = (0..)
        .zip(Class::ALL)
        .map(|(n, class)| {
            let mut row = row(&tenant, id(i64::from(n), n), 0);
            row.class = class;
            row
        })
        .collect();
    store.put(&rows, NOW).await.unwrap();
    assert_eq!(store.fetch(&tenant, &ids_of(&rows), NOW).await.unwrap(), rows);
    let range = IdRange::of_times(NOW, NOW.plus_ms(10));
    assert_eq!(
        all_ids(&store, &tenant, range, Order::OldestFirst).await,
        ids_of(&rows)
    );
}

#[tokio::test]
async fn empty_weeks_are_walked_in_calls_of_bounded_work() {
    let store = keyspace::shared().await;
    let tenant = own_tenant();
    let rows = [-600, -10, 0].map(|hours| row(&tenant, id(hours * HOUR_MS, 0), 0));
    store.put(&rows, NOW).await.unwrap();
    let range = IdRange::of_times(NOW.minus_ms(700 * HOUR_MS), NOW.plus_ms(HOUR_MS));
    let first = store.ids(&tenant, range, Order::NewestFirst, 10).await.unwrap();
    assert_eq!(first.ids, [rows[2].event.id, rows[1].event.id]);
    assert!(first.next.is_some(), "700 hours are more than one call reads");
    let mut ids = ids_of(&rows);
    assert_eq!(all_ids(&store, &tenant, range, Order::OldestFirst).await, ids);
    ids.reverse();
    assert_eq!(all_ids(&store, &tenant, range, Order::NewestFirst).await, ids);
}

#[tokio::test]
async fn many_rows_of_one_hour_are_written_and_read_whole() {
    let mut config = keyspace::config("store_tests");
    config.call_concurrency = 3;
    config.max_in_flight = 2;
    drop(keyspace::shared().await);
    let store = keyspace::connect(config).await;
    let tenant = own_tenant();
    let first = id(0, 0).time().as_ms() / HOUR_MS * HOUR_MS - NOW.as_ms();
    let rows: Vec<_> = (0..3_000).map(|n| row(&tenant, id(first + n, 0), 0)).collect();
    store.put(&rows, NOW).await.unwrap();
    let ids = ids_of(&rows);
    assert_eq!(store.fetch(&tenant, &ids, NOW).await.unwrap(), rows);
    let range = IdRange::of_times(rows[0].event.time(), rows[2_999].event.time().plus_ms(1));
    assert_eq!(all_ids(&store, &tenant, range, Order::OldestFirst).await, ids);
}
