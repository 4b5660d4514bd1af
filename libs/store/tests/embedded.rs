//! What only the embedded store promises: its directory, its limits, and that what has expired goes.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::source::{Lane, Source};
use domain::time::Millis;
use proptest::prelude::*;
use store::conformance::fixtures::{KEEP_UNTIL, NOW, all_times, id, ids_of, row, rows, tenant};
use store::embedded::{Config, Embedded, Swept};
use store::{Class, Error, Events, Position, Progress};

/// Settings under which nothing happens by itself.
fn still() -> Config {
    let mut config = Config::new(Arc::new(|| Millis::EPOCH));
    config.sweep_every = Duration::from_hours(1);
    config
}

fn open(dir: &Path, config: Config) -> Embedded {
    Embedded::open(dir, config).expect("the store opens")
}

async fn sweep_all(store: &Embedded, now: Millis) -> Swept {
    let mut total = Swept::default();
    while !total.finished {
        let round = store.sweep(now).await.expect("the store is swept");
        total.looked_at += round.looked_at;
        total.removed += round.removed;
        total.finished = round.finished;
    }
    total
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let demo = tenant("demo");
    let rows = rows(&demo, 3);
    let store = open(dir.path(), still());
    store.put(&rows, NOW).await.unwrap();
    store.delete(&demo, rows[1].event.id, KEEP_UNTIL).await.unwrap();
    drop(store);
    let store = open(dir.path(), still());
    let found = store.fetch(&demo, &ids_of(&rows), NOW).await.unwrap();
    assert_eq!(found, [rows[0].clone(), rows[2].clone()]);
}

#[tokio::test]
async fn a_second_open_is_refused_until_the_last_handle_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), still());
    let clone = store.clone();
    drop(store);
    let refused = Embedded::open(dir.path(), still()).err().unwrap();
    assert_eq!(refused.class(), Class::Transient, "{refused}");
    drop(clone);
    open(dir.path(), still());
}

#[test]
fn a_store_of_another_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), still()));
    {
        let db = fjall::Database::builder(dir.path().join("store")).open().unwrap();
        let meta = db
            .keyspace("meta", fjall::KeyspaceCreateOptions::default)
            .unwrap();
        meta.insert("schema", 7_u32.to_le_bytes()).unwrap();
    }
    let refused = Embedded::open(dir.path(), still()).err().unwrap();
    assert!(
        matches!(refused, Error::SchemaMismatch { found: 7, needed: 1 }),
        "{refused}"
    );
}

#[test]
fn a_first_start_that_was_cut_short_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("store.new")).unwrap();
    std::fs::write(dir.path().join("store.new/0.jnl"), "half").unwrap();
    open(dir.path(), still());
}

#[test]
fn wrong_settings_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let wrong: [fn(&mut Config); 5] = [
        |config| config.max_row_bytes = 0,
        |config| config.memtable_bytes = 0,
        |config| config.journal_bytes = 1 << 20,
        |config| config.sync_every = Duration::ZERO,
        |config| config.sweep_entries = 0,
    ];
    for change in wrong {
        let mut config = still();
        change(&mut config);
        assert!(Embedded::open(dir.path(), config).is_err());
    }
}

#[tokio::test]
async fn a_row_that_is_too_large_is_poison() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = still();
    config.max_row_bytes = 50;
    let store = open(dir.path(), config);
    let error = store.put(&rows(&tenant("demo"), 1), NOW).await.unwrap_err();
    assert!(
        matches!(error, Error::RowTooLarge { max_bytes: 50, .. }),
        "{error}"
    );
    assert_eq!(error.class(), Class::Poison);
}

#[tokio::test]
async fn a_sweep_removes_exactly_what_has_expired() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = still();
    config.sweep_entries = 3;
    let store = open(dir.path(), config);
    let (demo, other) = (tenant("demo"), tenant("other"));
    let mut rows = [rows(&demo, 7), rows(&other, 2)].concat();
    for row in &mut rows[..4] {
        row.expires_at = NOW.plus_ms(10);
    }
    store.put(&rows, NOW).await.unwrap();
    let source = Source {
        lane: Lane::Standard,
        generation: 0,
        partition: 0,
    };
    let position = Position {
        next_offset: 1,
        origin: 0,
        appended_at_ms: 0,
        checksum: 0,
    };
    store.advance("retention", source, position).await.unwrap();
    store
        .delete(&demo, rows[4].event.id, NOW.plus_ms(10))
        .await
        .unwrap();

    let before = sweep_all(&store, NOW.plus_ms(9)).await;
    assert_eq!(
        before,
        Swept {
            looked_at: 10,
            removed: 0,
            finished: true
        }
    );
    let at = sweep_all(&store, NOW.plus_ms(10)).await;
    // Four rows, and a tombstone with its marker.
    assert_eq!(
        at,
        Swept {
            looked_at: 10,
            removed: 6,
            finished: true
        }
    );
    let after = sweep_all(&store, NOW.plus_ms(10)).await;
    assert_eq!(
        after,
        Swept {
            looked_at: 4,
            removed: 0,
            finished: true
        }
    );

    let stored = store.position("retention", source).await.unwrap();
    assert_eq!(stored, Some(position));
    let left = store
        .ids(&demo, all_times(), Order::OldestFirst, 100)
        .await
        .unwrap();
    assert_eq!(left.ids, ids_of(&rows[5..7]));
    let found = store.fetch(&other, &ids_of(&rows[7..]), NOW).await.unwrap();
    assert_eq!(found, rows[7..]);
}

#[tokio::test]
async fn a_round_of_the_sweep_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = still();
    config.sweep_entries = 4;
    let store = open(dir.path(), config);
    let rows = rows(&tenant("demo"), 10);
    store.put(&rows, NOW).await.unwrap();
    let round = store.sweep(KEEP_UNTIL).await.unwrap();
    assert_eq!(
        round,
        Swept {
            looked_at: 4,
            removed: 4,
            finished: false
        }
    );
}

#[tokio::test]
async fn the_background_removes_what_has_expired() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(Arc::new(|| KEEP_UNTIL));
    config.sync_every = Duration::from_millis(5);
    config.sweep_every = Duration::from_millis(5);
    let store = open(dir.path(), config);
    let demo = tenant("demo");
    store.put(&rows(&demo, 3), NOW).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !store
        .ids(&demo, all_times(), Order::OldestFirst, 10)
        .await
        .unwrap()
        .ids
        .is_empty()
    {
        assert!(Instant::now() < deadline, "expired rows are still there");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_page_of_ids_has_a_bound_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), still());
    let demo = tenant("demo");
    let many: Vec<_> = (0..10_001).map(|ms| row(&demo, id(ms, 0), 0)).collect();
    store.put(&many, NOW).await.unwrap();
    let first = store
        .ids(&demo, all_times(), Order::NewestFirst, usize::MAX)
        .await
        .unwrap();
    assert_eq!(first.ids.len(), 10_000);
    let rest = store
        .ids(&demo, first.next.unwrap(), Order::NewestFirst, usize::MAX)
        .await
        .unwrap();
    assert_eq!((rest.ids, rest.next), (vec![id(0, 0)], None));
}

#[tokio::test]
async fn tenants_are_apart_at_the_end_of_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), still());
    let tenants = ["a", "ab"].map(tenant);
    let ids = [0, 1].map(|n| EventId::made(Millis::MAX, [n; 10]));
    for (tenant, id) in tenants.iter().zip(ids) {
        store.put(&[row(tenant, id, 0)], NOW).await.unwrap();
    }
    let all = IdRange {
        begin: [0; 16],
        end: [0xff; 16],
    };
    for (tenant, id) in tenants.iter().zip(ids) {
        let scan = store.ids(tenant, all, Order::NewestFirst, 10).await.unwrap();
        assert_eq!((scan.ids, scan.next), (vec![id], None));
    }
}

#[tokio::test]
async fn rows_that_were_written_out_of_memory_are_compared_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = still();
    config.memtable_bytes = 64 << 10;
    let store = open(dir.path(), config);
    let demo = tenant("demo");
    let newest: Vec<_> = (0..200).map(|ms| row(&demo, id(ms, 0), 2)).collect();
    store.put(&newest, NOW).await.unwrap();
    // Pushes the rows above out of memory.
    for batch in 1..20 {
        let others: Vec<_> = (0..200)
            .map(|ms| row(&demo, id(batch * 1_000 + ms, 1), 0))
            .collect();
        store.put(&others, NOW).await.unwrap();
    }
    let older: Vec<_> = (0..200).map(|ms| row(&demo, id(ms, 0), 1)).collect();
    store.put(&older, NOW).await.unwrap();
    assert_eq!(store.fetch(&demo, &ids_of(&newest), NOW).await.unwrap(), newest);
}

proptest! {
    #[test]
    fn no_stored_position_panics(bytes: Vec<u8>) {
        let _ = store::embedded::progress::decode(&bytes);
    }
}
