//! Fresh segments, and where a tenant may have some. Everything here blocks on the disk.

use bytes::Bytes;
use domain::index::manifest::Minute;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;

use super::keys;
use crate::embedded::cell::{self, Cell};
use crate::embedded::storage::{Storage, cell_of};
use crate::embedded::walk::{Stored, cells, corrupt};
use crate::index::{FRESH_PLACE_LIFE_MS, Fresh, FreshPlace};
use crate::port::Error;
use crate::stamp;

impl Storage {
    pub(super) fn mark_fresh(
        &self,
        tenants: &[TenantId],
        source: Source,
        minute: Minute,
        now: Millis,
    ) -> Result<(), Error> {
        let cell = Cell {
            stamp: stamp::of_fresh_place(minute),
            expires_at: now.plus_ms(FRESH_PLACE_LIFE_MS),
            value: Some(Bytes::new()),
        };
        let encoded = cell::encode(&cell);
        let turn = self.begin()?;
        let mut batch = self.db.batch();
        for tenant in tenants {
            let key = keys::fresh_place(tenant, source);
            let stored = cell_of(&self.events, &key)?;
            if stored.is_none_or(|stored| stored.stamp < cell.stamp) {
                batch.insert(&self.events, key, encoded.as_slice());
            }
        }
        self.commit(batch, &turn)?;
        Ok(())
    }

    pub(super) fn fresh_places(&self, tenant: &TenantId) -> Result<Vec<FreshPlace>, Error> {
        let begin = keys::fresh_places(tenant);
        let places = cells(self.events.prefix(&begin), begin.len()).map(|stored| {
            let Stored { key_end, cell } = stored?;
            Ok(FreshPlace {
                source: keys::read_fresh_place_end(&key_end)
                    .ok_or_else(|| corrupt(format!("place of fresh segments of {tenant}")))?,
                last_minute: Minute(cell.stamp),
            })
        });
        places.collect()
    }

    /// Writes segments with their keys: they never change, so it is not looked what is there.
    pub(super) fn put_fresh(&self, segments: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), Error> {
        let turn = self.begin()?;
        let mut batch = self.db.batch();
        for (key, cell) in segments {
            batch.insert(&self.events, key, cell);
        }
        self.commit(batch, &turn)?;
        Ok(())
    }

    pub(super) fn fresh(
        &self,
        tenant: &TenantId,
        source: Source,
        minute: Minute,
        after: Option<u64>,
    ) -> Result<Vec<Fresh>, Error> {
        let Some(first_origin) = after.map_or(Some(0), |after| after.checked_add(1)) else {
            return Ok(Vec::new());
        };
        let begin = keys::segments(source, minute, tenant);
        let bound = |end: [u8; 16]| [begin.as_slice(), &end].concat();
        let range = bound(keys::segment_end(first_origin, 0))..=bound([0xff; 16]);
        let segments = cells(self.events.range(range), begin.len()).map(|stored| {
            let Stored { key_end, cell } = stored?;
            let bad = || corrupt(format!("fresh segment of {tenant}"));
            let (last_origin, nonce) = keys::read_segment_end(&key_end).ok_or_else(bad)?;
            Ok(Fresh {
                tenant: tenant.clone(),
                last_origin,
                nonce,
                segment: cell.value.ok_or_else(bad)?,
            })
        });
        segments.collect()
    }
}

/// A segment with its key, as it is stored.
pub(super) fn encode(
    source: Source,
    minute: Minute,
    fresh: &Fresh,
    expires_at: Millis,
) -> (Vec<u8>, Vec<u8>) {
    let mut key = keys::segments(source, minute, &fresh.tenant);
    key.extend_from_slice(&keys::segment_end(fresh.last_origin, fresh.nonce));
    let cell = Cell {
        stamp: stamp::of_fresh(minute),
        expires_at,
        value: Some(fresh.segment.clone()),
    };
    (key, cell::encode(&cell))
}
