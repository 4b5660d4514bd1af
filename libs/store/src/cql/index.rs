//! The search index in the cluster: its calls, each in a module of its part.
//!
//! - `fresh`: segments and where they are; `units`: pages; `manifest`: units and marks.

mod fresh;
mod manifest;
mod units;

use async_trait::async_trait;
use domain::index::manifest::{Entry, Minute, Period, UnitRef};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;

use super::Cql;
use crate::index::{Fresh, FreshPlace, Index, Mark, Page};
use crate::port::Error;

#[async_trait]
impl Index for Cql {
    async fn mark_fresh(
        &self,
        tenants: &[TenantId],
        source: Source,
        minute: Minute,
        now: Millis,
    ) -> Result<(), Error> {
        self.call("mark_fresh", self.0.mark_fresh(tenants, source, minute, now))
            .await
    }

    async fn fresh_places(&self, tenant: &TenantId) -> Result<Vec<FreshPlace>, Error> {
        self.call("fresh_places", self.0.fresh_places(tenant)).await
    }

    async fn put_fresh(
        &self,
        source: Source,
        minute: Minute,
        segments: &[Fresh],
        now: Millis,
    ) -> Result<(), Error> {
        self.call("put_fresh", self.0.put_fresh(source, minute, segments, now))
            .await
    }

    async fn fresh(
        &self,
        tenant: &TenantId,
        source: Source,
        minute: Minute,
        after: Option<u64>,
    ) -> Result<Vec<Fresh>, Error> {
        self.call("fresh", self.0.fresh(tenant, source, minute, after))
            .await
    }

    async fn put_pages(
        &self,
        unit: UnitRef,
        pages: Vec<Page>,
        keep_until: Millis,
        now: Millis,
    ) -> Result<(), Error> {
        self.call("put_pages", self.0.put_pages(unit, &pages, keep_until, now))
            .await
    }

    async fn page(&self, unit: UnitRef, key: &[u8]) -> Result<Option<Page>, Error> {
        self.call("page", self.0.page(unit, key)).await
    }

    async fn pages_at(&self, unit: UnitRef, keys: &[Vec<u8>]) -> Result<Vec<Page>, Error> {
        self.call("pages_at", self.0.pages_at(unit, keys)).await
    }

    async fn pages(&self, unit: UnitRef, begin: &[u8], end: &[u8], limit: usize) -> Result<Vec<Page>, Error> {
        self.call("pages", self.0.pages(unit, begin, end, limit)).await
    }

    async fn remove_unit(&self, unit: UnitRef) -> Result<(), Error> {
        self.call("remove_unit", self.0.remove_unit(unit)).await
    }

    async fn list(&self, tenant: &TenantId, entry: &Entry, now: Millis) -> Result<(), Error> {
        self.call("list", self.0.list(tenant, entry, now)).await
    }

    async fn unlist(&self, tenant: &TenantId, entry: &Entry) -> Result<(), Error> {
        self.call("unlist", self.0.unlist(tenant, entry)).await
    }

    async fn replace(
        &self,
        tenant: &TenantId,
        entry: &Entry,
        replaced: &[Entry],
        now: Millis,
    ) -> Result<(), Error> {
        self.call("replace", self.0.replace(tenant, entry, replaced, now))
            .await
    }

    async fn manifest(&self, tenant: &TenantId, period: Period) -> Result<Vec<Entry>, Error> {
        self.call("manifest", self.0.manifest(tenant, period)).await
    }

    async fn mark(&self, source: Source) -> Result<Option<Mark>, Error> {
        self.call("mark", self.0.mark(source)).await
    }

    async fn advance_mark(&self, source: Source, mark: Mark) -> Result<(), Error> {
        self.call("advance_mark", self.0.advance_mark(source, &mark))
            .await
    }
}
