//! Units on their way to the store: cut by hour, their pages written, then listed.

use std::collections::BTreeMap;

use bytes::Bytes;
use chassis::random::Random;
use domain::id::EventId;
use domain::index::Corrupt;
use domain::index::manifest::{Covers, Entry, UnitId, UnitRef};
use domain::index::merge::{Input, Made, merge};
use domain::index::segment;
use domain::retention::Class;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use store::index::{Index, Page};

use crate::Recent;
use crate::batch::Segment;
use crate::error::Error;

const HOUR_MS: i64 = 60 * 60 * 1000;
/// How much longer than its events the pages of a unit are kept, for readers whose clock is behind.
const KEEP_LONGER_MS: i64 = 24 * HOUR_MS;

/// A unit that is not written.
#[derive(Debug)]
pub(crate) struct Unit {
    class: Class,
    made: Made,
    pages: Vec<Page>,
    last_origin: u64,
    expires_at: Millis,
}

impl Unit {
    pub(crate) fn bytes(&self) -> usize {
        self.pages.iter().map(|(key, page)| key.len() + page.len()).sum()
    }
}

/// The hour of a time, counted from 1970.
pub(crate) fn hour(time: Millis) -> i64 {
    time.as_ms().div_euclid(HOUR_MS)
}

/// The first millisecond of an hour.
pub(crate) fn begin_of_hour(hour: i64) -> Millis {
    Millis::from_ms(hour.saturating_mul(HOUR_MS))
}

/// The units of segments of one tenant: of one class and one hour each. Segments that have expired are left out.
/// Takes long.
pub(crate) fn of_segments(segments: &[Segment], now: Millis) -> Result<Vec<Unit>, Corrupt> {
    let mut classes: BTreeMap<u8, Class> = BTreeMap::new();
    classes.extend(
        segments
            .iter()
            .map(|segment| (segment.class.number(), segment.class)),
    );
    let mut units = Vec::new();
    for class in classes.into_values() {
        let of_class = segments.iter().filter(|segment| segment.class == class);
        units.extend(of_one_class(class, of_class, now)?);
    }
    Ok(units)
}

fn of_one_class<'a>(
    class: Class,
    segments: impl Iterator<Item = &'a Segment>,
    now: Millis,
) -> Result<Vec<Unit>, Corrupt> {
    let mut inputs: Vec<Input<Bytes>> = Vec::new();
    let (mut last_origin, mut expires_at) = (0, Millis::EPOCH);
    for segment in segments {
        let decoded = segment::Segment::decode(&segment.bytes)?;
        if decoded.expires_at() > now {
            last_origin = segment.last_origin.max(last_origin);
            expires_at = decoded.expires_at().max(expires_at);
            inputs.push(Input::Segment(decoded));
        }
    }
    let mut pages: Vec<Vec<Page>> = Vec::new();
    // Periods change with an hour.
    let is_apart = |a: EventId, b: EventId| hour(a.time()) != hour(b.time());
    let made = merge(&inputs, is_apart, |number, key, page| {
        pages.resize_with(pages.len().max(number + 1), Vec::new);
        pages[number].push((key, page.into()));
    })?;
    let unit = |(made, pages)| Unit {
        class,
        made,
        pages,
        last_origin,
        expires_at,
    };
    Ok(made.into_iter().zip(pages).map(unit).collect())
}

/// Writes and lists units of one tenant and source.
pub(crate) struct Publisher<'a> {
    pub(crate) index: &'a dyn Index,
    pub(crate) random: &'a dyn Random,
    /// Who remembers small units, if anybody.
    pub(crate) recent: Option<&'a Recent>,
    pub(crate) tenant: &'a TenantId,
    pub(crate) source: Source,
    pub(crate) level: u8,
    pub(crate) now: Millis,
}

impl Publisher<'_> {
    /// Writes the pages of all units, then lists the units, the one with the claim last. Answers what is listed.
    ///
    /// The claim is left out where the units are in the manifests of several periods: a reader could read one of these
    /// before and the one with the claim after this.
    pub(crate) async fn publish(&self, units: Vec<Unit>, claim: Option<Covers>) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::with_capacity(units.len());
        for Unit {
            class,
            made,
            pages,
            last_origin,
            expires_at,
        } in units
        {
            let unit = new_unit(self.random, class);
            let entry = self.entry(unit, made, last_origin, expires_at);
            if let Some(recent) = self.recent {
                recent.keep(unit, &pages);
            }
            self.index
                .put_pages(unit, pages, keep_until(expires_at), self.now)
                .await?;
            entries.push(entry);
        }
        let is_one_period = entries
            .windows(2)
            .all(|pair| pair[0].period() == pair[1].period());
        if let Some(last) = entries.last_mut().filter(|_| is_one_period) {
            last.covers = claim;
        }
        for entry in &entries {
            self.index.list(self.tenant, entry, self.now).await?;
        }
        Ok(entries)
    }

    pub(crate) fn entry(&self, unit: UnitRef, made: Made, last_origin: u64, expires_at: Millis) -> Entry {
        Entry {
            unit,
            source: self.source,
            level: self.level,
            events: made.events,
            pages: made.pages,
            first: made.first,
            last: made.last,
            last_origin,
            expires_at,
            covers: None,
        }
    }
}

/// Until when the pages of a unit are kept whose last event expires then.
pub(crate) fn keep_until(expires_at: Millis) -> Millis {
    expires_at.plus_ms(KEEP_LONGER_MS)
}

/// A unit that nobody else writes.
pub(crate) fn new_unit(random: &dyn Random, class: Class) -> UnitRef {
    let mut id = [0; 16];
    random.fill(&mut id);
    UnitRef {
        class,
        id: UnitId(id),
    }
}

/// Runs what takes long where it holds up nobody.
pub(crate) async fn off_thread<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(job).await {
        Ok(done) => Ok(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => Err(store::Error::Closed.into()),
        },
    }
}
