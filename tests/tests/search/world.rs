//! The store, the log and those who work on them, as far as one case goes.
//!
//! `upkeep`: merging, making anew, removing; `searches`: what readers find meanwhile.

mod searches;
mod upkeep;

use std::sync::Arc;

use chassis::clock::{Clock, Manual};
use chassis::random::Seeded;
use domain::index::manifest::UnitRef;
use domain::record::Enriched;
use domain::source::{Lane, Source};
use domain::tenant::TenantId;
use domain::time::Millis;
use eventlog::Class;
use eventlog::runner::Processor;
use proto::record::encode_enriched;
use retention::{Deps, Recent};

use self::searches::Walk;
use self::upkeep::Upkeep;
use crate::actor::{Actor, Flow};
use crate::flaky::{Control, Flaky, Late};
use crate::log::{Fates, enriched};
use crate::naive::{Known, Version};
use crate::reader::{Bounds, Reader};
use crate::spec::{BASE, DAY_MS, Spec, TENANTS, What};
use crate::steps::{Place, Planned, SLOTS, SOURCES, Settings};
use crate::writes::Whole;

const RECENT_BYTES: usize = 64 << 10;

/// A store that cases share, and the number of one: its generation, and a part of the names of its tenants.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) store: Arc<dyn Whole>,
    pub(crate) number: u32,
}

/// See the [module](self).
pub(crate) struct World {
    ground: Ground,
    pub(crate) clock: Arc<Manual>,
    began: Millis,
    random: Arc<Seeded>,
    /// Pages that are not read back; all writers share it, which is as bad as can be.
    recent: Arc<Recent>,
    tenants: Vec<TenantId>,
    fates: Arc<Fates>,
    /// The next origin of each source.
    origins: [u64; SOURCES],
    known: Known,
    late: Late,
    actors: [[Option<Actor>; SLOTS]; SOURCES],
    upkeep: [Option<Upkeep>; SLOTS],
    replaced: Vec<UnitRef>,
    bounds: Bounds,
    reader: Reader,
    walk: Option<Walk>,
}

impl World {
    pub(crate) fn new(ground: &Ground, began: Millis, bounds: Bounds) -> Self {
        let clock = Arc::new(Manual::at(began.as_ms()));
        let tenants: Vec<_> = (0..TENANTS)
            .map(|tenant| TenantId::parse(&format!("s{}-{tenant}", ground.number)).unwrap())
            .collect();
        let late = Late::default();
        let flaky = flaky(ground, &clock, &late);
        Self {
            reader: Reader::new(flaky, clock.clone(), &tenants, ground.number, bounds),
            ground: ground.clone(),
            clock,
            began,
            random: Arc::new(Seeded::new(u64::from(ground.number))),
            recent: Arc::new(Recent::new(RECENT_BYTES)),
            tenants,
            fates: Arc::default(),
            origins: [0; SOURCES],
            known: Known::default(),
            late,
            actors: Default::default(),
            upkeep: Default::default(),
            replaced: Vec::new(),
            bounds,
            walk: None,
        }
    }

    pub(crate) fn now(&self) -> Millis {
        Millis::from_ms(self.clock.now_ms())
    }

    /// The store for another process.
    fn flaky(&self) -> Flaky {
        flaky(&self.ground, &self.clock, &self.late)
    }

    fn source(&self, number: usize) -> Source {
        Source {
            lane: Lane::Standard,
            generation: self.ground.number,
            partition: u32::try_from(number).unwrap(),
        }
    }

    // === producers and enrichment ===

    pub(crate) fn append(&mut self, source: usize, specs: &[Spec], behind_ms: i64) {
        let now = self.now();
        for spec in specs {
            let number = u32::try_from(self.known.versions.len()).unwrap();
            let event = spec.event(&self.tenants[spec.tenant], number, now);
            self.fate(source, spec.tenant, event, now.minus_ms(behind_ms));
        }
    }

    fn fate(&mut self, source: usize, tenant: usize, event: Enriched, appended_at: Millis) {
        let origin = self.origins[source];
        self.origins[source] += 1;
        let partition = self.source(source).partition;
        self.fates
            .append(partition, origin, encode_enriched(event.clone()), appended_at);
        self.known.versions.push(Version {
            tenant,
            event,
            source,
            origin,
        });
    }

    pub(crate) fn mark(&mut self, source: usize) {
        let origin = self.origins[source];
        self.origins[source] += 1;
        let partition = self.source(source).partition;
        self.fates
            .append(partition, origin, bytes::Bytes::new(), self.now());
    }

    pub(crate) fn replay(&mut self, source: usize, count: usize) {
        let end = self.origins[source];
        for origin in end.saturating_sub(count as u64)..end {
            let versions = &self.known.versions;
            let first = versions
                .iter()
                .find(|version| (version.source, version.origin) == (source, origin));
            let value = first.map(|version| {
                let mut other = version.event.clone();
                other.event.release = Some("replayed".to_owned());
                encode_enriched(other)
            });
            let partition = self.source(source).partition;
            self.fates
                .append(partition, origin, value.unwrap_or_default(), self.now());
        }
    }

    pub(crate) fn revise(&mut self, pick: usize, what: &What) {
        let versions = &self.known.versions;
        let Some(picked) = pick.checked_rem(versions.len()).map(|pick| &versions[pick]) else {
            return;
        };
        let of_event = |version: &&Version| {
            version.tenant == picked.tenant && version.event.event.id == picked.event.event.id
        };
        let last = versions
            .iter()
            .filter(of_event)
            .max_by_key(|version| version.event.revision)
            .unwrap();
        let (source, tenant, now) = (picked.source, picked.tenant, self.now());
        let event = what.revise(&last.event, now);
        self.fate(source, tenant, event, now);
    }

    pub(crate) async fn delete(&mut self, pick: usize) {
        let versions = &self.known.versions;
        let Some(picked) = pick.checked_rem(versions.len()).map(|pick| &versions[pick]) else {
            return;
        };
        let (tenant, id) = (picked.tenant, picked.event.event.id);
        let keep_until = BASE.plus_ms(500 * DAY_MS);
        self.ground
            .store
            .delete(&self.tenants[tenant], id, keep_until)
            .await
            .unwrap();
        self.known.deleted.push((tenant, id));
    }

    // === retention ===

    /// A new process takes a source. What the one before it in the same place was about to do is not done.
    pub(crate) async fn assign(&mut self, place: Place, settings: Settings) {
        let slot = &mut self.actors[place.source][place.slot];
        *slot = None;
        let flaky = self.flaky();
        let control = flaky.control.clone();
        let store = Arc::new(flaky);
        let deps = Deps {
            log: self.fates.clone(),
            events: store.clone(),
            index: store.clone(),
            progress: store,
            clock: self.clock.clone(),
            random: self.random.clone(),
            generation: self.ground.number,
        };
        let processor = retention::processor(&settings.config(), deps, self.recent.clone());
        let partition = enriched(self.source(place.source).partition);
        let assignment = processor.assigned(&partition, None).await.unwrap();
        let actor = Actor::new(assignment.worker, assignment.start, control);
        self.actors[place.source][place.slot] = Some(actor);
    }

    /// Whether everything that there is was processed and flushed.
    pub(crate) async fn work(&mut self, place: Place, max: usize, planned: Planned) -> bool {
        if self.actors[place.source][place.slot].is_none() {
            self.assign(place, Settings::LAZY).await;
        }
        let partition = self.source(place.source).partition;
        let actor = self.actors[place.source][place.slot].as_mut().unwrap();
        let records = actor.wants().map(|from| self.fates.records(partition, from, max));
        actor.control.plan(planned);
        let flow = actor.work(records.unwrap_or_default()).await;
        if let Flow::Failed(failure) = &flow {
            assert!(
                failure.class() == Class::Transient && actor.control.has_failed(),
                "{failure}"
            );
        }
        matches!(flow, Flow::Done) && actor.wants() == Some(self.fates.end(partition))
    }

    /// A process gives a source up.
    pub(crate) async fn close(&mut self, place: Place, planned: Planned) {
        if let Some(actor) = self.actors[place.source][place.slot].take() {
            let control = actor.control.clone();
            control.plan(planned);
            let closed = actor.close().await;
            assert!(closed.is_ok() || control.has_failed(), "{closed:?}");
        }
    }

    /// Something that is late arrives.
    pub(crate) async fn land(&mut self, number: usize) {
        let write = {
            let mut late = self.late.lock().unwrap();
            number.checked_rem(late.len()).map(|number| late.remove(number))
        };
        if let Some(write) = write {
            write.land(&*self.ground.store).await.unwrap();
        }
    }

    pub(crate) async fn land_some(&mut self, count: usize) {
        for _ in 0..count {
            self.land(0).await;
        }
    }

    pub(crate) fn late(&self) -> usize {
        self.late.lock().unwrap().len()
    }

    /// All that was appended is stored by a new process in the place of each first one.
    pub(crate) async fn settle(&mut self, settings: Settings) {
        for source in 0..SOURCES {
            let place = Place { source, slot: 0 };
            self.assign(place, settings).await;
            while !self.work(place, usize::MAX, None).await {}
            // What is due by time.
            assert!(self.work(place, usize::MAX, None).await);
        }
    }
}

fn flaky(ground: &Ground, clock: &Arc<Manual>, late: &Late) -> Flaky {
    Flaky {
        store: ground.store.clone(),
        late: late.clone(),
        clock: clock.clone(),
        control: Arc::new(Control::default()),
    }
}
