//! Statistics in the directory.
//!
//! They are cells in the keyspace of the events, so that the progress of who writes them is never durable before them;
//! of two cells under one key the one with the greater stamp wins, as of events. What has expired may still be read
//! until it is swept.
//!
//! `keys`: which row is under which key.

mod keys;

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use domain::rollup::{Grain, Rollup, Window};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;

use super::Embedded;
use super::cell::Cell;
use super::storage::{Storage, cell_of};
use super::walk::{Stored, cells, corrupt};
use super::write::{Row, winners};
use crate::port::Error;
use crate::rollups::{RollupKey, RollupRow, Rollups};

/// Bytes of rows that are written while other writers wait, about.
const BATCH_BYTES: usize = 1 << 20;

#[async_trait]
impl Rollups for Embedded {
    async fn put_rollups(&self, rows: &[RollupRow], now: Millis) -> Result<(), Error> {
        let lasting = rows.iter().filter(|row| row.key.window.expires_at() > now);
        let rows = winners(lasting.map(encode).collect());
        if rows.is_empty() {
            return Ok(());
        }
        self.call("put_rollups", move |storage| storage.put_rollups(rows))
            .await
    }

    async fn rollups_of(
        &self,
        tenant: &TenantId,
        window: Window,
        source: Source,
    ) -> Result<Vec<(Rollup, Bytes)>, Error> {
        let tenant = tenant.clone();
        self.call("rollups_of", move |storage| {
            storage.rollups_of(&tenant, window, source)
        })
        .await
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
        let tenant = tenant.clone();
        self.call("rollups_in", move |storage| {
            storage.rollups_in(&tenant, rollup, grain, &numbers)
        })
        .await
    }
}

fn encode(row: &RollupRow) -> Row {
    let cell = Cell {
        stamp: row.stamp,
        expires_at: row.key.window.expires_at(),
        value: Some(row.state.clone()),
    };
    Row::new(keys::rollup(&row.key), &cell)
}

/// Each of these blocks on the disk.
impl Storage {
    /// Writes rows, at most one for each key. Others write in between, which changes nothing: each row is compared.
    fn put_rollups(&self, rows: Vec<Row>) -> Result<(), Error> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut left = BATCH_BYTES;
            let batch = std::iter::from_fn(|| {
                let row = rows.next_if(|_| left > 0)?;
                left = left.saturating_sub(row.bytes());
                Some(row)
            });
            self.put_newer(batch)?;
        }
        Ok(())
    }

    fn rollups_of(
        &self,
        tenant: &TenantId,
        window: Window,
        source: Source,
    ) -> Result<Vec<(Rollup, Bytes)>, Error> {
        let mut found = Vec::new();
        for rollup in Rollup::ALL {
            let key = RollupKey {
                tenant: tenant.clone(),
                window,
                rollup,
                source,
            };
            if let Some(cell) = cell_of(&self.events, &keys::rollup(&key))? {
                found.push((rollup, cell.value.ok_or_else(|| no_rollup(tenant))?));
            }
        }
        Ok(found)
    }

    fn rollups_in(
        &self,
        tenant: &TenantId,
        rollup: Rollup,
        grain: Grain,
        numbers: &Range<i64>,
    ) -> Result<Vec<(Window, Source, Bytes)>, Error> {
        let begin = keys::rollups(tenant, grain, rollup);
        let [from, to] =
            [numbers.start, numbers.end].map(|number| [begin.as_slice(), &keys::window(number)].concat());
        let rows = cells(self.events.range(from..to), begin.len()).map(|stored| {
            let Stored { key_end, cell } = stored?;
            let bad = || no_rollup(tenant);
            let (number, source) = keys::read_end(&key_end).ok_or_else(bad)?;
            Ok((Window { grain, number }, source, cell.value.ok_or_else(bad)?))
        });
        rows.collect()
    }
}

fn no_rollup(tenant: &TenantId) -> Error {
    corrupt(format!("rollup of {tenant}"))
}
