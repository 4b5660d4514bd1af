//! The log and those who work on it, as far as one case goes.
//!
//! `feed`: what is appended; `looks`: what must hold.

mod feed;
mod looks;

use std::sync::Arc;

use chassis::clock::{Clock, Manual};
use domain::record::Enriched;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use e2e::schedule::fates::enriched;
use e2e::schedule::{self, Fates, Flow, Write as _};
use eventlog::runner::Processor;
use eventlog::{Class, Record};

use crate::flaky::{Actor, Flaky, Late, Write};
use crate::ground::{GENERATIONS, Ground};
use crate::history::Histories;
use crate::steps::{ALL, Place, Planned, SLOTS, SOURCES, Settings};

/// The first fate of an origin; a marker has no event.
struct Fate {
    source: Source,
    origin: u64,
    event: Option<Enriched>,
}

/// See the [module](self).
pub(crate) struct World {
    ground: Ground,
    clock: Arc<Manual>,
    tenants: Vec<TenantId>,
    /// The topics of each generation.
    topics: [Arc<Fates>; GENERATIONS],
    /// The present one.
    generation: usize,
    fates: Vec<Fate>,
    histories: Histories,
    late: Late,
    actors: [[[Option<Actor>; SLOTS]; SOURCES]; GENERATIONS],
}

impl World {
    pub(crate) fn new(ground: &Ground, begin: Millis) -> Self {
        Self {
            ground: ground.clone(),
            clock: Arc::new(Manual::at(begin.as_ms())),
            tenants: ground.tenants(),
            topics: Default::default(),
            generation: 0,
            fates: Vec::new(),
            histories: Histories::default(),
            late: Late::default(),
            actors: Default::default(),
        }
    }

    fn now(&self) -> Millis {
        Millis::from_ms(self.clock.now_ms())
    }

    pub(crate) fn pass(&self, ms: i64) {
        self.clock.advance(ms);
    }

    fn slot(&mut self, place: Place) -> &mut Option<Actor> {
        &mut self.actors[self.generation][place.source][place.slot]
    }

    /// A new process takes a source. What the one before it in the same place was about to do is not done.
    pub(crate) async fn assign(&mut self, place: Place, settings: Settings) {
        *self.slot(place) = None;
        let actor = self
            .process_of(self.generation, place.source)
            .take(settings)
            .await;
        *self.slot(place) = Some(actor);
    }

    /// A new process for a source.
    fn process_of(&self, generation: usize, source: usize) -> Process {
        Process {
            source: self.ground.source(generation, source),
            topic: self.topics[generation].clone(),
            flaky: schedule::Flaky::new(self.ground.store.clone(), self.late.clone()),
            clock: self.clock.clone(),
        }
    }

    /// The actor of a place, which is assigned if it is not, and the next records that it takes.
    async fn ready(&mut self, place: Place, max: usize, planned: Planned) -> (&mut Actor, Vec<Record>) {
        if self.slot(place).is_none() {
            self.assign(place, Settings::EAGER).await;
        }
        let topic = self.topics[self.generation].clone();
        let partition = self.ground.source(self.generation, place.source).partition;
        let actor = self.slot(place).as_mut().unwrap();
        actor.control.plan(planned);
        let records = actor.wants().map(|from| topic.records(partition, from, max));
        (actor, records.unwrap_or_default())
    }

    pub(crate) async fn process(&mut self, place: Place, max: usize, planned: Planned) {
        let (actor, records) = self.ready(place, max, planned).await;
        expected(&actor.process(records).await, actor);
        self.bury(place);
    }

    pub(crate) async fn work(&mut self, place: Place, max: usize, planned: Planned) {
        let (actor, records) = self.ready(place, max, planned).await;
        expected(&actor.work(records).await, actor);
        self.bury(place);
    }

    /// A process gives a source up.
    pub(crate) async fn close(&mut self, place: Place, planned: Planned) {
        if let Some(actor) = self.slot(place) {
            actor.control.plan(planned);
            expected(&actor.close().await, actor);
            self.bury(place);
        }
    }

    pub(crate) fn crash(&mut self, place: Place) {
        *self.slot(place) = None;
    }

    /// Whether the worker of a place sleeps.
    pub(crate) fn sleeps(&mut self, place: Place) -> bool {
        self.slot(place).as_ref().is_some_and(Actor::sleeps)
    }

    /// Who has given its source up is gone.
    fn bury(&mut self, place: Place) {
        let slot = self.slot(place);
        if slot
            .as_ref()
            .is_some_and(|actor| actor.is_closed() && !actor.sleeps())
        {
            *slot = None;
        }
    }

    /// All that was appended is counted by a new process for each source, which then gives it up. Others sleep on.
    pub(crate) async fn settle(&mut self, settings: Settings) {
        for generation in 0..GENERATIONS {
            for source in 0..SOURCES {
                let mut actor = self.process_of(generation, source).take(settings).await;
                let partition = self.ground.source(generation, source).partition;
                let records = self.topics[generation].records(partition, actor.wants().unwrap(), ALL);
                for flow in [actor.work(records).await, actor.close().await] {
                    assert!(matches!(flow, Flow::Done), "{flow:?}");
                }
            }
        }
    }

    /// Everyone who sleeps or has failed goes on to the end of what is in hand, and gives the source up.
    pub(crate) async fn wake_all(&mut self) {
        for actor in self.actors.iter_mut().flatten().flatten().flatten() {
            actor.control.plan(None);
            while !actor.is_flushed() {
                expected(&actor.work(Vec::new()).await, actor);
            }
            expected(&actor.close().await, actor);
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

    pub(crate) async fn land_all(&mut self) {
        while !self.late.lock().unwrap().is_empty() {
            self.land(0).await;
        }
    }
}

/// A process that has no source yet.
struct Process {
    source: Source,
    topic: Arc<Fates>,
    flaky: schedule::Flaky<Write>,
    clock: Arc<Manual>,
}

impl Process {
    async fn take(self, settings: Settings) -> Actor {
        let control = self.flaky.control.clone();
        let store = Arc::new(Flaky(self.flaky));
        let deps = analytics::Deps {
            log: self.topic,
            rollups: store.clone(),
            progress: store,
            clock: self.clock,
            generation: self.source.generation,
        };
        let processor = analytics::processor(&settings.config(), deps);
        let partition = enriched(self.source.partition);
        let assignment = processor.assigned(&partition, None).await.unwrap();
        Actor::new(assignment.worker, assignment.start, control)
    }
}

/// A worker fails only where it is in trouble.
fn expected(flow: &Flow, actor: &Actor) {
    if let Flow::Failed(failure) = flow {
        assert!(
            failure.class() == Class::Transient && actor.control.has_failed(),
            "{failure}"
        );
    }
}
