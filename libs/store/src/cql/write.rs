//! Rows, deletions and positions on their way into the cluster.
//!
//! Rows of one partition go in one unlogged batch, which an engine applies as one mutation: cheap, and far from
//! what makes batches over many partitions a burden. The stamp decides which of two writes wins, whoever comes
//! last.

use std::collections::HashMap;

use bytes::Bytes;
use domain::id::EventId;
use domain::record::Enriched;
use domain::retention::Class;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use futures::future::Either;
use proto::record::encode_enriched;
use scylla::value::CqlTimestamp;

use super::Handle;
use super::keys::{self, Place};
use super::progress;
use super::requests::run_all;
use crate::metric_definitions as definitions;
use crate::port::{Error, Position};
use crate::stamp;

/// What a row has beside its event, about.
const ROW_OVERHEAD_BYTES: usize = 64;
/// Names of services are longer in no system.
const MAX_SERVICE_BYTES: usize = 255;

/// A row on its way into the store.
struct Row<'a> {
    of: &'a Enriched,
    place: Place<'a>,
    encoded: Bytes,
    ttl_seconds: i32,
}

/// The values of an insert, in the order of its statement.
type Values<'a> = (&'a str, i32, i32, [u8; 16], About<'a>, &'a [u8], i64, i32);

/// Kind, severity, service, user and time of receipt, for the eye.
type About<'a> = (
    &'static str,
    &'static str,
    Option<&'a str>,
    Option<&'a str>,
    CqlTimestamp,
);

impl Row<'_> {
    fn bytes(&self) -> usize {
        self.encoded.len() + ROW_OVERHEAD_BYTES
    }

    fn values(&self) -> Values<'_> {
        let event = &self.of.event;
        let about = (
            event.kind().as_str(),
            event.severity.as_str(),
            event.service.as_deref(),
            event.user_id.as_deref(),
            CqlTimestamp(self.of.received_at.as_ms()),
        );
        (
            self.place.tenant,
            self.place.bucket,
            self.place.shard,
            event.id.bytes(),
            about,
            &self.encoded,
            stamp::of_event(self.of),
            self.ttl_seconds,
        )
    }
}

impl Handle {
    pub(super) async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), Error> {
        let lasting = encode(rows, now, self.config.max_row_bytes)?;
        let written = lasting.len();
        let batches = batches(&lasting, self.config.batch_bytes);
        let inserts = batches
            .iter()
            .map(|(class, rows)| Either::Left(self.insert(*class, rows)));
        let deletions = lasting
            .iter()
            .flat_map(|row| self.delete_older(row.of).map(Either::Right));
        let work: Vec<_> = inserts.chain(deletions).collect();
        run_all(work, self.config.call_concurrency).await?;
        count("written", written);
        count("expired", rows.len() - written);
        Ok(())
    }

    async fn insert(&self, class: Class, rows: &[&Row<'_>]) -> Result<(), Error> {
        let values: Vec<_> = rows.iter().map(|row| row.values()).collect();
        let insert = &self.statements.of(class).insert;
        self.requests.run_batch("insert_events", insert, &values).await
    }

    /// An event that was processed again may have got another class. Its older revisions, in other tables, would
    /// come back when it expires before them.
    fn delete_older(&self, row: &Enriched) -> impl Iterator<Item = impl Future<Output = Result<(), Error>>> {
        let others = self.statements.of_all();
        let others = others.filter(move |(class, _)| row.revision > 0 && *class != row.class);
        others.map(move |(class, _)| {
            self.delete_row(class, &row.tenant, row.event.id, stamp::of_event(row) - 1)
        })
    }

    async fn delete_row(
        &self,
        class: Class,
        tenant: &TenantId,
        id: EventId,
        stamp: i64,
    ) -> Result<(), Error> {
        let place = Place::of(tenant, id);
        let values = (stamp, place.tenant, place.bucket, place.shard, id.bytes());
        self.requests.run(&self.statements.of(class).delete, values).await
    }

    /// Marks an event as deleted and then removes its row, of which it is not known in which table it is, or
    /// whether it is there yet.
    pub(super) async fn delete(
        &self,
        tenant: &TenantId,
        id: EventId,
        keep_until: Millis,
    ) -> Result<(), Error> {
        let ttl_seconds = keys::ttl_seconds(keep_until, (self.clock)()).unwrap_or(1);
        let marker = (
            tenant.as_str(),
            keys::day_of(id),
            id.bytes(),
            CqlTimestamp(keep_until.as_ms()),
            stamp::of_marker(keep_until),
            ttl_seconds,
        );
        self.requests.run(&self.statements.insert_marker, marker).await?;
        let rows = Class::ALL.map(|class| self.delete_row(class, tenant, id, stamp::of_deletion(id)));
        run_all(rows, self.config.call_concurrency).await
    }

    pub(super) async fn advance(
        &self,
        service: &str,
        source: Source,
        position: &Position,
    ) -> Result<(), Error> {
        let [origin, next_offset] = [position.origin, position.next_offset].map(i64::try_from);
        let (Ok(origin), Ok(next_offset)) = (origin, next_offset) else {
            return Err(refused("position is beyond what the store can hold"));
        };
        if service.len() > MAX_SERVICE_BYTES {
            return Err(refused("name of the service is too long"));
        }
        let (lane, generation, partition) = keys::source_columns(source);
        let values = (
            service,
            lane,
            generation,
            partition,
            next_offset,
            progress::encode(position),
            origin,
        );
        self.requests.run(&self.statements.advance, values).await
    }
}

fn refused(reason: &str) -> Error {
    Error::Unavailable {
        reason: reason.to_owned(),
    }
}

/// The rows that are not expired.
fn encode(rows: &[Enriched], now: Millis, max_bytes: usize) -> Result<Vec<Row<'_>>, Error> {
    let lasting = rows
        .iter()
        .filter_map(|row| keys::ttl_seconds(row.expires_at, now).map(|ttl_seconds| (row, ttl_seconds)));
    lasting
        .map(|(of, ttl_seconds)| {
            let encoded = encode_enriched(of.clone());
            if encoded.len() > max_bytes {
                return Err(Error::RowTooLarge {
                    id: of.event.id,
                    bytes: encoded.len(),
                    max_bytes,
                });
            }
            Ok(Row {
                of,
                place: Place::of(&of.tenant, of.event.id),
                encoded,
                ttl_seconds,
            })
        })
        .collect()
}

/// Rows of the same table and partition together, as many as fit; a row that does not fit is alone.
fn batches<'a>(rows: &'a [Row<'a>], max_bytes: usize) -> Vec<(Class, Vec<&'a Row<'a>>)> {
    let mut open: HashMap<(Class, Place<'_>), (usize, Vec<&Row<'_>>)> = HashMap::new();
    let mut full = Vec::new();
    for row in rows {
        let (bytes, batch) = open.entry((row.of.class, row.place)).or_default();
        if !batch.is_empty() && *bytes + row.bytes() > max_bytes {
            full.push((row.of.class, std::mem::take(batch)));
            *bytes = 0;
        }
        *bytes += row.bytes();
        batch.push(row);
    }
    full.extend(open.into_iter().map(|((class, _), (_, batch))| (class, batch)));
    full
}

fn count(outcome: &'static str, rows: usize) {
    metrics::counter!(definitions::PUT_ROWS, "outcome" => outcome).increment(rows as u64);
}
