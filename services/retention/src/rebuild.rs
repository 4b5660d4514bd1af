//! The index of whole hours, made anew from the rows: where pages were lost, or where the log has lost what the index
//! was to be made from.
//!
//! The new units are listed under a [source] that no partition is. What was listed before the rows were read, and
//! lies within the hours, is taken out of the manifest afterwards; what was listed since stays, for it may have events
//! that were stored since. An event in both is found once.

use std::ops::Range;

use chassis::random::Random;
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::index::manifest::{Entry, Period, UnitRef};
use domain::index::unit::MAX_EVENTS;
use domain::record::Enriched;
use domain::source::{Lane, Source};
use domain::tenant::TenantId;
use domain::time::Millis;
use store::Events;
use store::index::Index;

use crate::batch::{self, Segment};
use crate::error::Error;
use crate::units::{Publisher, begin_of_hour, hour, of_segments, off_thread};

/// Events that are read at once.
const READ: usize = 1000;
/// Level of the new units: nothing is left to merge within an hour.
const LEVEL: u8 = 1;

/// What was made anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Events that were read.
    pub events: u64,
    /// Units that were made of them.
    pub units: usize,
    /// Units that are listed no more. Their pages are for [`remove`], when no reader can have begun before.
    pub replaced: Vec<UnitRef>,
}

/// The source under which the new units of a generation are listed.
pub const fn source(generation: u32) -> Source {
    Source {
        lane: Lane::Standard,
        generation,
        partition: u32::MAX,
    }
}

/// The hours that a range of times touches, counted from 1970.
pub fn hours_of(from: Millis, to: Millis) -> Range<i64> {
    hour(from)..hour(to.minus_ms(1)) + 1
}

/// What it works on.
pub struct Stores<'a> {
    /// Has the rows.
    pub events: &'a dyn Events,
    /// Takes the index.
    pub index: &'a dyn Index,
    /// Names the units.
    pub random: &'a dyn Random,
}

/// Makes the index of a tenant's events of these [hours](hours_of) anew. After an error it can be made again.
pub async fn hours(
    stores: &Stores<'_>,
    tenant: &TenantId,
    hours: Range<i64>,
    generation: u32,
    now: Millis,
) -> Result<Rebuilt, Error> {
    let range = IdRange::of_times(begin_of_hour(hours.start), begin_of_hour(hours.end));
    let before = listed(stores.index, tenant, &range).await?;
    let mut work = Rebuild {
        stores,
        tenant,
        source: source(generation),
        now,
        open: Vec::new(),
        open_events: 0,
        rebuilt: Rebuilt::default(),
    };
    for hour in hours {
        work.hour(hour).await?;
    }
    let mut rebuilt = work.rebuilt;
    for entry in before {
        if range.contains(entry.first) && range.contains(entry.last) {
            stores.index.unlist(tenant, &entry).await?;
            rebuilt.replaced.push(entry.unit);
        }
    }
    Ok(rebuilt)
}

/// Removes the pages of units that were replaced.
pub async fn remove(index: &dyn Index, replaced: &[UnitRef]) -> Result<(), Error> {
    for unit in replaced {
        index.remove_unit(*unit).await?;
    }
    Ok(())
}

async fn listed(index: &dyn Index, tenant: &TenantId, range: &IdRange) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    if range.is_empty() {
        return Ok(entries);
    }
    for period in Period::of_range(range) {
        entries.extend(index.manifest(tenant, Period(period)).await?);
    }
    Ok(entries)
}

struct Rebuild<'a> {
    stores: &'a Stores<'a>,
    tenant: &'a TenantId,
    source: Source,
    now: Millis,
    /// Of the hour that is read.
    open: Vec<Segment>,
    open_events: usize,
    rebuilt: Rebuilt,
}

impl Rebuild<'_> {
    async fn hour(&mut self, hour: i64) -> Result<(), Error> {
        let mut left = Some(IdRange::of_times(begin_of_hour(hour), begin_of_hour(hour + 1)));
        while let Some(range) = left.filter(|range| !range.is_empty()) {
            let Stores { events, .. } = self.stores;
            let scan = events.ids(self.tenant, range, Order::OldestFirst, READ).await?;
            self.take(&scan.ids).await?;
            left = scan.next;
        }
        self.close().await
    }

    async fn take(&mut self, ids: &[EventId]) -> Result<(), Error> {
        let found: Vec<Enriched> = self.stores.events.fetch(self.tenant, ids, self.now).await?;
        self.rebuilt.events += found.len() as u64;
        self.open_events += found.len();
        // Origins are not kept with rows. None is the least: nothing is claimed of the source.
        self.open
            .extend(batch::segments(found.iter().map(|event| (event, 0))));
        if self.open_events >= MAX_EVENTS as usize {
            self.close().await?;
        }
        Ok(())
    }

    /// Makes units of what was read.
    async fn close(&mut self) -> Result<(), Error> {
        let (segments, now) = (std::mem::take(&mut self.open), self.now);
        self.open_events = 0;
        let units = off_thread(move || of_segments(&segments, now)).await??;
        let publisher = Publisher {
            index: self.stores.index,
            random: self.stores.random,
            recent: None,
            tenant: self.tenant,
            source: self.source,
            level: LEVEL,
            now,
        };
        self.rebuilt.units += publisher.publish(units, None).await?.len();
        Ok(())
    }
}
