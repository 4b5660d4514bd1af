//! A part of a store that no other test sees: tenants, services, sources and units get names of their own on the way
//! in, and theirs back on the way out. Everything else reaches the store as it is.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::index::manifest::{Entry, Minute, Period, UnitRef};
use domain::record::Enriched;
use domain::retention::Class;
use domain::rollup::{Grain, Rollup, Window};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use store::cql::Cql;
use store::index::{Fresh, FreshPlace, Mark, Page};
use store::rollups::RollupRow;
use store::{Error, Events, Index, Position, Progress, Rollups, Scan};

pub(crate) struct Apart {
    store: Cql,
    prefix: String,
    /// Mixed into generations and names of units, which are their own way back.
    mask: u32,
}

impl Apart {
    pub(crate) fn new(store: Cql) -> Self {
        let prefix = format!("{}-", engines::unique("c").replace('_', "-"));
        let [mask @ .., _, _, _, _] = RandomState::new().hash_one(&prefix).to_be_bytes();
        let mask = u32::from_be_bytes(mask);
        Self { store, prefix, mask }
    }

    fn inside(&self, tenant: &TenantId) -> TenantId {
        TenantId::parse(&format!("{}{tenant}", self.prefix)).expect("a valid name")
    }

    fn source(&self, source: Source) -> Source {
        Source {
            generation: source.generation ^ self.mask,
            ..source
        }
    }

    fn unit(&self, mut unit: UnitRef) -> UnitRef {
        for (byte, mask) in unit.id.0.iter_mut().zip(self.mask.to_be_bytes()) {
            *byte ^= mask;
        }
        unit
    }

    fn entry(&self, entry: &Entry) -> Entry {
        Entry {
            source: self.source(entry.source),
            unit: self.unit(entry.unit),
            ..entry.clone()
        }
    }
}

#[async_trait]
impl Events for Apart {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), Error> {
        let mut rows = rows.to_vec();
        for row in &mut rows {
            row.tenant = self.inside(&row.tenant);
        }
        self.store.put(&rows, now).await
    }

    async fn fetch_in(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        classes: &[Class],
        now: Millis,
    ) -> Result<Vec<Enriched>, Error> {
        let inside = self.inside(tenant);
        let mut rows = self.store.fetch_in(&inside, ids, classes, now).await?;
        for row in &mut rows {
            assert_eq!(row.tenant, self.inside(tenant));
            row.tenant = tenant.clone();
        }
        Ok(rows)
    }

    async fn ids(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Scan, Error> {
        self.store.ids(&self.inside(tenant), range, order, limit).await
    }

    async fn delete(&self, tenant: &TenantId, id: EventId, keep_until: Millis) -> Result<(), Error> {
        self.store.delete(&self.inside(tenant), id, keep_until).await
    }
}

#[async_trait]
impl Progress for Apart {
    async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, Error> {
        let service = format!("{}{service}", self.prefix);
        self.store.position(&service, source).await
    }

    async fn advance(&self, service: &str, source: Source, position: Position) -> Result<(), Error> {
        let service = format!("{}{service}", self.prefix);
        self.store.advance(&service, source, position).await
    }
}

#[async_trait]
impl Index for Apart {
    async fn mark_fresh(
        &self,
        tenants: &[TenantId],
        source: Source,
        minute: Minute,
        now: Millis,
    ) -> Result<(), Error> {
        let tenants: Vec<_> = tenants.iter().map(|tenant| self.inside(tenant)).collect();
        let source = self.source(source);
        self.store.mark_fresh(&tenants, source, minute, now).await
    }

    async fn fresh_places(&self, tenant: &TenantId) -> Result<Vec<FreshPlace>, Error> {
        let mut places = self.store.fresh_places(&self.inside(tenant)).await?;
        for place in &mut places {
            place.source = self.source(place.source);
        }
        Ok(places)
    }

    async fn put_fresh(
        &self,
        source: Source,
        minute: Minute,
        segments: &[Fresh],
        now: Millis,
    ) -> Result<(), Error> {
        let mut segments = segments.to_vec();
        for fresh in &mut segments {
            fresh.tenant = self.inside(&fresh.tenant);
        }
        let source = self.source(source);
        self.store.put_fresh(source, minute, &segments, now).await
    }

    async fn fresh(
        &self,
        tenant: &TenantId,
        source: Source,
        minute: Minute,
        after: Option<u64>,
    ) -> Result<Vec<Fresh>, Error> {
        let (inside, source) = (self.inside(tenant), self.source(source));
        let mut segments = self.store.fresh(&inside, source, minute, after).await?;
        for fresh in &mut segments {
            assert_eq!(fresh.tenant, inside);
            fresh.tenant = tenant.clone();
        }
        Ok(segments)
    }

    async fn put_pages(
        &self,
        unit: UnitRef,
        pages: Vec<Page>,
        keep_until: Millis,
        now: Millis,
    ) -> Result<(), Error> {
        let unit = self.unit(unit);
        self.store.put_pages(unit, pages, keep_until, now).await
    }

    async fn page(&self, unit: UnitRef, key: &[u8]) -> Result<Option<Page>, Error> {
        self.store.page(self.unit(unit), key).await
    }

    async fn pages_at(&self, unit: UnitRef, keys: &[Vec<u8>]) -> Result<Vec<Page>, Error> {
        self.store.pages_at(self.unit(unit), keys).await
    }

    async fn pages(&self, unit: UnitRef, begin: &[u8], end: &[u8], limit: usize) -> Result<Vec<Page>, Error> {
        self.store.pages(self.unit(unit), begin, end, limit).await
    }

    async fn remove_unit(&self, unit: UnitRef) -> Result<(), Error> {
        self.store.remove_unit(self.unit(unit)).await
    }

    async fn list(&self, tenant: &TenantId, entry: &Entry, now: Millis) -> Result<(), Error> {
        let entry = self.entry(entry);
        self.store.list(&self.inside(tenant), &entry, now).await
    }

    async fn unlist(&self, tenant: &TenantId, entry: &Entry) -> Result<(), Error> {
        let entry = self.entry(entry);
        self.store.unlist(&self.inside(tenant), &entry).await
    }

    async fn replace(
        &self,
        tenant: &TenantId,
        entry: &Entry,
        replaced: &[Entry],
        now: Millis,
    ) -> Result<(), Error> {
        let entry = self.entry(entry);
        let replaced: Vec<_> = replaced.iter().map(|entry| self.entry(entry)).collect();
        let tenant = self.inside(tenant);
        self.store.replace(&tenant, &entry, &replaced, now).await
    }

    async fn manifest(&self, tenant: &TenantId, period: Period) -> Result<Vec<Entry>, Error> {
        let entries = self.store.manifest(&self.inside(tenant), period).await?;
        Ok(entries.iter().map(|entry| self.entry(entry)).collect())
    }

    async fn mark(&self, source: Source) -> Result<Option<Mark>, Error> {
        self.store.mark(self.source(source)).await
    }

    async fn advance_mark(&self, source: Source, mark: Mark) -> Result<(), Error> {
        self.store.advance_mark(self.source(source), mark).await
    }
}

#[async_trait]
impl Rollups for Apart {
    async fn put_rollups(&self, rows: &[RollupRow], now: Millis) -> Result<(), Error> {
        let mut rows = rows.to_vec();
        for row in &mut rows {
            row.key.tenant = self.inside(&row.key.tenant);
        }
        self.store.put_rollups(&rows, now).await
    }

    async fn rollups_of(
        &self,
        tenant: &TenantId,
        window: Window,
        source: Source,
    ) -> Result<Vec<(Rollup, Bytes)>, Error> {
        self.store.rollups_of(&self.inside(tenant), window, source).await
    }

    async fn rollups_in(
        &self,
        tenant: &TenantId,
        rollup: Rollup,
        grain: Grain,
        numbers: Range<i64>,
    ) -> Result<Vec<(Window, Source, Bytes)>, Error> {
        let tenant = self.inside(tenant);
        self.store.rollups_in(&tenant, rollup, grain, numbers).await
    }
}
