//! Pages of units, read once: what was read lately is kept within a bound, and of several searches that want the same
//! page one reads it.
//!
//! Pages never change, so there is nothing to forget but for room. A page that a unit must have and that is not there
//! is an error, never an empty answer.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use domain::id::EventId;
use domain::index::candidates::{BLOCK, Chunks, Found};
use domain::index::ids::{self, Directory};
use domain::index::manifest::{Entry, UnitRef};
use domain::index::page::{Large, Page};
use domain::index::prune::TermRange;
use domain::index::{Corrupt, posting, unit};
use futures::future::try_join_all;
use moka::future::Cache;
use roaring::RoaringBitmap;
use store::Index;

use super::seen::Seen;

/// Pages of a dictionary that one range of terms may lead through; a longer one prunes nothing.
const MAX_RANGE_PAGES: usize = 16;

/// Large postings that one range of terms may have, likewise.
const MAX_RANGE_LARGE: usize = 64;

/// A page, ready to be used.
#[derive(Clone)]
enum Ready {
    Dictionary(Arc<Page>),
    Positions(Arc<RoaringBitmap>),
    Ids(Arc<[EventId]>),
    Directory(Arc<Directory>),
}

/// What is kept of pages.
#[derive(Clone)]
pub(crate) struct PageCache(Cache<(UnitRef, Vec<u8>), Ready>);

impl PageCache {
    /// Room for about so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let weigh = |(_, key): &(UnitRef, Vec<u8>), ready: &Ready| {
            let bytes = match ready {
                Ready::Dictionary(page) => page.bytes(),
                Ready::Positions(positions) => positions.serialized_size(),
                Ready::Ids(ids) => ids.len() * 16,
                Ready::Directory(directory) => directory.bytes(),
            };
            u32::try_from(bytes + key.len() + 128).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(bytes).weigher(weigh).build())
    }
}

/// Reads pages for one search.
pub(crate) struct Pages<'a> {
    pub(crate) index: &'a dyn Index,
    pub(crate) cache: &'a PageCache,
    pub(crate) seen: &'a Seen,
}

impl Pages<'_> {
    /// What the dictionary of a unit has for a range of terms.
    pub(crate) async fn find(&self, entry: &Entry, range: &TermRange) -> Result<Found, Arc<store::Error>> {
        let mut found = Found::default();
        let mut page = self.dictionary(entry, &range.begin).await?;
        for left in (0..MAX_RANGE_PAGES).rev() {
            let is_end =
                add_terms(&mut found, &page, range, entry.events).map_err(|error| corrupt(entry, error))?;
            let next = page.next().filter(|next| !is_end && *next < range.end.as_slice());
            let Some(next) = next else { break };
            if left == 0 {
                found.is_every = true;
                break;
            }
            page = self.dictionary(entry, next).await?;
        }
        found.is_every |= found.large.len() > MAX_RANGE_LARGE;
        Ok(found)
    }

    /// The page that would have this term.
    async fn dictionary(&self, entry: &Entry, term: &[u8]) -> Result<Arc<Page>, Arc<store::Error>> {
        let key = unit::dictionary_key(term);
        let read = async {
            let found = self.index.page(entry.unit, &key).await?;
            let page = found.filter(|(key, _)| unit::dictionary_term(key).is_some());
            let (_, bytes) = page.ok_or_else(|| missing(entry, "dictionary"))?;
            let page = Page::decode(&bytes).map_err(|error| corrupt_error(entry, error))?;
            // One that ends before the term means that the page with it is gone.
            if page.next().is_some_and(|next| next <= term) {
                return Err(missing(entry, "dictionary"));
            }
            Ok(Ready::Dictionary(Arc::new(page)))
        };
        match self.get(entry, key.clone(), read).await? {
            Ready::Dictionary(page) => Ok(page),
            _ => Err(Arc::new(missing(entry, "dictionary"))),
        }
    }

    /// Rows of large postings, in positions of the unit.
    pub(crate) async fn rows(
        &self,
        entry: &Entry,
        wanted: &[(Large, u8)],
    ) -> Result<Chunks, Arc<store::Error>> {
        let rows = wanted.iter().map(async |(large, block)| {
            let row = self.row(entry, large.number, *block).await?;
            Ok::<_, Arc<store::Error>>(((large.number, *block), row))
        });
        let rows = try_join_all(rows).await?;
        Ok(rows
            .into_iter()
            .map(|(place, row)| (place, (*row).clone()))
            .collect())
    }

    async fn row(
        &self,
        entry: &Entry,
        number: u32,
        block: u8,
    ) -> Result<Arc<RoaringBitmap>, Arc<store::Error>> {
        let key = unit::postings_key(number, block);
        let read = async {
            let bytes = self.exactly(entry, &key, "postings").await?;
            let row = posting::decode(&bytes, entry.events).map_err(|error| corrupt_error(entry, error))?;
            let is_elsewhere =
                |position: Option<u32>| position.is_some_and(|position| position / BLOCK != u32::from(block));
            if is_elsewhere(row.min()) || is_elsewhere(row.max()) {
                return Err(missing(entry, "postings"));
            }
            Ok(Ready::Positions(Arc::new(row)))
        };
        match self.get(entry, key.clone(), read).await? {
            Ready::Positions(row) => Ok(row),
            _ => Err(Arc::new(missing(entry, "postings"))),
        }
    }

    /// The ids at these positions, in their order. What is not in the cache is read at once.
    pub(crate) async fn ids(
        &self,
        entry: &Entry,
        positions: &[u32],
    ) -> Result<Vec<EventId>, Arc<store::Error>> {
        let mut numbers: Vec<u32> = positions
            .iter()
            .map(|position| position / ids::PER_PAGE)
            .collect();
        numbers.dedup();
        self.seen.pages(numbers.len() as u64);
        let (mut pages, mut missing_keys) = (HashMap::new(), Vec::new());
        for number in numbers {
            let key = unit::ids_key(number);
            match self.cache.0.get(&(entry.unit, key.clone())).await {
                Some(Ready::Ids(ids)) => drop(pages.insert(key, ids)),
                _ => missing_keys.push(key),
            }
        }
        self.read_ids(entry, &missing_keys, &mut pages).await?;
        let id = |position: &u32| {
            let page = pages.get(&unit::ids_key(position / ids::PER_PAGE));
            let place = usize::try_from(position % ids::PER_PAGE).ok()?;
            page.and_then(|page| page.get(place)).copied()
        };
        let ids: Option<Vec<_>> = positions.iter().map(id).collect();
        ids.ok_or_else(|| Arc::new(missing(entry, "ids")))
    }

    async fn read_ids(
        &self,
        entry: &Entry,
        keys: &[Vec<u8>],
        pages: &mut HashMap<Vec<u8>, Arc<[EventId]>>,
    ) -> Result<(), Arc<store::Error>> {
        if keys.is_empty() {
            return Ok(());
        }
        self.seen.read_pages(keys.len() as u64);
        let read = self.index.pages_at(entry.unit, keys).await.map_err(Arc::new)?;
        for (key, bytes) in read {
            let ids: Arc<[EventId]> = ids::decode(&bytes).map_err(|error| corrupt(entry, error))?.into();
            let ready = Ready::Ids(ids.clone());
            self.cache.0.insert((entry.unit, key.clone()), ready).await;
            pages.insert(key, ids);
        }
        Ok(())
    }

    /// When the pages of ids begin.
    pub(crate) async fn directory(&self, entry: &Entry) -> Result<Arc<Directory>, Arc<store::Error>> {
        let read = async {
            let bytes = self.exactly(entry, unit::DIRECTORY_KEY, "directory").await?;
            let directory = Directory::decode(&bytes).map_err(|error| corrupt_error(entry, error))?;
            Ok(Ready::Directory(Arc::new(directory)))
        };
        match self.get(entry, unit::DIRECTORY_KEY.to_vec(), read).await? {
            Ready::Directory(directory) => Ok(directory),
            _ => Err(Arc::new(missing(entry, "directory"))),
        }
    }

    /// A page from the cache, or read, by one of those who want it at this moment.
    async fn get(
        &self,
        entry: &Entry,
        key: Vec<u8>,
        read: impl Future<Output = Result<Ready, store::Error>>,
    ) -> Result<Ready, Arc<store::Error>> {
        self.seen.pages(1);
        let counted = async {
            self.seen.read_pages(1);
            read.await
        };
        // Boxed: a search holds many of these.
        Box::pin(self.cache.0.try_get_with((entry.unit, key), counted)).await
    }

    async fn exactly(&self, entry: &Entry, key: &[u8], what: &str) -> Result<bytes::Bytes, store::Error> {
        let page = self.index.page(entry.unit, key).await?;
        let (_, bytes) = page
            .filter(|(found, _)| found == key)
            .ok_or_else(|| missing(entry, what))?;
        Ok(bytes)
    }
}

/// Adds the terms of a page that are in the range; true when the range ends in it.
fn add_terms(found: &mut Found, page: &Page, range: &TermRange, events: u32) -> Result<bool, Corrupt> {
    let mut cursor = page.seek(&range.begin)?;
    while let Some(posting) = cursor.advance(page)? {
        if cursor.term() >= range.end.as_slice() {
            return Ok(true);
        }
        found.add(posting, events)?;
    }
    Ok(false)
}

fn missing(entry: &Entry, what: &str) -> store::Error {
    store::Error::Corrupt {
        what: format!(
            "unit {} of the index, whose {what} has a page less,",
            entry.unit.id
        ),
    }
}

fn corrupt_error(entry: &Entry, error: Corrupt) -> store::Error {
    store::Error::Corrupt {
        what: format!("unit {} of the index, whose {},", entry.unit.id, error.what),
    }
}

fn corrupt(entry: &Entry, error: Corrupt) -> Arc<store::Error> {
    Arc::new(corrupt_error(entry, error))
}
