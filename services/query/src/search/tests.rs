//! A search against the naive filter over the list of all events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use domain::cursor::Order;
use domain::filter::Filter;
use domain::id::{EventId, IdRange};
use domain::record::Enriched;
use domain::tenant::TenantId;
use domain::time::Millis;
use proptest::prelude::*;
use store::embedded::Embedded;
use store::{Events, Scan};

use super::{Answer, Asked};
use crate::Config;
use crate::tests::harness::{Harness, NOW, event, tenant};

const SPAN_MS: i64 = 60;
/// Events of this number are expired.
const EXPIRED: u8 = 11;

/// A store that gives ids by a few, and sometimes says first that there is none up to the next.
struct Chopped {
    store: Embedded,
    at_once: usize,
}

#[async_trait]
impl Events for Chopped {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), store::Error> {
        self.store.put(rows, now).await
    }

    async fn fetch(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        now: Millis,
    ) -> Result<Vec<Enriched>, store::Error> {
        self.store.fetch(tenant, ids, now).await
    }

    async fn ids(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Scan, store::Error> {
        let scan = self
            .store
            .ids(tenant, range, order, limit.min(self.at_once))
            .await?;
        let up_to_first = scan.ids.first().map(|first| match order {
            Order::NewestFirst => IdRange {
                end: next(*first),
                ..range
            },
            Order::OldestFirst => IdRange {
                begin: first.bytes(),
                ..range
            },
        });
        match up_to_first.filter(|rest| *rest != range && self.at_once % 2 == 1) {
            Some(rest) => Ok(Scan {
                ids: Vec::new(),
                next: Some(rest),
            }),
            None => Ok(scan),
        }
    }

    async fn delete(&self, tenant: &TenantId, id: EventId, keep_until: Millis) -> Result<(), store::Error> {
        self.store.delete(tenant, id, keep_until).await
    }
}

fn next(id: EventId) -> [u8; 16] {
    (u128::from_be_bytes(id.bytes()) + 1).to_be_bytes()
}

#[derive(Clone, Debug)]
struct Stored {
    ms: i64,
    number: u8,
    deleted_before: bool,
    deleted_after: bool,
    replayed: bool,
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
    at_once: usize,
}

fn stored() -> impl Strategy<Value = Stored> {
    let flags = (
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        any::<bool>(),
    );
    (0..SPAN_MS, 0..12_u8, flags).prop_map(|(ms, number, (deleted_before, deleted_after, replayed))| Stored {
        ms,
        number,
        deleted_before,
        deleted_after,
        replayed,
    })
}

fn story() -> impl Strategy<Value = Story> {
    let filter = prop::sample::select(vec![
        "",
        "service:service-1",
        "name:name-4",
        "kind:generic service:service-2",
        "kind:error",
    ]);
    let order = prop::sample::select(vec![Order::NewestFirst, Order::OldestFirst]);
    let page_bytes = prop::sample::select(vec![1, 500, 1_000, usize::MAX]);
    let limits = prop::collection::vec(1..20_u32, 1..4);
    let work = (
        prop_oneof![1..8_u32, Just(1_000)],
        prop_oneof![1..6_usize, Just(1_000)],
    );
    let range = (0..SPAN_MS, 1..=SPAN_MS);
    (
        prop::collection::vec(stored(), 0..120),
        filter,
        order,
        range,
        limits,
        page_bytes,
        work,
    )
        .prop_map(
            |(events, filter, order, (from, length), limits, page_bytes, (tested, at_once))| Story {
                events,
                filter: filter.to_owned(),
                order,
                from,
                to: from + length,
                limits,
                page_bytes,
                tested,
                at_once,
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
    let written_at = NOW.minus_ms(1);
    let rows: Vec<_> = story.events.iter().map(|stored| stored.event(of)).collect();
    harness.store.put(&rows, written_at).await.unwrap();
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
    harness.store.put(&again, written_at).await.unwrap();
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
            let at_once = story.at_once;
            let harness = Harness::with(config, |store| Arc::new(Chopped { store, at_once }));
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

/// A store that counts the ids whose events it was asked for.
struct Counting {
    store: Embedded,
    fetched: Arc<AtomicU32>,
}

#[async_trait]
impl Events for Counting {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), store::Error> {
        self.store.put(rows, now).await
    }

    async fn fetch(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        now: Millis,
    ) -> Result<Vec<Enriched>, store::Error> {
        self.fetched
            .fetch_add(u32::try_from(ids.len()).unwrap(), Ordering::SeqCst);
        self.store.fetch(tenant, ids, now).await
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
        filter: Filter::parse("kind:error").unwrap(),
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
