//! The units of a tenant, and how much of each source is in them. Everything here blocks on the disk.

use domain::index::manifest::{Entry, Period};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use fjall::Readable;

use super::keys;
use crate::embedded::cell::{self, Cell};
use crate::embedded::mark;
use crate::embedded::storage::{Storage, cell_of};
use crate::embedded::walk::{Stored, cells, corrupt};
use crate::index::Mark;
use crate::port::Error;
use crate::stamp;

/// How long it is remembered that a unit was taken out.
const TOMBSTONE_LIFE_MS: i64 = 24 * 60 * 60 * 1000;
/// Marks are kept for ever.
const NEVER: Millis = Millis::from_ms(i64::MAX);

impl Storage {
    pub(super) fn list(&self, tenant: &TenantId, entry: &Entry) -> Result<(), Error> {
        let cell = Cell {
            stamp: stamp::of_origin(entry.last_origin)?,
            expires_at: entry.expires_at,
            value: Some(entry.encode().into()),
        };
        let key = keys::entry(tenant, entry.period(), entry.source, entry.unit);
        self.replace_older(key, &cell)
    }

    pub(super) fn unlist(&self, tenant: &TenantId, entry: &Entry) -> Result<(), Error> {
        let tombstone = Cell {
            stamp: stamp::of_origin(entry.last_origin)? + 1,
            expires_at: (self.config.clock)().plus_ms(TOMBSTONE_LIFE_MS),
            value: None,
        };
        let key = keys::entry(tenant, entry.period(), entry.source, entry.unit);
        self.replace_older(key, &tombstone)
    }

    /// Writes a cell unless one of its stamp, or of a greater one, is there; a tombstone wins over what is no
    /// tombstone of the same stamp.
    fn replace_older(&self, key: Vec<u8>, cell: &Cell) -> Result<(), Error> {
        let rank = |cell: &Cell| (cell.stamp, cell.value.is_none());
        let turn = self.begin()?;
        let stored = cell_of(&self.events, &key)?;
        if stored.is_some_and(|stored| rank(&stored) >= rank(cell)) {
            return Ok(());
        }
        let mut batch = self.db.batch();
        batch.insert(&self.events, key, cell::encode(cell));
        self.commit(batch, &turn)?;
        Ok(())
    }

    pub(super) fn manifest(&self, tenant: &TenantId, period: Period) -> Result<Vec<Entry>, Error> {
        let begin = keys::manifest(tenant, period);
        let mut entries = Vec::new();
        // An iterator alone sees what is written while it goes: it could miss a unit that is listed behind it and, further
        // on, the one that this replaces.
        let snapshot = self.db.snapshot();
        for stored in cells(snapshot.prefix(&self.events, &begin), begin.len()) {
            let Stored { key_end, cell } = stored?;
            let Some(value) = cell.value else {
                continue;
            };
            let entry = keys::read_entry_end(&key_end)
                .and_then(|(source, unit)| Entry::decode(source, unit, &value).ok())
                .ok_or_else(|| corrupt(format!("manifest of {tenant} in period {}", period.0)))?;
            entries.push(entry);
        }
        Ok(entries)
    }

    pub(super) fn mark(&self, source: Source) -> Result<Option<Mark>, Error> {
        let Some(cell) = cell_of(&self.events, &keys::mark(source))? else {
            return Ok(None);
        };
        let mark = cell.value.and_then(|bytes| mark::decode(&bytes));
        mark.ok_or_else(|| corrupt(format!("mark of {source}"))).map(Some)
    }

    /// Stores a mark that is after the stored one. Of one origin the further offset is, as of a position.
    pub(super) fn advance_mark(&self, source: Source, mark: &Mark) -> Result<(), Error> {
        let place = |mark: &Mark| (mark.position.origin, mark.position.next_offset, mark.minute);
        let cell = Cell {
            stamp: stamp::of_origin(mark.position.origin)?,
            expires_at: NEVER,
            value: Some(mark::encode(mark).into()),
        };
        let turn = self.begin()?;
        if self
            .mark(source)?
            .is_some_and(|stored| place(&stored) >= place(mark))
        {
            return Ok(());
        }
        let mut batch = self.db.batch();
        batch.insert(&self.events, keys::mark(source), cell::encode(&cell));
        self.commit(batch, &turn)?;
        Ok(())
    }
}
