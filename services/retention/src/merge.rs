//! Merging: several units of a tenant become one, so that a search over a long time reads few.
//!
//! The pages of the new unit are written before it takes the place of the others in the manifest, and the old pages stay
//! for searches that have begun: a reader finds each event at every moment. Two processes that merge the same units make
//! two of the outcome, which a later merge makes one. Units behind the mark of their source are left alone, with what
//! their entries claim.

use std::collections::BTreeMap;

use bytes::Bytes;
use chassis::random::Random;
use domain::index::manifest::{Entry, Period, UnitRef};
use domain::index::merge::{Input, Made, merge};
use domain::index::tiers::{self, Merge};
use domain::index::unit::{self, Whole};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use store::index::{Index, Page};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::Recent;
use crate::error::Error;
use crate::metric_definitions as definitions;
use crate::units::{Publisher, keep_until, new_unit, off_thread};

/// Pages that are read at once.
const SLICE: usize = 128;
/// Bytes of pages that are written at once.
const CHUNK_BYTES: usize = 512 << 10;
/// Such chunks that wait to be written.
const CHUNKS: usize = 2;

/// What was merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Units that were made.
    pub merges: u32,
    /// Events in them.
    pub events: u64,
    /// Units that are listed no more. Their pages are still there, for readers that have begun.
    pub replaced: Vec<UnitRef>,
    /// When there may be more to merge, although nothing new is sealed.
    pub next_due: Option<Millis>,
}

/// The units of a tenant in a period that come from one source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Whose they are.
    pub tenant: TenantId,
    /// The times of their events.
    pub period: Period,
    /// Where their events come from.
    pub source: Source,
}

/// Merges everything in a place that is due at `now`, one merge after the other.
///
/// In memory are at most the units of one merge: [`unit::MAX_EVENTS`] events. What is in `recent` is not read.
pub async fn run_once(
    index: &dyn Index,
    recent: &Recent,
    place: &Place,
    now: Millis,
    random: &dyn Random,
) -> Result<Merged, Error> {
    let mut merged = Merged::default();
    let Some(mark) = index.mark(place.source).await? else {
        return Ok(merged);
    };
    let mut run = Run {
        index,
        recent,
        random,
        place,
        now,
        sealed: mark.position.origin,
        doubtful: BTreeMap::new(),
    };
    loop {
        let classes = run.classes().await?;
        let Some(due) = classes.values().find_map(|entries| tiers::due(entries, now)) else {
            let next = classes
                .values()
                .filter_map(|entries| tiers::next_due(entries, now));
            merged.next_due = next.min();
            return Ok(merged);
        };
        if let Some(events) = run.merge(&due).await? {
            merged.merges += 1;
            merged.events += u64::from(events);
            merged.replaced.extend(due.units.iter().map(|entry| entry.unit));
        }
    }
}

struct Run<'a> {
    index: &'a dyn Index,
    recent: &'a Recent,
    random: &'a dyn Random,
    place: &'a Place,
    now: Millis,
    /// The origin of the source's mark.
    sealed: u64,
    /// Units that could not be read, and how often: their pages may be removed since the manifest was read.
    doubtful: BTreeMap<UnitRef, u32>,
}

impl Run<'_> {
    /// What may be merged, by class.
    async fn classes(&self) -> Result<BTreeMap<u8, Vec<Entry>>, Error> {
        let listed = self.index.manifest(&self.place.tenant, self.place.period).await?;
        let mut classes: BTreeMap<u8, Vec<Entry>> = BTreeMap::new();
        let ours = listed.into_iter().filter(|entry| {
            entry.source == self.place.source
                && entry.last_origin <= self.sealed
                && entry.expires_at > self.now
                && self.doubtful.get(&entry.unit).is_none_or(|times| *times < 2)
        });
        for entry in ours {
            classes.entry(entry.unit.class.number()).or_default().push(entry);
        }
        Ok(classes)
    }

    /// Answers the number of events, or none where a unit can't be read.
    async fn merge(&mut self, due: &Merge) -> Result<Option<u32>, Error> {
        let started = Instant::now();
        let mut inputs = Vec::with_capacity(due.units.len());
        for entry in &due.units {
            inputs.push((entry.clone(), self.pages(entry).await?));
        }
        let expires_at = due.units.iter().map(|entry| entry.expires_at).max();
        let (Some(first), Some(expires_at)) = (due.units.first(), expires_at) else {
            return Ok(None);
        };
        let unit = new_unit(self.random, first.unit.class);
        let made = match self.write(unit, first.unit, inputs, expires_at).await? {
            Ok(made) => made,
            Err(unreadable) => {
                self.doubt(unreadable);
                return Ok(None);
            }
        };
        self.replace(due, unit, made, expires_at).await?;
        metrics::counter!(definitions::MERGES).increment(1);
        metrics::counter!(definitions::MERGED_EVENTS).increment(u64::from(made.events));
        metrics::histogram!(definitions::MERGE_SECONDS).record(started.elapsed());
        Ok(Some(made.events))
    }

    async fn pages(&self, entry: &Entry) -> Result<Vec<Page>, Error> {
        if let Some(pages) = self.recent.take(entry.unit) {
            return Ok(pages);
        }
        let (mut begin, end) = (unit::EVERYTHING.0.to_vec(), unit::EVERYTHING.1);
        let mut pages: Vec<Page> = Vec::new();
        while pages.len() < entry.pages as usize {
            let slice = self.index.pages(entry.unit, &begin, end, SLICE).await?;
            let Some((last, _)) = slice.last() else {
                break;
            };
            // The next key.
            begin = [last.as_slice(), &[0]].concat();
            pages.extend(slice);
        }
        Ok(pages)
    }

    /// Writes the pages of the outcome as they are made.
    async fn write(
        &self,
        unit: UnitRef,
        first: UnitRef,
        inputs: Vec<(Entry, Vec<Page>)>,
        expires_at: Millis,
    ) -> Result<Result<Made, UnitRef>, Error> {
        let (give, mut chunks) = mpsc::channel(CHUNKS);
        let making = off_thread(move || make(first, inputs, Chunks::new(give)));
        let writing = async {
            while let Some(chunk) = chunks.recv().await {
                count_pages(&chunk);
                self.index
                    .put_pages(unit, chunk, keep_until(expires_at), self.now)
                    .await?;
            }
            Ok(())
        };
        let (made, ()) = futures::future::try_join(making, writing).await?;
        Ok(made)
    }

    async fn replace(&self, due: &Merge, unit: UnitRef, made: Made, expires_at: Millis) -> Result<(), Error> {
        let Place { tenant, source, .. } = self.place;
        let publisher = Publisher {
            index: self.index,
            random: self.random,
            recent: None,
            tenant,
            source: *source,
            level: due.level,
            now: self.now,
        };
        let last_origin = due.units.iter().map(|entry| entry.last_origin).max();
        let entry = publisher.entry(unit, made, last_origin.unwrap_or(self.sealed), expires_at);
        self.index.replace(tenant, &entry, &due.units, self.now).await?;
        Ok(())
    }

    /// Another process may have merged the unit and removed its pages. It is left alone when it is still listed.
    fn doubt(&mut self, unit: UnitRef) {
        let times = self.doubtful.entry(unit).or_insert(0);
        *times += 1;
        if *times == 2 {
            let tenant = &self.place.tenant;
            tracing::warn!(%tenant, unit = %unit.id, "pages of a listed unit are missing or damaged");
        }
    }
}

/// Merges units. The error is one that can't be read.
fn make(first: UnitRef, inputs: Vec<(Entry, Vec<Page>)>, mut chunks: Chunks) -> Result<Made, UnitRef> {
    let (mut units, mut wholes) = (Vec::new(), Vec::new());
    for (entry, pages) in inputs {
        let whole = Whole::new(entry.events, entry.pages, pages).map_err(|_| entry.unit)?;
        units.push(entry.unit);
        wholes.push(Input::Unit(whole));
    }
    let made = merge(
        &wholes,
        |_, _| false,
        |_, key, page| chunks.push(key, page.into()),
    );
    chunks.send();
    match made.as_deref() {
        Ok(&[made]) => Ok(made),
        _ => Err(damaged(&units, &wholes).unwrap_or(first)),
    }
}

fn damaged(units: &[UnitRef], wholes: &[Input<Bytes>]) -> Option<UnitRef> {
    let alone = |whole| merge(std::slice::from_ref(whole), |_, _| false, |_, _, _| {});
    let mut pairs = units.iter().zip(wholes);
    pairs
        .find(|(_, whole)| alone(whole).is_err())
        .map(|(unit, _)| *unit)
}

/// Gathers pages into chunks, and hands these on.
struct Chunks {
    give: mpsc::Sender<Vec<Page>>,
    open: Vec<Page>,
    bytes: usize,
}

impl Chunks {
    fn new(give: mpsc::Sender<Vec<Page>>) -> Self {
        Self {
            give,
            open: Vec::new(),
            bytes: 0,
        }
    }

    fn push(&mut self, key: Vec<u8>, page: Bytes) {
        self.bytes += key.len() + page.len();
        self.open.push((key, page));
        if self.bytes >= CHUNK_BYTES {
            self.send();
        }
    }

    fn send(&mut self) {
        self.bytes = 0;
        // Who would write them has failed and says why.
        let _gone = self.give.blocking_send(std::mem::take(&mut self.open));
    }
}

fn count_pages(pages: &[Page]) {
    let bytes: usize = pages.iter().map(|(key, page)| key.len() + page.len()).sum();
    metrics::counter!(definitions::UNIT_PAGES, "by" => "merge").increment(pages.len() as u64);
    metrics::counter!(definitions::UNIT_BYTES, "by" => "merge").increment(bytes as u64);
}
