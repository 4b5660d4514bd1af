//! The index as a reader finds it, for all that it has of a tenant: fresh places, marks, manifests, units, and what is
//! fresh beyond them.

use std::collections::BTreeSet;

use bytes::Bytes;
use domain::index::manifest::{Entry, Minute, Period, covered};
use domain::index::segment::Segment;
use domain::index::unit::{self, Whole};
use store::Index;

use super::{EventId, IdRange, Millis, NOW, Source, TenantId};

/// More than any case has.
const ALL: usize = 100_000;

/// The periods of the cases.
pub(super) fn periods() -> impl Iterator<Item = Period> {
    let (from, to) = (NOW.minus_ms(90 * 24 * 3_600_000), NOW.plus_ms(24 * 3_600_000));
    Period::of_range(&IdRange::of_times(from, to)).map(Period)
}

/// All listed units of a tenant.
pub(super) async fn entries(index: &dyn Index, tenant: &TenantId) -> Vec<Entry> {
    let mut entries = Vec::new();
    for period in periods() {
        entries.extend(index.manifest(tenant, period).await.unwrap());
    }
    entries
}

/// The ids in a unit, none where it can't be read.
pub(super) async fn ids(index: &dyn Index, entry: &Entry) -> Option<Vec<EventId>> {
    let (begin, end) = unit::EVERYTHING;
    let pages: Vec<(Vec<u8>, Bytes)> = index.pages(entry.unit, begin, end, ALL).await.unwrap();
    let whole = Whole::new(entry.events, entry.pages, pages).ok()?;
    Some(whole.ids().to_vec())
}

/// The ids in these units.
pub(super) async fn sealed(index: &dyn Index, entries: &[Entry]) -> BTreeSet<EventId> {
    let mut all = BTreeSet::new();
    for entry in entries {
        all.extend(ids(index, entry).await.expect("listed units are whole"));
    }
    all
}

/// The ids that a search of everything goes through.
pub(super) async fn indexed(index: &dyn Index, tenant: &TenantId) -> BTreeSet<EventId> {
    let mut marks = Vec::new();
    for place in index.fresh_places(tenant).await.unwrap() {
        marks.push((place, index.mark(place.source).await.unwrap()));
    }
    let entries = entries(index, tenant).await;
    let mut all = sealed(index, &entries).await;
    for (place, mark) in marks {
        let mark = mark.map(|mark| (mark.position.origin, mark.minute));
        let from_start = (0, Minute::of(NOW.minus_ms(600_000)));
        let (through, minute) = covered(mark.unwrap_or(from_start), &entries, place.source);
        let after = (mark.is_some() || through > 0).then_some(through);
        all.extend(fresh(index, tenant, place.source, minute..=place.last_minute, after).await);
    }
    all
}

/// The ids in fresh segments of these minutes.
pub(super) async fn fresh(
    index: &dyn Index,
    tenant: &TenantId,
    source: Source,
    minutes: std::ops::RangeInclusive<Minute>,
    after: Option<u64>,
) -> Vec<EventId> {
    let mut all = Vec::new();
    for minute in minutes.start().0..=minutes.end().0 {
        for fresh in index.fresh(tenant, source, Minute(minute), after).await.unwrap() {
            all.extend(Segment::decode(&fresh.segment).unwrap().ids());
        }
    }
    all
}

/// Ids of rows.
pub(super) async fn stored(events: &dyn store::Events, tenant: &TenantId) -> BTreeSet<EventId> {
    let range = IdRange::of_times(Millis::EPOCH, Millis::MAX);
    let scan = events
        .ids(tenant, range, super::Order::OldestFirst, ALL)
        .await
        .unwrap();
    assert_eq!(scan.next, None);
    scan.ids.into_iter().collect()
}
