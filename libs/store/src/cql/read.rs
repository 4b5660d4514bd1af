//! Events that are there and may be seen, and positions.
//!
//! Nobody knows from an id in which class its event is, so the table of every class is asked, at once. Where
//! two have it, the later revision counts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use bytes::Bytes;
use domain::id::EventId;
use domain::record::Enriched;
use domain::retention::Class;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use futures::future::try_join;
use futures::stream::{self, StreamExt, TryStreamExt};
use proto::record::decode_enriched;

use super::Handle;
use super::keys::{self, Place};
use super::progress;
use super::requests::unexpected;
use super::statements::{EVENTS_AT_ONCE, EventStatements};
use crate::metric_definitions as definitions;
use crate::port::{Error, Position};

impl Handle {
    pub(super) async fn fetch(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        classes: &[Class],
        now: Millis,
    ) -> Result<Vec<Enriched>, Error> {
        let (found, deleted) = try_join(self.rows(tenant, ids, classes), self.markers(tenant, ids)).await?;
        let visible = |id: &EventId| {
            let row = found.get(id).filter(|row| row.expires_at > now)?;
            (!deleted.contains(id)).then(|| row.clone())
        };
        Ok(ids.iter().filter_map(visible).collect())
    }

    /// The last revision of each of these events that is stored.
    async fn rows(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        classes: &[Class],
    ) -> Result<HashMap<EventId, Enriched>, Error> {
        let lists = lists(ids, |id| Place::of(tenant, id));
        let reads = lists.iter().flat_map(|(place, ids)| {
            let tables = classes.iter().map(|class| self.statements.of(*class));
            tables.map(move |table| self.rows_of(table, tenant, *place, ids))
        });
        let reads: Vec<_> = reads.collect();
        let mut found: HashMap<EventId, Enriched> = HashMap::new();
        let mut answers = stream::iter(reads).buffer_unordered(self.config.call_concurrency);
        while let Some(rows) = answers.try_next().await? {
            for row in rows {
                let known = found.get(&row.event.id);
                if known.is_none_or(|known| known.revision < row.revision) {
                    found.insert(row.event.id, row);
                }
            }
        }
        Ok(found)
    }

    async fn rows_of(
        &self,
        table: &EventStatements,
        tenant: &TenantId,
        place: Place<'_>,
        ids: &[[u8; 16]],
    ) -> Result<Vec<Enriched>, Error> {
        let mut rows = Vec::new();
        let values = (place.tenant, place.bucket, place.shard, ids);
        let query = &table.fetch;
        let read = self.requests.read(query, values, |page| {
            for row in page.rows().map_err(|error| unexpected(query, &error))? {
                let (id, event): (&[u8], Bytes) = row.map_err(|error| unexpected(query, &error))?;
                rows.push(decode_row(tenant, id, event)?);
            }
            Ok(())
        });
        read.await?;
        metrics::counter!(definitions::READ_ROWS, "kind" => "event").increment(rows.len() as u64);
        Ok(rows)
    }

    /// Those of these ids that have a marker.
    async fn markers(&self, tenant: &TenantId, ids: &[EventId]) -> Result<HashSet<EventId>, Error> {
        let lists = lists(ids, keys::day_of);
        let reads = lists.iter().map(|(day, ids)| self.markers_of(tenant, *day, ids));
        let reads: Vec<_> = reads.collect();
        let answers = stream::iter(reads).buffer_unordered(self.config.call_concurrency);
        let deleted: Vec<_> = answers.try_collect().await?;
        Ok(deleted.into_iter().flatten().collect())
    }

    async fn markers_of(&self, tenant: &TenantId, day: i32, ids: &[[u8; 16]]) -> Result<Vec<EventId>, Error> {
        let mut deleted = Vec::new();
        let query = &self.statements.fetch_markers;
        let read = self.requests.read(query, (tenant.as_str(), day, ids), |page| {
            for row in page.rows().map_err(|error| unexpected(query, &error))? {
                let (id,): (&[u8],) = row.map_err(|error| unexpected(query, &error))?;
                deleted.push(id_of(id, "deletions", tenant)?);
            }
            Ok(())
        });
        read.await?;
        Ok(deleted)
    }

    pub(super) async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, Error> {
        let mut position = None;
        let query = &self.statements.position;
        let (lane, generation, partition) = keys::source_columns(source);
        let values = (service, lane, generation, partition);
        let read = self.requests.read(query, values, |page| {
            let row = page.maybe_first_row::<(&[u8],)>();
            if let Some((bytes,)) = row.map_err(|error| unexpected(query, &error))? {
                let decoded = progress::decode(bytes).ok_or_else(|| Error::Corrupt {
                    what: format!("progress of {service} in {source}"),
                })?;
                position = Some(decoded);
            }
            Ok(())
        });
        read.await?;
        Ok(position)
    }
}

/// Distinct ids by partition, in lists that one statement takes.
fn lists<K: Ord + Copy + Hash>(ids: &[EventId], key: impl Fn(EventId) -> K) -> Vec<(K, Vec<[u8; 16]>)> {
    let mut partitions: BTreeMap<K, BTreeSet<EventId>> = BTreeMap::new();
    for id in ids {
        partitions.entry(key(*id)).or_default().insert(*id);
    }
    let lists = partitions.into_iter().flat_map(|(key, ids)| {
        let ids: Vec<_> = ids.into_iter().map(EventId::bytes).collect();
        let lists: Vec<_> = ids
            .chunks(EVENTS_AT_ONCE)
            .map(|list| (key, list.to_vec()))
            .collect();
        lists
    });
    lists.collect()
}

fn decode_row(tenant: &TenantId, id: &[u8], event: Bytes) -> Result<Enriched, Error> {
    let id = id_of(id, "events", tenant)?;
    let corrupt = |why: &str| Error::Corrupt {
        what: format!("event {id} of {tenant} ({why})"),
    };
    let found = decode_enriched(event).map_err(|error| corrupt(&error.to_string()))?;
    if found.event.id != id || found.tenant != *tenant {
        return Err(corrupt("another one is in its place"));
    }
    Ok(found)
}

pub(super) fn id_of(bytes: &[u8], table: &str, tenant: &TenantId) -> Result<EventId, Error> {
    let id = bytes
        .try_into()
        .ok()
        .and_then(|bytes| EventId::from_bytes(bytes).ok());
    id.ok_or_else(|| Error::Corrupt {
        what: format!("id in {table} of {tenant}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_bounded_and_hold_each_id_once() {
        let ids: Vec<_> = (0..=250)
            .chain(0..20)
            .map(|n| EventId::made(Millis::from_ms(n), [0; 10]))
            .collect();
        let lists = lists(&ids, |_| 0);
        let lengths: Vec<_> = lists.iter().map(|(_, list)| list.len()).collect();
        assert_eq!(lengths, [100, 100, 51]);
    }
}
