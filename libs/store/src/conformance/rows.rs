//! Putting and fetching rows.

use domain::cursor::Order;
use domain::event::Body;
use domain::id::IdRange;

use super::Subject;
use super::fixtures::{NOW, all_times, id, ids_of, row, rows, tenant};

/// Delivery is at least once: every write will, one day, be repeated.
pub async fn put_twice_is_put_once(store: &Subject) {
    let demo = tenant("demo");
    let rows = rows(&demo, 3);
    store.put(&rows).await;
    store.put(&rows).await;
    assert_eq!(store.fetch(&demo, &ids_of(&rows)).await, rows);
    assert_eq!(
        store.ids(&demo, all_times(), Order::OldestFirst).await,
        ids_of(&rows)
    );
}

/// So a writer that wakes up late changes nothing.
pub async fn the_greater_revision_wins_whatever_the_order(store: &Subject) {
    let demo = tenant("demo");
    for (n, order) in (0..).zip([[0, 1, 998], [998, 1, 0], [1, 998, 0], [998, 0, 998]]) {
        let id = id(0, n);
        for revision in order {
            store.put(&[row(&demo, id, revision)]).await;
        }
        assert_eq!(
            store.fetch(&demo, &[id]).await,
            [row(&demo, id, 998)],
            "after {order:?}"
        );
    }
}

/// A batch may hold an event and the same event processed again.
pub async fn the_greater_revision_wins_within_one_call(store: &Subject) {
    let demo = tenant("demo");
    let (id, other) = (id(0, 0), id(0, 1));
    let batch = [
        row(&demo, id, 1),
        row(&demo, other, 0),
        row(&demo, id, 2),
        row(&demo, id, 0),
    ];
    store.put(&batch).await;
    assert_eq!(
        store.fetch(&demo, &[id, other]).await,
        [row(&demo, id, 2), row(&demo, other, 0)]
    );
}

/// Partitions have a writer each, and two writers may have one partition for a while.
pub async fn writers_at_the_same_time_end_in_the_greatest_revision(store: &Subject) {
    const REVISIONS: u16 = 6;
    let demo = tenant("demo");
    for round in 0..20 {
        let ids: Vec<_> = (0..20).map(|n| id(round, n)).collect();
        let batch = |revision| ids.iter().map(|id| row(&demo, *id, revision)).collect::<Vec<_>>();
        let write = |revision| {
            let (events, batch) = (store.events.clone(), batch(revision));
            tokio::spawn(async move { events.put(&batch, NOW).await })
        };
        let writers: Vec<_> = (0..REVISIONS).rev().map(write).collect();
        for writer in writers {
            writer.await.expect("no writer panics").expect("rows are put");
        }
        assert_eq!(store.fetch(&demo, &ids).await, batch(REVISIONS - 1));
    }
}

/// A search asks in the order of its page.
pub async fn fetch_keeps_the_order_asked_for_and_leaves_out_the_unknown(store: &Subject) {
    let demo = tenant("demo");
    let rows = rows(&demo, 4);
    store.put(&rows).await;
    let asked = [&rows[2], &rows[0], &rows[3], &rows[0]].map(|row| row.event.id);
    let with_unknown = [&asked[..2], &[id(7, 200)], &asked[2..]].concat();
    let found = store.fetch(&demo, &with_unknown).await;
    assert_eq!(ids_of(&found), asked);
}

/// Expiry is to the millisecond, whenever the store gets rid of the row.
pub async fn an_expired_row_is_not_fetched(store: &Subject) {
    let demo = tenant("demo");
    let row = row(&demo, id(0, 0), 0);
    store.put(std::slice::from_ref(&row)).await;
    let (id, expiry) = (row.event.id, row.expires_at);
    let before = store
        .events
        .fetch(&demo, &[id], expiry.minus_ms(1))
        .await
        .expect("rows are fetched");
    assert_eq!(before, [row]);
    let at = store
        .events
        .fetch(&demo, &[id], expiry)
        .await
        .expect("rows are fetched");
    assert_eq!(at, []);
}

/// A replay of the log long after lengthens no life.
pub async fn a_row_that_is_expired_already_is_not_written(store: &Subject) {
    let demo = tenant("demo");
    let old = row(&demo, id(0, 0), 0);
    let mut kept = row(&demo, id(0, 1), 0);
    kept.expires_at = old.expires_at.plus_ms(1);
    let batch = [old.clone(), kept.clone()];
    store
        .events
        .put(&batch, old.expires_at)
        .await
        .expect("rows are put");
    assert_eq!(store.fetch(&demo, &ids_of(&batch)).await, [kept]);
}

/// One blob of half a MiB.
pub async fn a_large_row_is_kept_whole(store: &Subject) {
    let demo = tenant("demo");
    let mut large = row(&demo, id(0, 0), 0);
    if let Body::Error(report) = &mut large.event.body {
        report.stack_trace = Some("at checkout::pay\n".repeat(1 << 15));
    }
    store.put(std::slice::from_ref(&large)).await;
    assert_eq!(store.fetch(&demo, &[large.event.id]).await, [large]);
}

/// No rows, no ids, ranges without anything in them.
pub async fn nothing_in_nothing_out(store: &Subject) {
    let demo = tenant("demo");
    store.put(&[]).await;
    assert_eq!(store.fetch(&demo, &[]).await, []);
    let upside_down = IdRange::of_times(NOW.plus_ms(1), NOW);
    for range in [all_times(), IdRange::of_times(NOW, NOW), upside_down] {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            assert_eq!(store.ids(&demo, range, order).await, []);
        }
    }
}

/// Names that begin alike, and the same id in each.
pub async fn tenants_are_apart(store: &Subject) {
    let tenants = ["a", "ab", "a-b", "b"].map(tenant);
    let id = id(0, 0);
    for (tenant, revision) in tenants.iter().zip(0..).take(3) {
        store.put(&[row(tenant, id, revision)]).await;
    }
    for (tenant, revision) in tenants.iter().zip(0..).take(3) {
        assert_eq!(store.fetch(tenant, &[id]).await, [row(tenant, id, revision)]);
    }
    assert_eq!(store.fetch(&tenants[3], &[id]).await, []);
}
