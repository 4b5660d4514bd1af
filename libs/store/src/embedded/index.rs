//! The search index in the directory: its calls, each in a module of its part.
//!
//! - `keys`: which part is under which key; `fresh`: segments and where they are; `units`: pages; `manifest`: units
//!   and marks.
//!
//! All of it is in the keyspace of the events, so that a mark is never durable before the units that it speaks of.
//! What has expired may still be read until it is swept.

mod fresh;
mod keys;
mod manifest;
mod units;

use async_trait::async_trait;
use domain::index::manifest::{Entry, Minute, Period, UnitRef};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;

use super::Embedded;
use crate::index::{FRESH_LIFE_MS, Fresh, FreshPlace, Index, Mark, Page};
use crate::port::Error;

#[async_trait]
impl Index for Embedded {
    async fn mark_fresh(
        &self,
        tenants: &[TenantId],
        source: Source,
        minute: Minute,
        now: Millis,
    ) -> Result<(), Error> {
        let tenants = tenants.to_vec();
        self.call("mark_fresh", move |storage| {
            storage.mark_fresh(&tenants, source, minute, now)
        })
        .await
    }

    async fn fresh_places(&self, tenant: &TenantId) -> Result<Vec<FreshPlace>, Error> {
        let tenant = tenant.clone();
        self.call("fresh_places", move |storage| storage.fresh_places(&tenant))
            .await
    }

    async fn put_fresh(
        &self,
        source: Source,
        minute: Minute,
        segments: &[Fresh],
        now: Millis,
    ) -> Result<(), Error> {
        let expires_at = now.plus_ms(FRESH_LIFE_MS);
        let encoded = segments
            .iter()
            .map(|fresh| fresh::encode(source, minute, fresh, expires_at));
        let encoded = encoded.collect();
        self.call("put_fresh", move |storage| storage.put_fresh(encoded))
            .await
    }

    async fn fresh(
        &self,
        tenant: &TenantId,
        source: Source,
        minute: Minute,
        after: Option<u64>,
    ) -> Result<Vec<Fresh>, Error> {
        let tenant = tenant.clone();
        self.call("fresh", move |storage| {
            storage.fresh(&tenant, source, minute, after)
        })
        .await
    }

    async fn put_pages(
        &self,
        unit: UnitRef,
        pages: Vec<Page>,
        keep_until: Millis,
        now: Millis,
    ) -> Result<(), Error> {
        if keep_until <= now {
            return Ok(());
        }
        self.call("put_pages", move |storage| {
            storage.put_pages(unit, pages, keep_until, now)
        })
        .await
    }

    async fn page(&self, unit: UnitRef, key: &[u8]) -> Result<Option<Page>, Error> {
        let key = key.to_vec();
        self.call("page", move |storage| storage.page(unit, &key)).await
    }

    async fn pages_at(&self, unit: UnitRef, page_keys: &[Vec<u8>]) -> Result<Vec<Page>, Error> {
        let page_keys = page_keys.to_vec();
        self.call("pages_at", move |storage| storage.pages_at(unit, &page_keys))
            .await
    }

    async fn pages(&self, unit: UnitRef, begin: &[u8], end: &[u8], limit: usize) -> Result<Vec<Page>, Error> {
        let (begin, end) = (begin.to_vec(), end.to_vec());
        self.call("pages", move |storage| storage.pages(unit, &begin, &end, limit))
            .await
    }

    async fn remove_unit(&self, unit: UnitRef) -> Result<(), Error> {
        self.call("remove_unit", move |storage| storage.remove_unit(unit))
            .await
    }

    async fn list(&self, tenant: &TenantId, entry: &Entry, now: Millis) -> Result<(), Error> {
        if entry.expires_at <= now {
            return Ok(());
        }
        let (tenant, entry) = (tenant.clone(), entry.clone());
        self.call("list", move |storage| storage.list(&tenant, &entry))
            .await
    }

    async fn unlist(&self, tenant: &TenantId, entry: &Entry) -> Result<(), Error> {
        let (tenant, entry) = (tenant.clone(), entry.clone());
        self.call("unlist", move |storage| storage.unlist(&tenant, &entry))
            .await
    }

    async fn manifest(&self, tenant: &TenantId, period: Period) -> Result<Vec<Entry>, Error> {
        let tenant = tenant.clone();
        self.call("manifest", move |storage| storage.manifest(&tenant, period))
            .await
    }

    async fn mark(&self, source: Source) -> Result<Option<Mark>, Error> {
        self.call("mark", move |storage| storage.mark(source)).await
    }

    async fn advance_mark(&self, source: Source, mark: Mark) -> Result<(), Error> {
        self.call("advance_mark", move |storage| storage.advance_mark(source, &mark))
            .await
    }
}
