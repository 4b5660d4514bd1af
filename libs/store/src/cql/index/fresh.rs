//! Fresh segments, and where a tenant may have some.
//!
//! A flush writes segments of many tenants: they share the partition of their source and minute, so that all are one
//! batch. Where it has too many bytes for one, a failure may leave a part.

use bytes::Bytes;
use domain::index::manifest::Minute;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;

use crate::cql::requests::{run_all, unexpected};
use crate::cql::{Handle, batch, keys};
use crate::index::{FRESH_LIFE_MS, FRESH_PLACE_LIFE_MS, Fresh, FreshPlace};
use crate::metric_definitions as definitions;
use crate::port::Error;
use crate::stamp;

impl Handle {
    pub(super) async fn mark_fresh(
        &self,
        tenants: &[TenantId],
        source: Source,
        minute: Minute,
        now: Millis,
    ) -> Result<(), Error> {
        let (lane, generation, partition) = keys::source_columns(source);
        let ttl_seconds = keys::ttl_seconds(now.plus_ms(FRESH_PLACE_LIFE_MS), now).unwrap_or(1);
        let stamp = stamp::of_fresh_place(minute);
        let work = tenants.iter().map(|tenant| {
            let values = (
                tenant.as_str(),
                lane,
                generation,
                partition,
                minute.0,
                stamp,
                ttl_seconds,
            );
            self.requests.run(&self.statements.index.mark_fresh, values)
        });
        let work: Vec<_> = work.collect();
        run_all(work, self.config.call_concurrency).await
    }

    pub(super) async fn fresh_places(&self, tenant: &TenantId) -> Result<Vec<FreshPlace>, Error> {
        let mut places = Vec::new();
        let query = &self.statements.index.fresh_places;
        let read = self.requests.read(query, (tenant.as_str(),), |page| {
            for row in page.rows().map_err(|error| unexpected(query, &error))? {
                let (lane, generation, partition, minute): (&str, i64, i64, i64) =
                    row.map_err(|error| unexpected(query, &error))?;
                let source = keys::source_of(lane, generation, partition).ok_or_else(|| Error::Corrupt {
                    what: format!("place of fresh segments of {tenant}"),
                })?;
                places.push(FreshPlace {
                    source,
                    last_minute: Minute(minute),
                });
            }
            Ok(())
        });
        read.await?;
        Ok(places)
    }

    pub(super) async fn put_fresh(
        &self,
        source: Source,
        minute: Minute,
        segments: &[Fresh],
        now: Millis,
    ) -> Result<(), Error> {
        let (lane, generation, partition) = keys::source_columns(source);
        let ttl_seconds = keys::ttl_seconds(now.plus_ms(FRESH_LIFE_MS), now).unwrap_or(1);
        let values = segments.iter().map(|fresh| {
            Ok((
                lane,
                generation,
                partition,
                minute.0,
                fresh.tenant.as_str(),
                stamp::of_origin(fresh.last_origin)?,
                fresh.nonce.cast_signed(),
                fresh.segment.as_ref(),
                stamp::of_fresh(minute),
                ttl_seconds,
            ))
        });
        let values = values.collect::<Result<Vec<_>, Error>>()?;
        let insert = &self.statements.index.put_fresh;
        let batches = batch::cut(&values, self.config.batch_bytes, |(.., segment, _, _)| {
            segment.len()
        });
        let work = batches
            .into_iter()
            .map(|batch| self.requests.run_batch("insert_fresh_segments", insert, batch));
        let work: Vec<_> = work.collect();
        run_all(work, self.config.call_concurrency).await
    }

    pub(super) async fn fresh(
        &self,
        tenant: &TenantId,
        source: Source,
        minute: Minute,
        after: Option<u64>,
    ) -> Result<Vec<Fresh>, Error> {
        let mut segments = Vec::new();
        let query = &self.statements.index.fresh;
        let (lane, generation, partition) = keys::source_columns(source);
        // None are stored beyond.
        let after = after.map_or(-1, |after| i64::try_from(after).unwrap_or(i64::MAX));
        let values = (lane, generation, partition, minute.0, tenant.as_str(), after);
        let read = self.requests.read(query, values, |page| {
            for row in page.rows().map_err(|error| unexpected(query, &error))? {
                let (last_origin, nonce, segment): (i64, i64, Bytes) =
                    row.map_err(|error| unexpected(query, &error))?;
                segments.push(Fresh {
                    tenant: tenant.clone(),
                    last_origin: last_origin.cast_unsigned(),
                    nonce: nonce.cast_unsigned(),
                    segment,
                });
            }
            Ok(())
        });
        read.await?;
        metrics::counter!(definitions::READ_ROWS, "kind" => "fresh").increment(segments.len() as u64);
        Ok(segments)
    }
}
