//! What is there and may be seen. Everything here blocks on the disk.

use bytes::Bytes;
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::record::Enriched;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use fjall::Guard;
use proto::record::decode_enriched;

use super::progress;
use super::storage::{Storage, cell_of, decoded, event_key, id_of, unreadable};
use crate::port::{Error, Position, Scan};

/// Ids that one call returns, whatever it asks for.
const MAX_IDS: usize = 10_000;
/// Tombstones that one call passes over.
const MAX_SKIPPED: usize = 10_000;

impl Storage {
    pub(super) fn fetch(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        now: Millis,
    ) -> Result<Vec<Enriched>, Error> {
        ids.iter()
            .filter_map(|id| self.visible(tenant, *id, now).transpose())
            .collect()
    }

    fn visible(&self, tenant: &TenantId, id: EventId, now: Millis) -> Result<Option<Enriched>, Error> {
        let key = event_key(tenant, id.bytes());
        let Some(cell) = cell_of(&self.events, &key)? else {
            return Ok(None);
        };
        let Some(value) = cell.value.filter(|_| cell.expires_at > now) else {
            return Ok(None);
        };
        if self
            .deletions
            .contains_key(&key)
            .map_err(|error| unreadable(&error))?
        {
            return Ok(None);
        }
        let corrupt = |why: &str| Error::Corrupt {
            what: format!("event {id} of {tenant} ({why})"),
        };
        let found = decode_enriched(value).map_err(|error| corrupt(&error.to_string()))?;
        if found.event.id != id || found.tenant != *tenant {
            return Err(corrupt("another one is in its place"));
        }
        Ok(Some(found))
    }

    pub(super) fn ids(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Scan, Error> {
        if range.is_empty() {
            return Ok(Scan {
                ids: Vec::new(),
                next: None,
            });
        }
        let span = self
            .events
            .range(event_key(tenant, range.begin)..event_key(tenant, range.end));
        match order {
            Order::OldestFirst => collect(span, limit, range, IdRange::after),
            Order::NewestFirst => collect(span.rev(), limit, range, IdRange::before),
        }
    }

    pub(super) fn position(&self, service: &str, source: Source) -> Result<Option<Position>, Error> {
        let key = progress::key(service, source)?;
        let Some(bytes) = self.events.get(key).map_err(|error| unreadable(&error))? else {
            return Ok(None);
        };
        let corrupt = || Error::Corrupt {
            what: format!("progress of {service} in {source}"),
        };
        progress::decode(&bytes).ok_or_else(corrupt).map(Some)
    }
}

/// Reads ids until there are enough, or enough tombstones were passed over.
fn collect(
    entries: impl Iterator<Item = Guard>,
    limit: usize,
    range: IdRange,
    beyond: impl Fn(IdRange, [u8; 16]) -> IdRange,
) -> Result<Scan, Error> {
    let limit = limit.min(MAX_IDS);
    let (mut ids, mut skipped, mut left) = (Vec::new(), 0, range);
    for entry in entries {
        if ids.len() == limit || skipped == MAX_SKIPPED {
            return Ok(Scan {
                ids,
                next: Some(left),
            });
        }
        let (key, value) = entry.into_inner().map_err(|error| unreadable(&error))?;
        let id = id_of(&key)?;
        left = beyond(left, id.bytes());
        if decoded(&key, Bytes::from(value))?.value.is_some() {
            ids.push(id);
        } else {
            skipped += 1;
        }
    }
    Ok(Scan { ids, next: None })
}
