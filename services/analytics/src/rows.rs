//! The rows of one source in the store: windows that are read once, and rows that are written whole.

use std::sync::Arc;

use domain::rollup::{Grain, Row};
use domain::source::Source;
use domain::time::Millis;
use futures::{StreamExt, TryStreamExt, stream};
use store::Rollups;
use store::rollups::{RollupKey, RollupRow};

use crate::error::Error;
use crate::metric_definitions as definitions;
use crate::windows::{Place, Windows};

/// Windows that are read at once.
const READ_AT_ONCE: usize = 32;
/// Bytes of rows that are encoded before they are written.
const WRITE_BYTES: usize = 4 << 20;

/// The rows of one source.
pub(crate) struct Rows {
    rollups: Arc<dyn Rollups>,
    source: Source,
}

impl Rows {
    pub(crate) fn new(rollups: Arc<dyn Rollups>, source: Source) -> Self {
        Self { rollups, source }
    }

    /// Reads these windows into memory.
    pub(crate) async fn load(&self, places: Vec<Place>, windows: &mut Windows) -> Result<(), Error> {
        metrics::counter!(definitions::LOADED_WINDOWS).increment(places.len() as u64);
        let reads = places.into_iter().map(|place| async move {
            let stored = self
                .rollups
                .rollups_of(&place.tenant, place.window, self.source)
                .await?;
            let rows = stored.into_iter().map(|(rollup, state)| {
                Row::decode(rollup, &state).map_err(|reason| Error::Row {
                    tenant: place.tenant.clone(),
                    window: place.window,
                    rollup: rollup.as_str(),
                    reason,
                })
            });
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            Ok::<_, Error>((place, rows))
        });
        let mut reads = stream::iter(reads).buffer_unordered(READ_AT_ONCE);
        while let Some((place, rows)) = reads.try_next().await? {
            windows.insert(place, rows);
        }
        Ok(())
    }

    /// Writes the rows of a grain that have changed. After an error all of them are written again.
    pub(crate) async fn write(&self, windows: &mut Windows, grain: Grain, now: Millis) -> Result<(), Error> {
        let mut batch = Batch::default();
        for (tenant, window, row) in windows.changed(grain) {
            let key = RollupKey {
                tenant: tenant.clone(),
                window,
                rollup: row.rollup(),
                source: self.source,
            };
            batch.add(key, row);
            if batch.bytes >= WRITE_BYTES {
                self.put(std::mem::take(&mut batch), grain, now).await?;
            }
        }
        self.put(batch, grain, now).await?;
        windows.written(grain);
        Ok(())
    }

    async fn put(&self, batch: Batch, grain: Grain, now: Millis) -> Result<(), Error> {
        if batch.rows.is_empty() {
            return Ok(());
        }
        self.rollups.put_rollups(&batch.rows, now).await?;
        let grain = grain.as_str();
        metrics::counter!(definitions::WRITTEN_ROWS, "grain" => grain).increment(batch.rows.len() as u64);
        metrics::counter!(definitions::WRITTEN_BYTES, "grain" => grain).increment(batch.bytes as u64);
        Ok(())
    }
}

#[derive(Default)]
struct Batch {
    rows: Vec<RollupRow>,
    bytes: usize,
}

impl Batch {
    fn add(&mut self, key: RollupKey, row: &Row) {
        let state = row.encode();
        self.bytes += state.len();
        self.rows.push(RollupRow {
            key,
            stamp: row.stamp(),
            state: state.into(),
        });
    }
}
