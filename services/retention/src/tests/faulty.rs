//! A store of which one write fails, and which remembers what was written.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use domain::index::manifest::{Entry, Minute, Period, UnitRef};
use store::Index;
use store::index::{Fresh, FreshPlace, Mark, Page};

use super::{
    Arc, Enriched, EventId, Events, IdRange, Millis, Order, Position, Progress, RetentionClass, Scan, Source,
    TenantId, async_trait,
};

/// What becomes of the write that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing of it is done.
    Lost,
    /// Half of it is done.
    Half,
    /// All of it is done, but nobody hears of it.
    Unheard,
}

pub(super) struct Faulty {
    store: store::embedded::Embedded,
    fault: Fault,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Writes until the one that fails; none for never.
    left: Option<u32>,
    has_failed: bool,
    rows: BTreeMap<EventId, u32>,
    segments: u32,
}

impl Faulty {
    /// The write with this number fails, counted from 0.
    pub(super) fn new(store: &store::embedded::Embedded, number: Option<u32>, fault: Fault) -> Arc<Self> {
        let state = State {
            left: number,
            ..State::default()
        };
        Arc::new(Self {
            store: store.clone(),
            fault,
            state: Mutex::new(state),
        })
    }

    pub(super) fn has_failed(&self) -> bool {
        self.state.lock().unwrap().has_failed
    }

    /// How often each row was written.
    pub(super) fn rows(&self) -> BTreeMap<EventId, u32> {
        self.state.lock().unwrap().rows.clone()
    }

    /// How many fresh segments were written.
    pub(super) fn segments(&self) -> u32 {
        self.state.lock().unwrap().segments
    }

    /// How much of `count` things to do, and what to answer.
    fn next(&self, count: usize) -> (usize, Result<(), store::Error>) {
        let mut state = self.state.lock().unwrap();
        let left = state.left;
        state.left = left.and_then(|left| left.checked_sub(1));
        if left != Some(0) {
            return (count, Ok(()));
        }
        state.has_failed = true;
        let done = match self.fault {
            Fault::Lost => 0,
            Fault::Half => count / 2,
            Fault::Unheard => count,
        };
        let reason = "the test said so".to_owned();
        (done, Err(store::Error::Unavailable { reason }))
    }
}

#[async_trait]
impl Events for Faulty {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), store::Error> {
        let (done, answer) = self.next(rows.len());
        for row in &rows[..done] {
            *self.state.lock().unwrap().rows.entry(row.event.id).or_default() += 1;
        }
        self.store.put(&rows[..done], now).await?;
        answer
    }

    async fn fetch_in(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        classes: &[RetentionClass],
        now: Millis,
    ) -> Result<Vec<Enriched>, store::Error> {
        self.store.fetch_in(tenant, ids, classes, now).await
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

#[async_trait]
impl Progress for Faulty {
    async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, store::Error> {
        self.store.position(service, source).await
    }

    async fn advance(&self, service: &str, source: Source, position: Position) -> Result<(), store::Error> {
        let (done, answer) = self.next(1);
        if done > 0 {
            self.store.advance(service, source, position).await?;
        }
        answer
    }
}

#[async_trait]
impl Index for Faulty {
    async fn mark_fresh(
        &self,
        tenants: &[TenantId],
        source: Source,
        minute: Minute,
        now: Millis,
    ) -> Result<(), store::Error> {
        let (done, answer) = self.next(tenants.len());
        self.store
            .mark_fresh(&tenants[..done], source, minute, now)
            .await?;
        answer
    }

    async fn fresh_places(&self, tenant: &TenantId) -> Result<Vec<FreshPlace>, store::Error> {
        self.store.fresh_places(tenant).await
    }

    async fn put_fresh(
        &self,
        source: Source,
        minute: Minute,
        segments: &[Fresh],
        now: Millis,
    ) -> Result<(), store::Error> {
        let (done, answer) = self.next(segments.len());
        self.state.lock().unwrap().segments += u32::try_from(done).unwrap();
        self.store
            .put_fresh(source, minute, &segments[..done], now)
            .await?;
        answer
    }

    async fn fresh(
        &self,
        tenant: &TenantId,
        source: Source,
        minute: Minute,
        after: Option<u64>,
    ) -> Result<Vec<Fresh>, store::Error> {
        self.store.fresh(tenant, source, minute, after).await
    }

    async fn put_pages(
        &self,
        unit: UnitRef,
        mut pages: Vec<(Vec<u8>, Bytes)>,
        keep_until: Millis,
        now: Millis,
    ) -> Result<(), store::Error> {
        let (done, answer) = self.next(pages.len());
        pages.truncate(done);
        self.store.put_pages(unit, pages, keep_until, now).await?;
        answer
    }

    async fn page(&self, unit: UnitRef, key: &[u8]) -> Result<Option<Page>, store::Error> {
        self.store.page(unit, key).await
    }

    async fn pages(
        &self,
        unit: UnitRef,
        begin: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<Page>, store::Error> {
        self.store.pages(unit, begin, end, limit).await
    }

    async fn remove_unit(&self, unit: UnitRef) -> Result<(), store::Error> {
        self.store.remove_unit(unit).await
    }

    async fn list(&self, tenant: &TenantId, entry: &Entry, now: Millis) -> Result<(), store::Error> {
        let (done, answer) = self.next(1);
        if done > 0 {
            self.store.list(tenant, entry, now).await?;
        }
        answer
    }

    async fn unlist(&self, tenant: &TenantId, entry: &Entry) -> Result<(), store::Error> {
        let (done, answer) = self.next(1);
        if done > 0 {
            self.store.unlist(tenant, entry).await?;
        }
        answer
    }

    async fn manifest(&self, tenant: &TenantId, period: Period) -> Result<Vec<Entry>, store::Error> {
        self.store.manifest(tenant, period).await
    }

    async fn mark(&self, source: Source) -> Result<Option<Mark>, store::Error> {
        self.store.mark(source).await
    }

    async fn advance_mark(&self, source: Source, mark: Mark) -> Result<(), store::Error> {
        let (done, answer) = self.next(1);
        if done > 0 {
            self.store.advance_mark(source, mark).await?;
        }
        answer
    }
}
