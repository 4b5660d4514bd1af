//! Events with their index, written the way the service that stores events does it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::index::manifest::{Entry, Minute, Period, UnitId, UnitRef};
use domain::index::merge::{Input, Made, merge};
use domain::index::segment::{Builder, Segment};
use domain::index::term;
use domain::record::Enriched;
use domain::retention::Class;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use store::embedded::Embedded;
use store::index::{Fresh, Mark};
use store::{Events, Index, Position};

use super::harness::{NOW, SOURCE};

/// Writes events and what finds them.
pub(crate) struct Indexed {
    store: Embedded,
    origin: AtomicU64,
}

impl Indexed {
    pub(crate) fn new(store: Embedded) -> Self {
        Self {
            store,
            origin: AtomicU64::new(1),
        }
    }

    /// The number of the next origin, and of the next unit.
    fn next(&self) -> u64 {
        self.origin.fetch_add(1, Ordering::SeqCst)
    }

    /// Rows and fresh segments.
    pub(crate) async fn put(&self, events: &[Enriched]) {
        self.store.put(events, NOW.minus_ms(1)).await.unwrap();
        self.mark().await;
        let minute = Minute::of(NOW);
        for ((tenant, class), segment) in segments(events) {
            let last_origin = self.next();
            let fresh = Fresh {
                tenant: tenant.clone(),
                last_origin,
                nonce: u64::from(class.number()),
                segment: segment.into(),
            };
            self.store
                .mark_fresh(&[tenant], SOURCE, minute, NOW)
                .await
                .unwrap();
            self.store.put_fresh(SOURCE, minute, &[fresh], NOW).await.unwrap();
        }
    }

    /// Rows, and units of `source`.
    pub(crate) async fn put_sealed(&self, events: &[Enriched], source: Source) {
        self.store.put(events, NOW.minus_ms(1)).await.unwrap();
        for ((tenant, class), segment) in segments(events) {
            let inputs: [Input<Vec<u8>>; 1] = [Input::Segment(Segment::decode(&segment).unwrap())];
            let mut units: BTreeMap<usize, Vec<_>> = BTreeMap::new();
            let apart =
                |a: domain::id::EventId, b: domain::id::EventId| Period::of(a.time()) != Period::of(b.time());
            let made = merge(&inputs, apart, |number, key, page| {
                units.entry(number).or_default().push((key, page.into()));
            });
            for (made, pages) in made.unwrap().into_iter().zip(units.into_values()) {
                let unit = UnitRef {
                    class,
                    id: UnitId(u128::from(self.next()).to_be_bytes()),
                };
                self.store.put_pages(unit, pages, Millis::MAX, NOW).await.unwrap();
                self.store
                    .list(&tenant, &entry(unit, source, made), NOW)
                    .await
                    .unwrap();
            }
        }
    }

    /// A source has one before it has fresh segments.
    async fn mark(&self) {
        let position = Position {
            next_offset: 1,
            origin: 0,
            appended_at_ms: 0,
            checksum: 0,
        };
        let mark = Mark {
            position,
            minute: Minute::of(NOW),
        };
        self.store.advance_mark(SOURCE, mark).await.unwrap();
    }
}

fn entry(unit: UnitRef, source: Source, made: Made) -> Entry {
    Entry {
        unit,
        source,
        level: 0,
        events: made.events,
        pages: made.pages,
        first: made.first,
        last: made.last,
        last_origin: 1,
        expires_at: Millis::MAX,
        covers: None,
    }
}

fn segments(events: &[Enriched]) -> Vec<((TenantId, Class), Vec<u8>)> {
    let mut builders: BTreeMap<_, Builder> = BTreeMap::new();
    for event in events {
        let key = (event.tenant.clone(), event.class);
        let builder = builders.entry(key).or_insert_with(|| Builder::new(event.class));
        builder.add(event.event.id, event.expires_at, |mut sink| {
            term::of_event(&event.event, &event.context, &mut sink);
        });
    }
    builders
        .into_iter()
        .map(|(key, builder)| (key, builder.finish()))
        .collect()
}
