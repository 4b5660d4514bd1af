//! The store as one process sees it: of its calls one comes to what the case says, the others to what they should.

use std::sync::Arc;

use async_trait::async_trait;
use chassis::clock::{Clock, Manual};
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::index::manifest::{Entry, Minute, Period, UnitRef};
use domain::record::Enriched;
use domain::retention::Class;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use e2e::schedule;
pub(crate) use e2e::schedule::Trouble;
use store::index::{FRESH_LIFE_MS, Fresh, FreshPlace, Mark, Page};
use store::{Error, Events, Index, Position, Progress, Scan};

use crate::writes::{Whole, Write};

/// Calls that a trouble can be meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Rows,
    FreshPlaces,
    Fresh,
    Pages,
    Removal,
    Listing,
    Unlisting,
    Mark,
    Position,
    ReadRows,
    ReadIds,
    ReadFreshPlaces,
    ReadFresh,
    ReadPages,
    ReadManifest,
    ReadMark,
    ReadPosition,
}

pub(crate) type Plan = schedule::Plan<Call>;
pub(crate) type Control = schedule::Control<Call>;
pub(crate) type Actor = schedule::Actor<Call>;
pub(crate) type Late = schedule::Late<Write>;

/// See the [module](self).
pub(crate) struct Flaky {
    pub(crate) calls: schedule::Flaky<Write>,
    /// By which fresh segments are gone.
    pub(crate) clock: Arc<Manual>,
}

impl Flaky {
    async fn write(&self, write: Write) -> Result<(), Error> {
        self.calls.write(write).await
    }

    async fn read(&self, call: Call) -> Result<&dyn Whole, Error> {
        self.calls.read(call).await
    }

    /// A store keeps fresh segments for their life and no longer, whatever the clock of its machine.
    fn is_gone(&self, minute: Minute) -> bool {
        minute.begin().as_ms() < self.clock.now_ms() - FRESH_LIFE_MS
    }
}

#[async_trait]
impl Events for Flaky {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), Error> {
        self.write(Write::Rows(rows.to_vec(), now)).await
    }

    async fn fetch_in(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        classes: &[Class],
        now: Millis,
    ) -> Result<Vec<Enriched>, Error> {
        self.read(Call::ReadRows)
            .await?
            .fetch_in(tenant, ids, classes, now)
            .await
    }

    async fn ids(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Scan, Error> {
        self.read(Call::ReadIds)
            .await?
            .ids(tenant, range, order, limit)
            .await
    }

    async fn delete(&self, _: &TenantId, _: EventId, _: Millis) -> Result<(), Error> {
        panic!("no process deletes but the one that is asked to")
    }
}

#[async_trait]
impl Progress for Flaky {
    async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, Error> {
        self.read(Call::ReadPosition)
            .await?
            .position(service, source)
            .await
    }

    async fn advance(&self, service: &str, source: Source, position: Position) -> Result<(), Error> {
        self.write(Write::Position(service.to_owned(), source, position))
            .await
    }
}

#[async_trait]
impl Index for Flaky {
    async fn mark_fresh(
        &self,
        tenants: &[TenantId],
        source: Source,
        minute: Minute,
        now: Millis,
    ) -> Result<(), Error> {
        self.write(Write::FreshPlaces(tenants.to_vec(), source, minute, now))
            .await
    }

    async fn fresh_places(&self, tenant: &TenantId) -> Result<Vec<FreshPlace>, Error> {
        self.read(Call::ReadFreshPlaces).await?.fresh_places(tenant).await
    }

    async fn put_fresh(
        &self,
        source: Source,
        minute: Minute,
        segments: &[Fresh],
        now: Millis,
    ) -> Result<(), Error> {
        self.write(Write::Fresh(source, minute, segments.to_vec(), now))
            .await
    }

    async fn fresh(
        &self,
        tenant: &TenantId,
        source: Source,
        minute: Minute,
        after: Option<u64>,
    ) -> Result<Vec<Fresh>, Error> {
        let store = self.read(Call::ReadFresh).await?;
        if self.is_gone(minute) {
            return Ok(Vec::new());
        }
        store.fresh(tenant, source, minute, after).await
    }

    async fn put_pages(
        &self,
        unit: UnitRef,
        pages: Vec<Page>,
        keep_until: Millis,
        now: Millis,
    ) -> Result<(), Error> {
        self.write(Write::Pages(unit, pages, keep_until, now)).await
    }

    async fn page(&self, unit: UnitRef, key: &[u8]) -> Result<Option<Page>, Error> {
        self.read(Call::ReadPages).await?.page(unit, key).await
    }

    async fn pages(&self, unit: UnitRef, begin: &[u8], end: &[u8], limit: usize) -> Result<Vec<Page>, Error> {
        self.read(Call::ReadPages)
            .await?
            .pages(unit, begin, end, limit)
            .await
    }

    async fn pages_at(&self, unit: UnitRef, keys: &[Vec<u8>]) -> Result<Vec<Page>, Error> {
        self.read(Call::ReadPages).await?.pages_at(unit, keys).await
    }

    async fn remove_unit(&self, unit: UnitRef) -> Result<(), Error> {
        self.write(Write::Removal(unit)).await
    }

    async fn list(&self, tenant: &TenantId, entry: &Entry, now: Millis) -> Result<(), Error> {
        self.write(Write::Listing(tenant.clone(), entry.clone(), now))
            .await
    }

    async fn unlist(&self, tenant: &TenantId, entry: &Entry) -> Result<(), Error> {
        self.write(Write::Unlisting(tenant.clone(), entry.clone())).await
    }

    async fn manifest(&self, tenant: &TenantId, period: Period) -> Result<Vec<Entry>, Error> {
        self.read(Call::ReadManifest)
            .await?
            .manifest(tenant, period)
            .await
    }

    async fn mark(&self, source: Source) -> Result<Option<Mark>, Error> {
        self.read(Call::ReadMark).await?.mark(source).await
    }

    async fn advance_mark(&self, source: Source, mark: Mark) -> Result<(), Error> {
        self.write(Write::Mark(source, mark)).await
    }
}
