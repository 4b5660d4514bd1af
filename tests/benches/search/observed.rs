//! A store that remembers what was read from it and written to it, how long that took, and how often who asked had to
//! wait.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::index::manifest::{Entry, Minute, Period, UnitRef};
use domain::record::Enriched;
use domain::retention;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use store::cql::Cql;
use store::index::{Fresh, FreshPlace, Mark, Page};
use store::{Error, Events, Index, Position, Progress, Scan};

/// What one kind of call has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) count: u64,
    /// Rows, pages or segments that came or went.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// The sum, also of those at the same time.
    pub(crate) time: Duration,
}

/// What was done since the last look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) kinds: BTreeMap<&'static str, Calls>,
    pub(crate) units: HashSet<UnitRef>,
    /// Events that were fetched, to be tested.
    pub(crate) fetched: u64,
    /// Times that the reader had nothing under way and then began to wait: reads one after the other.
    pub(crate) rounds: u64,
    /// While something was under way.
    pub(crate) waiting: Duration,
    under_way: u64,
    since: Option<Instant>,
}

impl Seen {
    pub(crate) fn of(&self, kind: &str) -> Calls {
        self.kinds.get(kind).copied().unwrap_or_default()
    }
}

/// See the [module](self). Clones look at the same.
#[derive(Clone)]
pub(crate) struct Observed {
    store: Cql,
    seen: Arc<Mutex<Seen>>,
}

impl Observed {
    pub(crate) fn new(store: Cql) -> Self {
        Self {
            store,
            seen: Arc::default(),
        }
    }

    /// Statistics, which are not looked at.
    pub(crate) fn rollups(&self) -> Cql {
        self.store.clone()
    }

    /// What was done since the last call of this.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    async fn count<T>(
        &self,
        kind: &'static str,
        size: impl Fn(&T) -> (usize, usize),
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let begin = Instant::now();
        {
            let mut seen = self.seen.lock().unwrap();
            seen.under_way += 1;
            if seen.under_way == 1 {
                seen.rounds += 1;
                seen.since = Some(begin);
            }
        }
        let result = work.await;
        let mut seen = self.seen.lock().unwrap();
        seen.under_way = seen.under_way.saturating_sub(1);
        if seen.under_way == 0
            && let Some(since) = seen.since.take()
        {
            seen.waiting += since.elapsed();
        }
        let (rows, bytes) = result.as_ref().map_or((0, 0), &size);
        let calls = seen.kinds.entry(kind).or_default();
        calls.count += 1;
        calls.rows += rows as u64;
        calls.bytes += bytes as u64;
        calls.time += begin.elapsed();
        result
    }

    fn opened(&self, unit: UnitRef) {
        self.seen.lock().unwrap().units.insert(unit);
    }
}

/// The kind of a page, by its key.
fn kind_of(key: &[u8]) -> &'static str {
    match key.first() {
        Some(b'd') => "dictionary",
        Some(b'i') => "ids",
        Some(b'j') => "directory",
        Some(b'p') => "postings",
        _ => "page",
    }
}

fn rows<T>(rows: &[T]) -> (usize, usize) {
    (rows.len(), 0)
}

#[async_trait]
impl Events for Observed {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), Error> {
        let size = (rows.len(), 0);
        self.count("put rows", |()| size, self.store.put(rows, now)).await
    }

    async fn fetch_in(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        classes: &[retention::Class],
        now: Millis,
    ) -> Result<Vec<Enriched>, Error> {
        self.seen.lock().unwrap().fetched += ids.len() as u64;
        self.count(
            "rows",
            |found: &Vec<_>| rows(found),
            self.store.fetch_in(tenant, ids, classes, now),
        )
        .await
    }

    async fn ids(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Scan, Error> {
        self.store.ids(tenant, range, order, limit).await
    }

    async fn delete(&self, tenant: &TenantId, id: EventId, keep_until: Millis) -> Result<(), Error> {
        self.store.delete(tenant, id, keep_until).await
    }
}

#[async_trait]
impl Progress for Observed {
    async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, Error> {
        self.count("position", |_| (1, 0), self.store.position(service, source))
            .await
    }

    async fn advance(&self, service: &str, source: Source, position: Position) -> Result<(), Error> {
        let size = (1, 0);
        self.count(
            "advance",
            |()| size,
            self.store.advance(service, source, position),
        )
        .await
    }
}

#[async_trait]
impl Index for Observed {
    async fn mark_fresh(
        &self,
        tenants: &[TenantId],
        source: Source,
        minute: Minute,
        now: Millis,
    ) -> Result<(), Error> {
        let size = (tenants.len(), 0);
        self.count(
            "mark fresh",
            |()| size,
            self.store.mark_fresh(tenants, source, minute, now),
        )
        .await
    }

    async fn fresh_places(&self, tenant: &TenantId) -> Result<Vec<FreshPlace>, Error> {
        self.count(
            "fresh places",
            |places: &Vec<_>| rows(places),
            self.store.fresh_places(tenant),
        )
        .await
    }

    async fn put_fresh(
        &self,
        source: Source,
        minute: Minute,
        segments: &[Fresh],
        now: Millis,
    ) -> Result<(), Error> {
        let size = (
            segments.len(),
            segments.iter().map(|fresh| fresh.segment.len()).sum(),
        );
        self.count(
            "put fresh",
            |()| size,
            self.store.put_fresh(source, minute, segments, now),
        )
        .await
    }

    async fn fresh(
        &self,
        tenant: &TenantId,
        source: Source,
        minute: Minute,
        after: Option<u64>,
    ) -> Result<Vec<Fresh>, Error> {
        let size = |rows: &Vec<Fresh>| (rows.len(), rows.iter().map(|row| row.segment.len()).sum());
        self.count("fresh", size, self.store.fresh(tenant, source, minute, after))
            .await
    }

    async fn put_pages(
        &self,
        unit: UnitRef,
        pages: Vec<Page>,
        keep_until: Millis,
        now: Millis,
    ) -> Result<(), Error> {
        let size = (
            pages.len(),
            pages.iter().map(|(key, page)| key.len() + page.len()).sum(),
        );
        self.count(
            "put pages",
            |()| size,
            self.store.put_pages(unit, pages, keep_until, now),
        )
        .await
    }

    async fn page(&self, unit: UnitRef, key: &[u8]) -> Result<Option<Page>, Error> {
        self.opened(unit);
        let size = |page: &Option<Page>| page.as_ref().map_or((0, 0), |(_, page)| (1, page.len()));
        self.count(kind_of(key), size, self.store.page(unit, key)).await
    }

    async fn pages(&self, unit: UnitRef, begin: &[u8], end: &[u8], limit: usize) -> Result<Vec<Page>, Error> {
        self.opened(unit);
        let size = |pages: &Vec<Page>| (pages.len(), pages.iter().map(|(_, page)| page.len()).sum());
        self.count(kind_of(begin), size, self.store.pages(unit, begin, end, limit))
            .await
    }

    async fn pages_at(&self, unit: UnitRef, keys: &[Vec<u8>]) -> Result<Vec<Page>, Error> {
        self.opened(unit);
        let size = |pages: &Vec<Page>| (pages.len(), pages.iter().map(|(_, page)| page.len()).sum());
        let name = keys.first().map_or("page", |key| kind_of(key));
        self.count(name, size, self.store.pages_at(unit, keys)).await
    }

    async fn remove_unit(&self, unit: UnitRef) -> Result<(), Error> {
        let size = (1, 0);
        self.count("remove unit", |()| size, self.store.remove_unit(unit))
            .await
    }

    async fn list(&self, tenant: &TenantId, entry: &Entry, now: Millis) -> Result<(), Error> {
        let size = (1, 0);
        self.count("list", |()| size, self.store.list(tenant, entry, now))
            .await
    }

    async fn unlist(&self, tenant: &TenantId, entry: &Entry) -> Result<(), Error> {
        let size = (1, 0);
        self.count("unlist", |()| size, self.store.unlist(tenant, entry))
            .await
    }

    async fn replace(
        &self,
        tenant: &TenantId,
        entry: &Entry,
        replaced: &[Entry],
        now: Millis,
    ) -> Result<(), Error> {
        let size = (1 + replaced.len(), 0);
        let replacing = self.store.replace(tenant, entry, replaced, now);
        self.count("replace", |()| size, replacing).await
    }

    async fn manifest(&self, tenant: &TenantId, period: Period) -> Result<Vec<Entry>, Error> {
        self.count(
            "manifest",
            |entries: &Vec<_>| rows(entries),
            self.store.manifest(tenant, period),
        )
        .await
    }

    async fn mark(&self, source: Source) -> Result<Option<Mark>, Error> {
        self.count("mark", |_| (1, 0), self.store.mark(source)).await
    }

    async fn advance_mark(&self, source: Source, mark: Mark) -> Result<(), Error> {
        let size = (1, 0);
        self.count("advance mark", |()| size, self.store.advance_mark(source, mark))
            .await
    }
}
