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

/// What a row has beside its blob, at least.
const ROW_OVERHEAD_BYTES: usize = 64;

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

/// Rows in their order, cut where more would have too many bytes for one batch; one that has too many is alone. A
/// batch has a 16-bit number of rows, which the overhead of each keeps far away.
fn batches<T>(rows: &[T], max_bytes: usize, blob_bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let mut bytes = 0;
    let mut cut = Vec::new();
    let mut begin = 0;
    for (at, row) in rows.iter().enumerate() {
        let more = blob_bytes(row) + ROW_OVERHEAD_BYTES;
        if at > begin && bytes + more > max_bytes {
            cut.push(&rows[begin..at]);
            (begin, bytes) = (at, 0);
        }
        bytes += more;
    }
    cut.extend((begin < rows.len()).then(|| &rows[begin..]));
    cut
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_hold_all_in_order_and_only_one_row_alone_is_too_large(sizes in vec(0..900_usize, 0..60)) {
            let batches = batches(&sizes, 1_000, |size| *size);
            prop_assert_eq!(batches.concat(), sizes.as_slice());
            for batch in batches {
                let bytes: usize = batch.iter().map(|size| size + ROW_OVERHEAD_BYTES).sum();
                prop_assert!(batch.len() == 1 || (batch.len() > 1 && bytes <= 1_000));
            }
        }
    }

    #[test]
    fn rows_that_fit_are_one_batch_and_none_are_none() {
        assert_eq!(batches(&[300, 300], 1_000, |size| *size), [&[300, 300]]);
        assert!(batches(&[], 1_000, |size: &usize| *size).is_empty());
    }
}
