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
        let sealed = self.sealed(range, &places).await?;
        let mut snapshot = Snapshot::default();
        let mut minutes = Vec::new();
        for place in &places {
            // Before its first mark a source has no fresh segments.
            let Some(mark) = sealed.marks.get(&place.source).copied().flatten() else {
                continue;
            };
            let (through, first) =
                covered((mark.position.origin, mark.minute), &sealed.entries, place.source);
            if self.is_lost(place, first) && self.is_behind(place.source, through).await? {
                snapshot.lost.push(place.source);
            }
            minutes.extend(
                (first.0..=place.last_minute.0).map(|minute| (place.source, Minute(minute), through)),
            );
        }
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

    /// Whether segments of this place may have expired: they are older than their life.
    fn is_lost(&self, place: &FreshPlace, first: Minute) -> bool {
        let limit = self.now.minus_ms(FRESH_LIFE_MS - FRESH_MARGIN_MS);
        first <= place.last_minute && first.begin() < limit
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
        if let Some(sealed) = self.cache.0.get(&key).await {
            let knows = |place: &FreshPlace| sealed.marks.get(&place.source).is_some_and(Option::is_some);
            if places.iter().all(knows) {
                return Ok(sealed);
            }
            self.cache.0.invalidate(&key).await;
        }
        let read = self.read_sealed(key.1.clone(), places);
        self.cache
            .0
            .try_get_with(key, Box::pin(read))
            .await
            .map_err(|error: Arc<Arc<store::Error>>| (*error).clone())
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
