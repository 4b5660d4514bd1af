//! A search against the naive filter over the list of all events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use domain::cursor::Order;
use domain::filter::Filter;
use domain::id::{EventId, IdRange};
use domain::record::Enriched;
use domain::retention::Class;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use proptest::prelude::*;
use store::embedded::Embedded;
use store::{Events, Scan};

use super::{Answer, Asked};
use crate::Config;
use crate::tests::harness::{Harness, NOW, SOURCE, event, tenant};

const SPAN_MS: i64 = 60;
/// Events of this number are expired.
const EXPIRED: u8 = 11;
/// Writes of a story, of which the first are sealed.
const WRITES: u8 = 8;
const SEALED: u8 = 5;

#[derive(Clone, Debug)]
struct Stored {
    ms: i64,
    number: u8,
    deleted_before: bool,
    deleted_after: bool,
    replayed: bool,
    /// In which write it comes; each is a flush, or a unit of one of two sources.
    write: u8,
}

#[derive(Clone, Debug)]
struct Story {
    events: Vec<Stored>,
    filter: String,
    order: Order,
    from: i64,
    to: i64,
    limits: Vec<u32>,
    page_bytes: usize,
    tested: u32,
}

fn stored() -> impl Strategy<Value = Stored> {
    let flags = (
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        any::<bool>(),
    );
    (0..SPAN_MS, 0..12_u8, flags, 0..WRITES).prop_map(
        |(ms, number, (deleted_before, deleted_after, replayed), write)| Stored {
            ms,
            number,
            deleted_before,
            deleted_after,
            replayed,
            write,
        },
    )
}

fn story() -> impl Strategy<Value = Story> {
    let filter = prop::sample::select(vec![
        "",
        "service:service-1",
        "name:name-4",
        "kind:generic service:service-2",
        "kind:error",
        "-service:service-1",
        "name:name-4 OR name:name-5",
        "name:name-* -name:name-4",
        "service:service-1 (name:name-1 OR name:name-7)",
        "attributes.cart.total:>98 service:service-0",
        "\"name 4\"",
        "attributes.cart.total:<98 OR service:service-2",
    ]);
    let order = prop::sample::select(vec![Order::NewestFirst, Order::OldestFirst]);
    let page_bytes = prop::sample::select(vec![1, 500, 1_000, usize::MAX]);
    let limits = prop::collection::vec(1..20_u32, 1..4);
    let tested = prop_oneof![1..8_u32, Just(1_000)];
    let range = (0..SPAN_MS, 1..=SPAN_MS);
    (
        prop::collection::vec(stored(), 0..120),
        filter,
        order,
        range,
        limits,
        page_bytes,
        tested,
    )
        .prop_map(
            |(events, filter, order, (from, length), limits, page_bytes, tested)| Story {
                events,
                filter: filter.to_owned(),
                order,
                from,
                to: from + length,
                limits,
                page_bytes,
                tested,
            },
        )
}

impl Stored {
    fn event(&self, of: &str) -> Enriched {
        let mut event = event(of, NOW.minus_ms(SPAN_MS - self.ms), self.number);
        if self.number == EXPIRED {
            event.expires_at = NOW;
        }
        event
    }
}

/// What the search has to return, the naive way.
fn expected(story: &Story, of: &str) -> Vec<EventId> {
    let filter = Filter::parse(&story.filter).unwrap();
    let mut by_id: BTreeMap<EventId, (Enriched, bool)> = BTreeMap::new();
    for stored in &story.events {
        let event = stored.event(of);
        let entry = by_id.entry(event.event.id).or_insert((event, false));
        entry.1 |= stored.deleted_before || stored.deleted_after;
    }
    let matching = by_id.into_values().filter(|(event, deleted)| {
        let ms = event.event.time().since(NOW.minus_ms(SPAN_MS));
        !deleted
            && event.expires_at > NOW
            && (story.from..story.to).contains(&ms)
            && filter.matches(&event.event, &event.context)
    });
    let mut ids: Vec<_> = matching.map(|(event, _)| event.event.id).collect();
    if story.order == Order::NewestFirst {
        ids.reverse();
    }
    ids
}

async fn fill(harness: &Harness, story: &Story, of: &str, others: &str) {
    let keep_until = NOW.plus_ms(1_000_000);
    let delete = async |stored: &Stored| {
        let id = stored.event(of).event.id;
        harness.store.delete(&tenant(of), id, keep_until).await.unwrap();
    };
    for stored in story.events.iter().filter(|stored| stored.deleted_before) {
        delete(stored).await;
    }
    for write in 0..WRITES {
        let stored = story.events.iter().filter(|stored| stored.write == write);
        let rows: Vec<_> = stored.map(|stored| stored.event(of)).collect();
        let source = Source {
            partition: u32::from(write % 2),
            ..SOURCE
        };
        match write {
            ..SEALED => harness.indexed.put_sealed(&rows, source).await,
            _ => harness.indexed.put(&rows).await,
        }
    }
    for stored in story.events.iter().filter(|stored| stored.deleted_after) {
        delete(stored).await;
    }
    let replayed = story.events.iter().filter(|stored| stored.replayed);
    let revised = |stored: &Stored| Enriched {
        revision: 1,
        ..stored.event(of)
    };
    let mut again: Vec<_> = replayed.map(revised).collect();
    again.extend(story.events.iter().map(|stored| stored.event(others)));
    harness.indexed.put(&again).await;
}

async fn page(harness: &Harness, story: &Story, of: &str, asked: &Asked) -> Answer<EventId> {
    let render = |event: Enriched| Ok((event.event.id, 200));
    harness
        .service
        .search(&tenant(of), asked, story.page_bytes, render)
        .await
        .unwrap()
}

async fn search_all(harness: &Harness, story: &Story, of: &str) -> Vec<EventId> {
    let time = |ms: i64| Some(NOW.minus_ms(SPAN_MS - ms).to_string());
    let mut asked = Asked {
        from: time(story.from),
        to: time(story.to),
        filter: Filter::parse(&story.filter).unwrap(),
        order: story.order,
        ..Asked::default()
    };
    let mut found = Vec::new();
    for number in 0..1_000 {
        asked.limit = Some(story.limits[number % story.limits.len()]);
        let answer = page(harness, story, of, &asked).await;
        assert!(answer.events.len() <= usize::try_from(asked.limit.unwrap()).unwrap());
        assert!(answer.events.len() <= 1 || answer.events.len() * 200 <= story.page_bytes);
        assert!(answer.complete || answer.next_cursor.is_some());
        found.extend(answer.events);
        asked.cursor = answer.next_cursor;
        if asked.cursor.is_none() {
            return found;
        }
    }
    panic!("the search has no end");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn pages_together_are_what_the_naive_filter_gives(story in story()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut config = Config::default();
            config.search.tested = story.tested;
            let harness = Harness::with_config(config);
            fill(&harness, &story, "alpha", "beta").await;
            let found = search_all(&harness, &story, "alpha").await;
            prop_assert_eq!(found, expected(&story, "alpha"));
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn what_arrives_ahead_of_the_cursor_is_found() {
    for (order, ahead_ms) in [(Order::NewestFirst, -1_000), (Order::OldestFirst, 1_000)] {
        let harness = Harness::new();
        let base = NOW.minus_ms(10_000);
        let mut expected: Vec<_> = (0..10)
            .map(|n| event("alpha", base.plus_ms(i64::from(n)), n))
            .collect();
        harness.put(&expected).await;
        let mut asked = Asked {
            order,
            limit: Some(3),
            ..Asked::default()
        };
        let render = |event: Enriched| Ok((event.event.id, 1));
        let first = harness
            .service
            .search(&tenant("alpha"), &asked, 1_000, render)
            .await
            .unwrap();
        let late: Vec<_> = (0..5)
            .map(|n| event("alpha", base.plus_ms(ahead_ms + i64::from(n)), n))
            .collect();
        harness.put(&late).await;
        expected.extend(late);
        let mut found = first.events;
        asked.cursor = first.next_cursor;
        while asked.cursor.is_some() {
            let answer = harness
                .service
                .search(&tenant("alpha"), &asked, 1_000, render)
                .await
                .unwrap();
            found.extend(answer.events);
            asked.cursor = answer.next_cursor;
        }
        let mut expected: Vec<_> = expected.iter().map(|event| event.event.id).collect();
        expected.sort();
        if order == Order::NewestFirst {
            expected.reverse();
        }
        assert_eq!(found, expected);
    }
}

/// A store that counts the ids whose events it was asked for, and that has a table for each class.
struct Counting {
    store: Embedded,
    fetched: Arc<AtomicU32>,
}

#[async_trait]
impl Events for Counting {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), store::Error> {
        self.store.put(rows, now).await
    }

    async fn fetch_in(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        classes: &[Class],
        now: Millis,
    ) -> Result<Vec<Enriched>, store::Error> {
        self.fetched
            .fetch_add(u32::try_from(ids.len()).unwrap(), Ordering::SeqCst);
        let mut found = self.store.fetch_in(tenant, ids, classes, now).await?;
        found.retain(|event| classes.contains(&event.class));
        Ok(found)
    }

    async fn ids(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Scan, store::Error> {
        self.store.ids(tenant, range, order, limit).await
    }

    async fn delete(&self, tenant: &TenantId, id: EventId, keep_until: Millis) -> Result<(), store::Error> {
        self.store.delete(tenant, id, keep_until).await
    }
}

#[tokio::test]
async fn an_event_that_has_got_another_class_than_the_index_knows_is_found() {
    let fetched = Arc::new(AtomicU32::new(0));
    let harness = Harness::with(Config::default(), |store| Arc::new(Counting { store, fetched }));
    let events: Vec<_> = (0..3_u8)
        .map(|n| event("alpha", NOW.minus_ms(i64::from(n)), n))
        .collect();
    harness.put(&events).await;
    // Processed again, and its place in the index is not written yet.
    let revised = Enriched {
        class: Class::Days90,
        revision: 1,
        ..events[1].clone()
    };
    harness.store.put(&[revised], NOW.minus_ms(1)).await.unwrap();
    let answer = harness
        .service
        .search(&tenant("alpha"), &Asked::default(), 1_000, |event| {
            Ok((event.event.id, 1))
        })
        .await
        .unwrap();
    let ids: Vec<_> = events.iter().map(|event| event.event.id).collect();
    assert_eq!(answer.events, ids);
}

#[tokio::test]
async fn work_is_bounded_whatever_matches() {
    let fetched = Arc::new(AtomicU32::new(0));
    let counted = fetched.clone();
    let mut config = Config::default();
    config.search.tested = 70;
    let harness = Harness::with(config, |store| {
        Arc::new(Counting {
            store,
            fetched: counted,
        })
    });
    let events: Vec<_> = (0..200_u8)
        .map(|n| event("alpha", NOW.minus_ms(i64::from(n)), n))
        .collect();
    harness.put(&events).await;
    let asked = Asked {
        filter: Filter::parse("-kind:generic").unwrap(),
        ..Asked::default()
    };
    let answer = harness
        .service
        .search(&tenant("alpha"), &asked, 1_000, |_| Ok(((), 1)))
        .await
        .unwrap();
    assert!(!answer.complete && answer.next_cursor.is_some());
    assert_eq!(fetched.load(Ordering::SeqCst), 70);
}
