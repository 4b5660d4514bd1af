//! Reading ids of a range.

use std::collections::BTreeSet;

use domain::cursor::Order;
use domain::id::{EventId, IdRange};

use super::Subject;
use super::fixtures::{NOW, all_times, id, ids_of, row, rows, tenant};

const ORDERS: [Order; 2] = [Order::OldestFirst, Order::NewestFirst];

fn ordered(ids: &[EventId], order: Order) -> Vec<EventId> {
    match order {
        Order::OldestFirst => ids.to_vec(),
        Order::NewestFirst => ids.iter().rev().copied().collect(),
    }
}

/// The begin is in the range, the end is not, whether they are times or ids.
pub async fn ids_come_in_both_orders_from_a_half_open_range(store: &Subject) {
    let demo = tenant("demo");
    let rows = rows(&demo, 6);
    store.put(&rows).await;
    let all = ids_of(&rows);
    let between_times = IdRange::of_times(all[1].time(), all[4].time());
    let between_ids = IdRange {
        begin: all[1].bytes(),
        end: all[4].bytes(),
    };
    for order in ORDERS {
        assert_eq!(store.ids(&demo, all_times(), order).await, ordered(&all, order));
        assert_eq!(
            store.ids(&demo, between_times, order).await,
            ordered(&all[1..4], order)
        );
        assert_eq!(
            store.ids(&demo, between_ids, order).await,
            ordered(&all[1..4], order)
        );
        assert_eq!(
            store.ids(&demo, all_times().after(all[3].bytes()), order).await,
            ordered(&all[4..], order)
        );
        assert_eq!(
            store.ids(&demo, all_times().before(all[3].bytes()), order).await,
            ordered(&all[..3], order)
        );
    }
}

/// With any limit, with many ids in one millisecond, with deleted ones among them.
pub async fn pages_cover_all_exactly_once(store: &Subject) {
    let demo = tenant("demo");
    let crowd = (100..120).map(|n| row(&demo, id(90_000, n), 0));
    let rows: Vec<_> = rows(&demo, 30).into_iter().chain(crowd).collect();
    store.put(&rows).await;
    let mut live: BTreeSet<_> = ids_of(&rows).into_iter().collect();
    for deleted in [0, 1, 7, 40, 49].map(|index| rows[index].event.id) {
        store.delete(&demo, deleted).await;
        live.remove(&deleted);
    }
    let live: Vec<_> = live.into_iter().collect();
    for order in ORDERS {
        for limit in [1, 2, 7, 50, 1_000] {
            let mut ids = store.pages(&demo, all_times(), order, limit).await.concat();
            ids.retain(|id| live.binary_search(id).is_ok());
            assert_eq!(ids, ordered(&live, order), "{order:?} with limit {limit}");
        }
    }
}

/// Events go on coming while someone reads page after page.
pub async fn writes_outside_of_the_range_disturb_no_page(store: &Subject) {
    let demo = tenant("demo");
    let rows = rows(&demo, 9);
    store.put(&rows).await;
    let all = ids_of(&rows);
    let range = IdRange::of_times(NOW, NOW.plus_ms(3_600_000));
    for order in ORDERS {
        let (mut read, mut left, mut n) = (Vec::new(), Some(range), 0);
        while let Some(range) = left {
            let outside = [id(-1, n), id(3_600_000, n)].map(|id| row(&demo, id, 0));
            store.put(&outside).await;
            let scan = store
                .events
                .ids(&demo, range, order, 2)
                .await
                .expect("ids are read");
            read.extend(scan.ids);
            left = scan.next;
            n += 1;
        }
        assert_eq!(read, ordered(&all, order));
    }
}

/// Names that begin alike.
pub async fn ids_of_tenants_are_apart(store: &Subject) {
    let tenants = ["a", "a-b", "ab", "b"].map(tenant);
    for (n, tenant) in (0..).zip(&tenants) {
        store
            .put(&[row(tenant, id(0, n), 0), row(tenant, id(1, n), 0)])
            .await;
    }
    for (n, tenant) in (0..).zip(&tenants) {
        for order in ORDERS {
            let expected = ordered(&[id(0, n), id(1, n)], order);
            assert_eq!(store.ids(tenant, all_times(), order).await, expected);
        }
    }
}
