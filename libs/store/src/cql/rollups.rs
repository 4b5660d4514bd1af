//! Statistics in the cluster.
//!
//! The windows of one bucket are a partition, so the rows of a flush that belong together are one batch, and a range of
//! windows is read from few partitions.

use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use domain::rollup::{Grain, Rollup, Window};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::requests::{run_all, unexpected};
use super::{Cql, Handle, batch, keys};
use crate::metric_definitions as definitions;
use crate::port::Error;
use crate::rollups::{RollupRow, Rollups};

/// The values of an insert, in the order of its statement.
type Values<'a> = (&'a str, i64, i16, i64, &'static str, i64, i64, &'a [u8], i64, i32);

#[async_trait]
impl Rollups for Cql {
    async fn put_rollups(&self, rows: &[RollupRow], now: Millis) -> Result<(), Error> {
        self.call("put_rollups", self.0.put_rollups(rows, now)).await
    }

    async fn rollups_of(
        &self,
        tenant: &TenantId,
        window: Window,
        source: Source,
    ) -> Result<Vec<(Rollup, Bytes)>, Error> {
        self.call("rollups_of", self.0.rollups_of(tenant, window, source))
            .await
    }

    async fn rollups_in(
        &self,
        tenant: &TenantId,
        rollup: Rollup,
        grain: Grain,
        numbers: Range<i64>,
    ) -> Result<Vec<(Window, Source, Bytes)>, Error> {
        self.call("rollups_in", self.0.rollups_in(tenant, rollup, grain, numbers))
            .await
    }
}

impl Handle {
    async fn put_rollups(&self, rows: &[RollupRow], now: Millis) -> Result<(), Error> {
        let partitions = partitions(rows, now);
        let work = partitions.iter().flat_map(|((grain, ..), rows)| {
            let insert = &self.statements.rollups.of(*grain).insert;
            let batches = batch::cut(rows, self.config.batch_bytes, |(.., state, _, _)| state.len());
            let batches = batches.into_iter();
            batches.map(move |batch| self.requests.run_batch("insert_rollups", insert, batch))
        });
        let work: Vec<_> = work.collect();
        run_all(work, self.config.call_concurrency).await
    }

    async fn rollups_of(
        &self,
        tenant: &TenantId,
        window: Window,
        source: Source,
    ) -> Result<Vec<(Rollup, Bytes)>, Error> {
        let mut found = Vec::new();
        let query = &self.statements.rollups.of(window.grain).of_source;
        let (lane, generation, partition) = keys::source_columns(source);
        let rollups: Vec<_> = Rollup::ALL.into_iter().map(number).collect();
        let values = (
            tenant.as_str(),
            keys::bucket_of_window(window),
            rollups,
            window.number,
            lane,
            generation,
            partition,
        );
        let read = self.requests.read(query, values, |page| {
            for row in page.rows().map_err(|error| unexpected(query, &error))? {
                let (rollup, state): (i16, Bytes) = row.map_err(|error| unexpected(query, &error))?;
                let known = Rollup::ALL.into_iter().find(|known| number(*known) == rollup);
                found.push((known.expect("no other was asked for"), state));
            }
            Ok(())
        });
        read.await?;
        count(found.len());
        Ok(found)
    }

    async fn rollups_in(
        &self,
        tenant: &TenantId,
        rollup: Rollup,
        grain: Grain,
        numbers: Range<i64>,
    ) -> Result<Vec<(Window, Source, Bytes)>, Error> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let reads = keys::buckets_of_windows(grain, &numbers)
            .map(|bucket| self.rollups_of_bucket(tenant, rollup, grain, bucket, &numbers));
        let answers = stream::iter(reads).buffered(self.config.call_concurrency);
        let found: Vec<_> = answers.try_concat().await?;
        count(found.len());
        Ok(found)
    }

    /// The rows of the windows that are in this bucket and in the range.
    async fn rollups_of_bucket(
        &self,
        tenant: &TenantId,
        rollup: Rollup,
        grain: Grain,
        bucket: i64,
        numbers: &Range<i64>,
    ) -> Result<Vec<(Window, Source, Bytes)>, Error> {
        let mut found = Vec::new();
        let query = &self.statements.rollups.of(grain).of_windows;
        let values = (
            tenant.as_str(),
            bucket,
            number(rollup),
            numbers.start,
            numbers.end,
        );
        let read = self.requests.read(query, values, |page| {
            for row in page.rows().map_err(|error| unexpected(query, &error))? {
                let (number, lane, generation, partition, state): (i64, &str, i64, i64, Bytes) =
                    row.map_err(|error| unexpected(query, &error))?;
                let source = keys::source_of(lane, generation, partition).ok_or_else(|| Error::Corrupt {
                    what: format!("rollup of {tenant} in {} {number}", grain.as_str()),
                })?;
                found.push((Window { grain, number }, source, state));
            }
            Ok(())
        });
        read.await?;
        Ok(found)
    }
}

/// The rows that are not expired, those of one partition together: by grain, tenant and bucket.
fn partitions(rows: &[RollupRow], now: Millis) -> BTreeMap<(Grain, &str, i64), Vec<Values<'_>>> {
    let mut partitions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for RollupRow { key, stamp, state } in rows {
        let Some(ttl_seconds) = keys::ttl_seconds(key.window.expires_at(), now) else {
            continue;
        };
        let (tenant, bucket) = (key.tenant.as_str(), keys::bucket_of_window(key.window));
        let (lane, generation, partition) = keys::source_columns(key.source);
        partitions
            .entry((key.window.grain, tenant, bucket))
            .or_default()
            .push((
                tenant,
                bucket,
                number(key.rollup),
                key.window.number,
                lane,
                generation,
                partition,
                state.as_ref(),
                *stamp,
                ttl_seconds,
            ));
    }
    partitions
}

/// As it is in a row.
fn number(rollup: Rollup) -> i16 {
    i16::from(rollup.number())
}

fn count(rows: usize) {
    metrics::counter!(definitions::READ_ROWS, "kind" => "rollup").increment(rows as u64);
}
