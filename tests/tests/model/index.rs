//! The search index as a reader finds it.

use std::collections::BTreeSet;

use domain::id::EventId;
use domain::index::manifest::{Entry, Minute, Period, covered};
use domain::index::segment::Segment;
use domain::index::unit::{self, Whole};
use domain::source::Source;
use domain::tenant::TenantId;
use store::embedded::Embedded;
use store::index::Index;

use crate::event::NOW;

/// More pages than a unit of a case has.
const ALL: usize = 10_000;

/// The ids that a search of everything goes through.
pub(crate) async fn ids(store: &Embedded, tenant: &TenantId) -> BTreeSet<EventId> {
    // The mark is read before the manifest, and that before what is fresh.
    let mut marks = Vec::new();
    for place in store.fresh_places(tenant).await.unwrap() {
        marks.push((place, store.mark(place.source).await.unwrap()));
    }
    let entries = store.manifest(tenant, Period::of(NOW)).await.unwrap();
    let mut all = BTreeSet::new();
    for entry in &entries {
        all.extend(sealed(store, entry).await);
    }
    for (place, mark) in marks {
        let mark = mark.map(|mark| (mark.position.origin, mark.minute));
        let begin = (0, Minute::of(NOW));
        let (through, minute) = covered(mark.unwrap_or(begin), &entries, place.source);
        let after = (mark.is_some() || through > 0).then_some(through);
        for minute in minute.0..=place.last_minute.0 {
            all.extend(fresh(store, tenant, place.source, Minute(minute), after).await);
        }
    }
    all
}

async fn sealed(store: &Embedded, entry: &Entry) -> Vec<EventId> {
    let (begin, end) = unit::EVERYTHING;
    let pages = store.pages(entry.unit, begin, end, ALL).await.unwrap();
    let whole = Whole::new(entry.events, entry.pages, pages).expect("a listed unit has all its pages");
    whole.ids().to_vec()
}

async fn fresh(
    store: &Embedded,
    tenant: &TenantId,
    source: Source,
    minute: Minute,
    after: Option<u64>,
) -> Vec<EventId> {
    let found = store.fresh(tenant, source, minute, after).await.unwrap();
    found
        .iter()
        .flat_map(|fresh| Segment::decode(&fresh.segment).unwrap().ids().to_vec())
        .collect()
}
