//! The search index as it is stored: how long it lives, with which stamps, and what does not decode.

use domain::index::manifest::Minute;
use domain::retention::Class;
use domain::source::Source;
use domain::tenant::TenantId;
use store::conformance::fixtures::{KEEP_UNTIL, NOW, SOURCE, entry, segment, tenant, unit};
use store::index::{FRESH_LIFE_MS, FRESH_PLACE_LIFE_MS};
use store::{Error, Index};

use crate::keyspace::{self, Raw};

const MINUTE: Minute = Minute::of(NOW);
/// A second is cut off, two are added, and the test takes some.
const TTL_SECONDS: std::ops::RangeInclusive<i64> = -20..=2;

/// Names that no other test has.
fn own_tenant() -> TenantId {
    tenant(&engines::unique("i").replace('_', "-"))
}

/// The cell has this stamp, and lives for so long.
async fn check(raw: &Raw, column: &str, place: &str, stamp: i64, life_ms: i64) {
    let statement = format!("SELECT WRITETIME({column}), TTL({column}) FROM KS.{place}");
    let rows = raw.rows(&statement).await;
    let (found, ttl_seconds) = rows.single_row::<(i64, i32)>().expect("the row is there");
    assert_eq!(found, stamp, "{statement}");
    let over = i64::from(ttl_seconds) - life_ms / 1000;
    assert!(TTL_SECONDS.contains(&over), "{statement}: {ttl_seconds} s");
}

#[tokio::test]
async fn segments_have_the_stamp_of_their_minute_and_live_for_two_days() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let demo = own_tenant();
    let segments = [segment(&demo, 7, u64::MAX)];
    store.put_fresh(SOURCE, MINUTE, &segments, NOW).await.unwrap();
    let marked = store.mark_fresh(std::slice::from_ref(&demo), SOURCE, MINUTE, NOW);
    marked.await.unwrap();
    let row = format!(
        "fresh WHERE lane = 'standard' AND generation = 1 AND log_partition = 0 AND minute = {} \
         AND tenant = '{demo}' AND last_origin = 7 AND nonce = -1",
        MINUTE.0
    );
    check(&raw, "segment", &row, MINUTE.0 * 60_000_000, FRESH_LIFE_MS).await;
    let place = format!("fresh_places WHERE tenant = '{demo}'");
    check(&raw, "last_minute", &place, MINUTE.0, FRESH_PLACE_LIFE_MS).await;
}

#[tokio::test]
async fn pages_have_the_stamp_of_their_writing_and_live_as_long_as_is_said() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    for (class, table) in Class::ALL.into_iter().zip(["7d", "30d", "90d", "400d"]) {
        let unit = unit(class, 91);
        let pages = vec![(vec![1], vec![2].into())];
        let keep_until = NOW.plus_ms(class.life_ms());
        store.put_pages(unit, pages, keep_until, NOW).await.unwrap();
        let row = format!("units_{table} WHERE unit = 0x{} AND key = 0x01", unit.id);
        check(&raw, "value", &row, NOW.as_ms() * 1000, class.life_ms()).await;
    }
}

#[tokio::test]
async fn an_entry_has_the_stamp_of_its_origin_and_lives_as_long_as_its_events() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let demo = own_tenant();
    let entry = entry(SOURCE, unit(Class::Days90, 1), 7);
    store.list(&demo, &entry, NOW).await.unwrap();
    let row = format!(
        "manifest WHERE tenant = '{demo}' AND period = {}",
        entry.period().0
    );
    check(&raw, "entry", &row, 7, KEEP_UNTIL.since(NOW)).await;
}

#[tokio::test]
async fn what_has_expired_already_is_not_written() {
    let store = keyspace::shared().await;
    let demo = own_tenant();
    let (unit, pages) = (unit(Class::Days7, 92), vec![(vec![1], vec![2].into())]);
    let mut entry = entry(SOURCE, unit, 7);
    entry.expires_at = NOW;
    store.list(&demo, &entry, NOW).await.unwrap();
    store.put_pages(unit, pages, NOW, NOW).await.unwrap();
    assert_eq!(store.manifest(&demo, entry.period()).await.unwrap(), []);
    assert_eq!(store.page(unit, &[1]).await.unwrap(), None);
}

#[tokio::test]
async fn an_origin_that_no_stamp_can_be_is_refused() {
    let store = keyspace::shared().await;
    let demo = own_tenant();
    let entry = entry(SOURCE, unit(Class::Days7, 93), u64::MAX);
    for refused in [
        store.list(&demo, &entry, NOW).await,
        store.unlist(&demo, &entry).await,
        store
            .put_fresh(SOURCE, MINUTE, &[segment(&demo, u64::MAX, 1)], NOW)
            .await,
    ] {
        let error = refused.unwrap_err();
        assert!(
            error.to_string().contains("origin 18446744073709551615"),
            "{error}"
        );
    }
    assert_eq!(store.fresh(&demo, SOURCE, MINUTE, None).await.unwrap(), []);
}

#[tokio::test]
async fn an_index_that_does_not_decode_is_corrupt_and_named() {
    let (store, raw) = (keyspace::shared().await, Raw::shared().await);
    let demo = own_tenant();
    let source = Source {
        generation: 4_000_000_000,
        ..SOURCE
    };
    let period = entry(SOURCE, unit(Class::Days7, 1), 7).period();
    raw.run(&format!(
        "INSERT INTO KS.manifest (tenant, period, lane, generation, log_partition, class, unit, entry) \
         VALUES ('{demo}', {}, 'standard', 1, 0, '30d', 0x00, 0x00)",
        period.0
    ))
    .await;
    raw.run(&format!(
        "INSERT INTO KS.fresh_places (tenant, lane, generation, log_partition, last_minute) \
         VALUES ('{demo}', 'unknown', 1, 0, 5)"
    ))
    .await;
    raw.run(
        "INSERT INTO KS.marks (lane, generation, log_partition, mark) \
         VALUES ('standard', 4000000000, 0, 0x0102)",
    )
    .await;
    let errors = [
        (store.manifest(&demo, period).await.unwrap_err(), demo.to_string()),
        (store.fresh_places(&demo).await.unwrap_err(), demo.to_string()),
        (store.mark(source).await.unwrap_err(), source.to_string()),
    ];
    for (error, name) in errors {
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains(&name), "{error}");
    }
}
