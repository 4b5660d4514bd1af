//! Pages of units. A unit is one partition, in the table of its class.

use bytes::Bytes;
use domain::index::manifest::UnitRef;
use domain::time::Millis;
use futures::future::try_join_all;
use scylla::response::query_result::QueryRowsResult;

use crate::cql::requests::{run_all, unexpected};
use crate::cql::statements::Query;
use crate::cql::{Handle, batch, keys};
use crate::index::Page;
use crate::metric_definitions as definitions;
use crate::port::Error;
use crate::stamp;

/// Pages that one statement asks for: an engine takes no longer list of keys.
const KEYS_AT_ONCE: usize = 100;

impl Handle {
    pub(super) async fn put_pages(
        &self,
        unit: UnitRef,
        pages: &[Page],
        keep_until: Millis,
        now: Millis,
    ) -> Result<(), Error> {
        let Some(ttl_seconds) = keys::ttl_seconds(keep_until, now) else {
            return Ok(());
        };
        let insert = &self.statements.index.units(unit.class).insert;
        let (id, stamp) = (unit.id.0, stamp::of_pages(now));
        let values = pages
            .iter()
            .map(|(key, value)| (id, key.as_slice(), value.as_ref(), stamp, ttl_seconds));
        let values: Vec<_> = values.collect();
        let batches = batch::cut(&values, self.config.batch_bytes, |(_, key, value, ..)| {
            key.len() + value.len()
        });
        let work = batches
            .into_iter()
            .map(|batch| self.requests.run_batch("insert_pages", insert, batch));
        let work: Vec<_> = work.collect();
        run_all(work, self.config.call_concurrency).await
    }

    pub(super) async fn page(&self, unit: UnitRef, key: &[u8]) -> Result<Option<Page>, Error> {
        let query = &self.statements.index.units(unit.class).page;
        let mut found = Vec::new();
        let read = self
            .requests
            .read(query, (unit.id.0, key), |rows| take(query, &rows, &mut found));
        read.await?;
        count(found.len());
        Ok(found.pop())
    }

    pub(super) async fn pages_at(&self, unit: UnitRef, keys: &[Vec<u8>]) -> Result<Vec<Page>, Error> {
        let query = &self.statements.index.units(unit.class).pages_at;
        let reads = keys.chunks(KEYS_AT_ONCE).map(async |keys| {
            let mut found = Vec::new();
            let read = self
                .requests
                .read(query, (unit.id.0, keys), |rows| take(query, &rows, &mut found));
            read.await?;
            Ok::<_, Error>(found)
        });
        let found = try_join_all(reads).await?.concat();
        count(found.len());
        Ok(found)
    }

    pub(super) async fn pages(
        &self,
        unit: UnitRef,
        begin: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<Page>, Error> {
        if begin >= end || limit == 0 {
            return Ok(Vec::new());
        }
        let query = &self.statements.index.units(unit.class).pages;
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let mut found = Vec::new();
        let read = self.requests.read(query, (unit.id.0, begin, end, limit), |rows| {
            take(query, &rows, &mut found)
        });
        read.await?;
        count(found.len());
        Ok(found)
    }

    pub(super) async fn remove_unit(&self, unit: UnitRef) -> Result<(), Error> {
        let stamp = stamp::of_unit_removal((self.clock)());
        let remove = &self.statements.index.units(unit.class).remove;
        self.requests.run(remove, (stamp, unit.id.0)).await
    }
}

fn take(query: &Query, rows: &QueryRowsResult, found: &mut Vec<Page>) -> Result<(), Error> {
    for row in rows.rows().map_err(|error| unexpected(query, &error))? {
        let (key, value): (&[u8], Bytes) = row.map_err(|error| unexpected(query, &error))?;
        found.push((key.to_vec(), value));
    }
    Ok(())
}

fn count(pages: usize) {
    metrics::counter!(definitions::READ_ROWS, "kind" => "page").increment(pages as u64);
}
