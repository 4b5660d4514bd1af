//! Last write wins: what is there is read, compared and replaced under one lock, held for no longer than that.
//!
//! A key that is not there, which is the common case, costs a look into the memtables and the filters of the
//! tables, not a read from disk. Only a deletion waits for an fsync, and after it has given the lock back.
//! Everything here blocks on the disk.

use domain::id::EventId;
use domain::record::Enriched;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use proto::record::encode_enriched;

use super::cell::{self, Cell};
use super::progress;
use super::storage::{Storage, cell_of, event_key};
use crate::metric_definitions as definitions;
use crate::port::{Error, Position};
use crate::stamp;

/// A row on its way into the store.
pub(super) struct Row {
    key: Vec<u8>,
    stamp: i64,
    encoded: Vec<u8>,
}

impl Row {
    pub(super) fn new(key: Vec<u8>, cell: &Cell) -> Self {
        Self {
            key,
            stamp: cell.stamp,
            encoded: cell::encode(cell),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.encoded.len()
    }
}

/// The rows of a call that are not expired: at most one for each key, the one that would win.
pub(super) fn encode(rows: &[Enriched], now: Millis, max_row_bytes: usize) -> Result<Vec<Row>, Error> {
    let lasting = rows.iter().filter(|row| row.expires_at > now);
    let encoded = lasting
        .map(|row| encode_row(row, max_row_bytes))
        .collect::<Result<Vec<_>, Error>>()?;
    let expired = rows.len() - encoded.len();
    let winners = winners(encoded);
    count("expired", expired);
    count("stale", rows.len() - expired - winners.len());
    Ok(winners)
}

/// At most one row for each key, the one that would win.
pub(super) fn winners(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|a, b| a.key.cmp(&b.key).then(b.stamp.cmp(&a.stamp)));
    rows.dedup_by(|next, kept| next.key == kept.key);
    rows
}

fn encode_row(row: &Enriched, max_bytes: usize) -> Result<Row, Error> {
    let id = row.event.id;
    let value = encode_enriched(row.clone());
    if value.len() > max_bytes {
        return Err(Error::RowTooLarge {
            id,
            bytes: value.len(),
            max_bytes,
        });
    }
    let cell = Cell {
        stamp: stamp::of_event(row),
        expires_at: row.expires_at,
        value: Some(value),
    };
    Ok(Row::new(event_key(&row.tenant, id.bytes()), &cell))
}

fn count(outcome: &'static str, rows: usize) {
    metrics::counter!(definitions::PUT_ROWS, "outcome" => outcome).increment(rows as u64);
}

impl Storage {
    /// Writes the rows of events that win over what is there, all of them or none.
    pub(super) fn put(&self, rows: Vec<Row>) -> Result<(), Error> {
        let all = rows.len();
        let written = self.put_newer(rows)?;
        count("written", written);
        count("stale", all - written);
        Ok(())
    }

    /// Writes the rows, of which each key has at most one, that win over what is there, all of them or none; how many
    /// that are.
    pub(super) fn put_newer(&self, rows: impl IntoIterator<Item = Row>) -> Result<usize, Error> {
        let turn = self.begin()?;
        let mut batch = self.db.batch();
        for row in rows {
            // Of the same stamp: a row is the same row, a tombstone wins.
            let stored = cell_of(&self.events, &row.key)?;
            if stored.is_none_or(|stored| stored.stamp < row.stamp) {
                batch.insert(&self.events, row.key, row.encoded);
            }
        }
        let written = batch.len();
        self.commit(batch, &turn)?;
        Ok(written)
    }

    /// Writes the marker and, in place of the row, a tombstone. Both are durable when this returns.
    pub(super) fn delete(&self, tenant: &TenantId, id: EventId, keep_until: Millis) -> Result<(), Error> {
        let key = event_key(tenant, id.bytes());
        let turn = self.begin()?;
        let mut batch = self.db.batch();
        for keyspace in [&self.deletions, &self.events] {
            let stored = cell_of(keyspace, &key)?.filter(|cell| cell.value.is_none());
            let expires_at = stored.map_or(keep_until, |tombstone| tombstone.expires_at.max(keep_until));
            let tombstone = Cell {
                stamp: stamp::of_deletion(id),
                expires_at,
                value: None,
            };
            batch.insert(keyspace, key.as_slice(), cell::encode(&tombstone));
        }
        let commit = self.commit(batch, &turn)?;
        drop(turn);
        self.sync_through(commit)
    }

    /// Stores a position that is after the stored one. Of the same origin, the one that is further in the
    /// enriched partition is: it has passed a marker.
    pub(super) fn advance(&self, service: &str, source: Source, position: &Position) -> Result<(), Error> {
        let key = progress::key(service, source)?;
        let place = |position: &Position| (position.origin, position.next_offset);
        let turn = self.begin()?;
        let stored = self.position(service, source)?;
        if stored.is_some_and(|stored| place(&stored) >= place(position)) {
            return Ok(());
        }
        let mut batch = self.db.batch();
        batch.insert(&self.events, key, progress::encode(position));
        self.commit(batch, &turn)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};
    use std::thread;

    use super::super::config::Config;
    use super::*;

    const KEYS: u8 = 100;

    fn rows(round: u8, stamp: i64) -> Vec<Row> {
        let cell = Cell {
            stamp,
            expires_at: Millis::MAX,
            value: Some("event".into()),
        };
        let row = |n| Row::new(vec![b'a', round, n], &cell);
        (0..KEYS).map(row).collect()
    }

    #[test]
    fn of_two_writers_at_the_same_time_the_greater_stamp_wins() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), Config::new(Arc::new(|| Millis::EPOCH))).unwrap();
        for round in 0..50 {
            let start = Barrier::new(2);
            thread::scope(|scope| {
                for stamp in [1, 2] {
                    let (storage, start) = (&storage, &start);
                    scope.spawn(move || {
                        let rows = rows(round, stamp);
                        start.wait();
                        storage.put(rows).unwrap();
                    });
                }
            });
            for n in 0..KEYS {
                let cell = cell_of(&storage.events, &[b'a', round, n]).unwrap().unwrap();
                assert_eq!(cell.stamp, 2, "round {round}, key {n}");
            }
        }
    }
}
