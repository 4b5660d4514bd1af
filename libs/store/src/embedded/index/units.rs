//! Pages of units. Everything here blocks on the disk.

use domain::index::manifest::UnitRef;
use domain::time::Millis;
use fjall::Guard;

use super::keys;
use crate::embedded::cell::{self, Cell};
use crate::embedded::storage::{Storage, unreadable};
use crate::embedded::walk::{Stored, cells, corrupt};
use crate::index::Page;
use crate::port::Error;
use crate::stamp;

/// Bytes of pages that are written at once, about.
const BATCH_BYTES: usize = 1 << 20;
/// Pages that are removed while writers wait.
const REMOVED_AT_ONCE: usize = 500;
/// Bytes of a key of a page: the storage engine takes a little more, with what ours begins with.
const MAX_KEY_BYTES: usize = 60_000;

impl Storage {
    /// Writes pages: they are new, so it is not looked what is there.
    pub(super) fn put_pages(
        &self,
        unit: UnitRef,
        pages: Vec<Page>,
        keep_until: Millis,
        now: Millis,
    ) -> Result<(), Error> {
        for (key, _) in &pages {
            check_key(key)?;
        }
        let begin = keys::pages(unit);
        let mut pages = pages.into_iter().peekable();
        while pages.peek().is_some() {
            let mut bytes = 0;
            let turn = self.begin()?;
            let mut batch = self.db.batch();
            while let Some((key, value)) = pages.next_if(|_| bytes < BATCH_BYTES) {
                bytes += key.len() + value.len();
                let cell = Cell {
                    stamp: stamp::of_pages(now),
                    expires_at: keep_until,
                    value: Some(value),
                };
                batch.insert(
                    &self.events,
                    [begin.as_slice(), &key].concat(),
                    cell::encode(&cell),
                );
            }
            self.commit(batch, &turn)?;
        }
        Ok(())
    }

    pub(super) fn page(&self, unit: UnitRef, key: &[u8]) -> Result<Option<Page>, Error> {
        check_key(key)?;
        let begin = keys::pages(unit);
        let range = begin.clone()..=[begin.as_slice(), key].concat();
        let greatest = self.events.range(range).next_back();
        let mut greatest = cells(greatest.into_iter(), begin.len());
        greatest.next().map(|stored| page_of(unit, stored?)).transpose()
    }

    pub(super) fn pages_at(&self, unit: UnitRef, page_keys: &[Vec<u8>]) -> Result<Vec<Page>, Error> {
        let mut found = Vec::with_capacity(page_keys.len());
        for key in page_keys {
            found.extend(self.page(unit, key)?.filter(|(page_key, _)| page_key == key));
        }
        Ok(found)
    }

    pub(super) fn pages(
        &self,
        unit: UnitRef,
        begin: &[u8],
        end: &[u8],
        limit: usize,
    ) -> Result<Vec<Page>, Error> {
        if begin >= end {
            return Ok(Vec::new());
        }
        check_key(begin)?;
        check_key(end)?;
        let prefix = keys::pages(unit);
        let [from, to] = [begin, end].map(|key| [prefix.as_slice(), key].concat());
        cells(self.events.range(from..to), prefix.len())
            .take(limit)
            .map(|stored| page_of(unit, stored?))
            .collect()
    }

    pub(super) fn remove_unit(&self, unit: UnitRef) -> Result<(), Error> {
        let begin = keys::pages(unit);
        let mut entries = self.events.prefix(begin).peekable();
        while entries.peek().is_some() {
            let removed = entries.by_ref().take(REMOVED_AT_ONCE).map(Guard::key);
            let removed = removed.collect::<Result<Vec<_>, _>>();
            let turn = self.begin()?;
            let mut batch = self.db.batch();
            for key in removed.map_err(|error| unreadable(&error))? {
                batch.remove(&self.events, key);
            }
            self.commit(batch, &turn)?;
        }
        Ok(())
    }
}

fn check_key(key: &[u8]) -> Result<(), Error> {
    if key.len() <= MAX_KEY_BYTES {
        return Ok(());
    }
    let reason = format!(
        "key of a page has {} bytes, {MAX_KEY_BYTES} are allowed",
        key.len()
    );
    Err(Error::Unavailable { reason })
}

fn page_of(unit: UnitRef, Stored { key_end, cell }: Stored) -> Result<Page, Error> {
    let value = cell
        .value
        .ok_or_else(|| corrupt(format!("page of unit {}", unit.id)))?;
    Ok((key_end, value))
}
