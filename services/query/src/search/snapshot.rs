//! What of a tenant is in the index at one moment: its units, and its segments that are not in units yet.
//!
//! The order of reading is what makes it whole. First where the tenant has fresh segments, then how far those sources
//! are sealed, then the manifests, then the segments beyond: whatever is sealed in between is in both, and an id that is
//! found twice is one candidate. Marks and manifests that were read a moment ago do as well, for what was not sealed
//! then is still among the fresh segments; so they are kept for that moment.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use domain::id::IdRange;
use domain::index::manifest::{Entry, Minute, Period, covered};
use domain::index::segment::Segment;
use domain::retention::Class;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use moka::future::Cache;
use store::index::{FRESH_LIFE_MS, Fresh, FreshPlace, Mark};
use store::{Index, Progress, STORING_SERVICE};

/// How long marks and manifests are good enough: much less than the pages of a merged unit are kept.
const SEALED_LIFE: Duration = Duration::from_secs(2);
/// Snapshots that are kept, of all tenants.
const MAX_SEALED: u64 = 1_000;
/// Segments are given up this much before they expire.
const FRESH_MARGIN_MS: i64 = 60 * 60 * 1000;
/// Minutes of fresh segments that a source has at the most, unless it is sealed meanwhile.
const EXPECTED_MINUTES: i64 = 20;
/// Minutes of fresh segments that are read at once.
const MINUTES_AT_ONCE: usize = 32;

/// Marks and manifests.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    marks: HashMap<Source, Option<Mark>>,
    entries: Vec<Entry>,
}

/// Keeps what was read a moment ago.
#[derive(Clone)]
pub(crate) struct SealedCache(Cache<(TenantId, RangeInclusive<i32>), Arc<Sealed>>);

impl SealedCache {
    pub(crate) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(MAX_SEALED)
                .time_to_live(SEALED_LIFE)
                .build(),
        )
    }
}

/// What a search goes through.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Units that may have events in the range.
    pub(crate) units: Vec<Entry>,
    /// Segments that are not in units.
    pub(crate) fresh: Vec<Segment>,
    /// Sources whose fresh segments are gone before they were sealed.
    pub(crate) lost: Vec<Source>,
    /// Classes of all of them.
    pub(crate) classes: Vec<Class>,
}

/// Takes snapshots of one tenant.
pub(crate) struct Taker<'a> {
    pub(crate) index: &'a dyn Index,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) cache: &'a SealedCache,
    pub(crate) tenant: &'a TenantId,
    pub(crate) now: Millis,
}

impl Taker<'_> {
    /// What may have events in a range of ids.
    pub(crate) async fn take(&self, range: &IdRange) -> Result<Snapshot, Arc<store::Error>> {
        if range.is_empty() {
            return Ok(Snapshot::default());
        }
        let places = self.index.fresh_places(self.tenant).await.map_err(Arc::new)?;
        let mut sealed = self.sealed(range, &places).await?;
        let mut behind = Behind::new(&sealed, &places);
        if behind.is_long {
            // A worker seals before there is so much: what was read a moment ago is too old here.
            sealed = self.sealed_anew(range, &places).await?;
            behind = Behind::new(&sealed, &places);
        }
        let mut snapshot = Snapshot::default();
        for (source, through, first) in &behind.sources {
            if self.is_old(*first) && self.is_behind(*source, *through).await? {
                snapshot.lost.push(*source);
            }
        }
        let minutes = behind.minutes;
        snapshot.fresh = self.fresh(&minutes).await?;
        let overlaps = |entry: &Entry| {
            let own = entry.ids();
            own.begin < range.end && range.begin < own.end && entry.expires_at > self.now
        };
        snapshot.units = sealed
            .entries
            .iter()
            .filter(|entry| overlaps(entry))
            .cloned()
            .collect();
        snapshot.classes = classes(&snapshot);
        Ok(snapshot)
    }

    /// Whether segments of this minute may have expired.
    fn is_old(&self, minute: Minute) -> bool {
        minute.begin() < self.now.minus_ms(FRESH_LIFE_MS - FRESH_MARGIN_MS)
    }

    /// Whether more of a source is stored than sealed.
    async fn is_behind(&self, source: Source, through: u64) -> Result<bool, Arc<store::Error>> {
        let stored = self
            .progress
            .position(STORING_SERVICE, source)
            .await
            .map_err(Arc::new)?;
        Ok(stored.is_some_and(|stored| stored.origin > through))
    }

    async fn sealed(&self, range: &IdRange, places: &[FreshPlace]) -> Result<Arc<Sealed>, Arc<store::Error>> {
        let key = (self.tenant.clone(), Period::of_range(range));
        let read = self.read_sealed(key.1.clone(), places);
        let sealed = self.cache.0.try_get_with(key, Box::pin(read)).await;
        let sealed = sealed.map_err(|error: Arc<Arc<store::Error>>| (*error).clone())?;
        // It may have been read for another search, before a source had its first segment.
        let knows = |place: &FreshPlace| sealed.marks.get(&place.source).is_some_and(Option::is_some);
        if places.iter().all(knows) {
            Ok(sealed)
        } else {
            self.sealed_anew(range, places).await
        }
    }

    async fn sealed_anew(
        &self,
        range: &IdRange,
        places: &[FreshPlace],
    ) -> Result<Arc<Sealed>, Arc<store::Error>> {
        let periods = Period::of_range(range);
        let sealed = self.read_sealed(periods.clone(), places).await?;
        let key = (self.tenant.clone(), periods);
        self.cache.0.insert(key, sealed.clone()).await;
        Ok(sealed)
    }

    async fn read_sealed(
        &self,
        periods: RangeInclusive<i32>,
        places: &[FreshPlace],
    ) -> Result<Arc<Sealed>, Arc<store::Error>> {
        let marks = places.iter().map(async |place| {
            let mark = self.index.mark(place.source).await.map_err(Arc::new)?;
            Ok::<_, Arc<store::Error>>((place.source, mark))
        });
        let marks = try_join_all(marks).await?.into_iter().collect();
        let manifests = periods.map(|period| self.index.manifest(self.tenant, Period(period)));
        let entries = try_join_all(manifests).await.map_err(Arc::new)?.concat();
        Ok(Arc::new(Sealed { marks, entries }))
    }

    async fn fresh(&self, minutes: &[(Source, Minute, u64)]) -> Result<Vec<Segment>, Arc<store::Error>> {
        let reads = minutes
            .iter()
            .map(|(source, minute, through)| self.index.fresh(self.tenant, *source, *minute, Some(*through)));
        let reads: Vec<_> = reads.collect();
        let read = stream::iter(reads).buffer_unordered(MINUTES_AT_ONCE);
        let rows: Vec<Vec<Fresh>> = read.try_collect().await.map_err(Arc::new)?;
        rows.into_iter().flatten().map(|row| decode(&row)).collect()
    }
}

/// What is not sealed.
struct Behind {
    /// Each source with the origin up to which it is sealed, and the first minute of what is not.
    sources: Vec<(Source, u64, Minute)>,
    /// Where to look for it.
    minutes: Vec<(Source, Minute, u64)>,
    /// Whether a source has more of them than its worker leaves.
    is_long: bool,
}

impl Behind {
    fn new(sealed: &Sealed, places: &[FreshPlace]) -> Self {
        let (mut sources, mut minutes, mut is_long) = (Vec::new(), Vec::new(), false);
        for place in places {
            // Before its first mark a source has no fresh segments.
            let Some(mark) = sealed.marks.get(&place.source).copied().flatten() else {
                continue;
            };
            let mark = (mark.position.origin, mark.minute);
            let (through, first) = covered(mark, &sealed.entries, place.source);
            if first <= place.last_minute {
                sources.push((place.source, through, first));
            }
            let own = first.0..=place.last_minute.0;
            is_long |= place.last_minute.0.saturating_sub(first.0) > EXPECTED_MINUTES;
            minutes.extend(own.map(|minute| (place.source, Minute(minute), through)));
        }
        Self {
            sources,
            minutes,
            is_long,
        }
    }
}

fn decode(row: &Fresh) -> Result<Segment, Arc<store::Error>> {
    Segment::decode(&row.segment).map_err(|error| {
        let what = format!(
            "fresh segment of {} up to origin {} ({error})",
            row.tenant, row.last_origin
        );
        Arc::new(store::Error::Corrupt { what })
    })
}

fn classes(snapshot: &Snapshot) -> Vec<Class> {
    let units = snapshot.units.iter().map(|entry| entry.unit.class);
    let mut classes: Vec<_> = units.chain(snapshot.fresh.iter().map(Segment::class)).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}
