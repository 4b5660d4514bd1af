//! Any schedule of two processes of enrichment and two of retention on one partition: crashes, failed and late
//! deliveries, writes that fail halfway or arrive late, replays, events that are sent again, deletions, a build that
//! can't read an event.

use std::cell::RefCell;

use eventlog::{Class, Log, NewRecord};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestRunner};

use crate::actor::Flow;
use crate::desk::Content;
use crate::event::{marker, named, undecodable, valid};
use crate::topics::{accepted, enriched};
use crate::world::{Engines, Enricher, Retainer, World};

/// One thing that happens. What is impossible as things are does not happen.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A new event is acknowledged.
    Accept,
    /// One that was acknowledged is sent again.
    Resend(u16),
    /// A new event with the external id of one that was acknowledged.
    Rename(u16),
    /// Time goes on, or steps back.
    Wait(i64),
    /// Bytes that are no event.
    AcceptUndecodable,
    /// An event is deleted, also one that is not accepted yet.
    Delete(u16),
    /// A process of a build that knows less writes the fate of what it takes for the next origin, or of an earlier.
    Marker(u64),
    /// Process 0 or 1 of enrichment does something.
    Enrich(usize, Doing),
    /// Process 0 or 1 of retention does something.
    Store(usize, Doing),
    /// Something that was late arrives.
    Land(usize),
}

#[derive(Clone, Copy, Debug)]
enum Doing {
    /// It starts, after a crash if it was running, with so much of what was on its way still arriving.
    Start(usize),
    /// It processes up to so many records.
    Process(usize),
    /// It begins to flush, or goes on.
    Flush,
    /// What it asked for is done.
    Succeed,
    /// So much of it is done, and it hears of so much.
    Fail(usize, usize),
    /// It takes it for failed, and so much of it arrives later.
    Delay(usize),
    /// What it has flushed is committed.
    Commit,
}

/// What is on its way and may arrive at any time.
enum Late {
    Fates(Vec<NewRecord>),
    Content(Content),
}

struct Run {
    world: World,
    /// How many events were made.
    made: u16,
    enrichers: [Option<Enricher>; 2],
    retainers: [Option<Retainer>; 2],
    late: Vec<Late>,
}

impl Run {
    fn new(world: World) -> Self {
        Self {
            world,
            made: 0,
            enrichers: [None, None],
            retainers: [None, None],
            late: Vec::new(),
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Accept => {
                self.world.accept([self.made]).await;
                self.made += 1;
            }
            Step::Resend(number) if self.made > 0 => {
                self.world
                    .append([valid(number % self.made, self.world.partition)])
                    .await;
            }
            Step::Rename(number) if self.made > 0 => {
                let renamed = named(self.made, number % self.made, self.world.partition);
                self.world.append([renamed]).await;
                self.made += 1;
            }
            Step::Wait(ms) => self.world.clock.advance(ms),
            Step::AcceptUndecodable => self.world.append([undecodable(self.world.partition)]).await,
            Step::Delete(number) => self.world.delete(number % (self.made + 2)).await,
            Step::Marker(number) => self.mark(number).await,
            Step::Enrich(process, doing) => self.enrich(process, doing).await,
            Step::Store(process, doing) => self.store(process, doing).await,
            Step::Land(number) if !self.late.is_empty() => {
                let late = self.late.remove(number % self.late.len());
                self.land(late).await;
            }
            // There is nothing to send again, or nothing that is late.
            Step::Resend(_) | Step::Rename(_) | Step::Land(_) => {}
        }
    }

    /// What the step may have broken still holds.
    async fn check_after(&self, step: Step) {
        if matches!(step, Step::Enrich(..) | Step::Marker(_) | Step::Land(_)) {
            self.world.assert_prefixes().await;
        }
        if matches!(step, Step::Store(..) | Step::Marker(_) | Step::Land(_)) {
            self.world.assert_covered().await;
        }
    }

    async fn mark(&self, number: u64) {
        let end = self
            .world
            .topics
            .bounds(&accepted(self.world.partition))
            .await
            .unwrap()
            .end;
        let greatest = self.world.origins().await.into_iter().max();
        let next = greatest
            .map_or(0, |greatest| greatest + 1)
            .min(end.saturating_sub(1));
        if end > 0 {
            self.world
                .append([marker(number % (next + 1), self.world.partition)])
                .await;
        }
    }

    async fn enrich(&mut self, number: usize, doing: Doing) {
        if let Doing::Start(arriving) = doing {
            if let Some(crashed) = self.enrichers[number].take() {
                let on_its_way = crashed.actor.question().map(|append| append.delay(arriving));
                self.late.extend(on_its_way.map(Late::Fates));
            }
            let started = self.world.enricher().await;
            self.enrichers[number] = Some(started.unwrap_or_else(|failure| panic!("{failure}")));
            return;
        }
        let Some(process) = &mut self.enrichers[number] else {
            return;
        };
        match doing {
            Doing::Start(_) => {}
            Doing::Process(max) => process.actor.process(max).await.unwrap(),
            Doing::Flush => assert_goes_on(&process.actor.flush().await),
            Doing::Commit => self.world.committed = Some(process.actor.flushed()),
            Doing::Succeed | Doing::Fail(..) | Doing::Delay(_) => {
                let Some(append) = process.actor.question() else {
                    return;
                };
                match doing {
                    Doing::Fail(delivered, heard) => {
                        append
                            .fail(&self.world.topics, delivered, heard.min(delivered))
                            .await;
                    }
                    Doing::Delay(arriving) => self.late.push(Late::Fates(append.delay(arriving))),
                    _ => append.acknowledge(&self.world.topics).await,
                }
                assert_goes_on(&process.actor.flush().await);
            }
        }
    }

    async fn store(&mut self, number: usize, doing: Doing) {
        if let Doing::Start(arriving) = doing {
            if let Some(crashed) = self.retainers[number].take() {
                let on_its_way = crashed.actor.question().filter(|_| arriving > 0);
                self.late
                    .extend(on_its_way.map(|write| Late::Content(write.delay())));
            }
            let started = self.world.retainer().await;
            self.retainers[number] = Some(started.unwrap_or_else(|failure| panic!("{failure}")));
            return;
        }
        let Some(process) = &mut self.retainers[number] else {
            return;
        };
        match doing {
            Doing::Start(_) | Doing::Commit => {}
            Doing::Process(max) => process.actor.process(max).await.unwrap(),
            Doing::Flush => assert_goes_on(&process.actor.flush().await),
            Doing::Succeed | Doing::Fail(..) | Doing::Delay(_) => {
                let Some(write) = process.actor.question() else {
                    return;
                };
                match doing {
                    Doing::Fail(done, _) => write.fail(&self.world.store, done).await,
                    Doing::Delay(_) => self.late.push(Late::Content(write.delay())),
                    _ => write.acknowledge(&self.world.store).await,
                }
                assert_goes_on(&process.actor.flush().await);
            }
        }
    }

    async fn land(&self, late: Late) {
        match late {
            Late::Fates(records) => self.world.append(records).await,
            Late::Content(content) => content.land(&self.world.store).await,
        }
    }

    /// Everybody crashes, half of what is late arrives before the last restart and the rest behind it.
    async fn end(mut self) {
        for process in self.enrichers.iter().flatten() {
            let on_its_way = process.actor.question().map(|append| append.delay(1));
            self.late.extend(on_its_way.map(Late::Fates));
        }
        for process in self.retainers.iter().flatten() {
            let on_its_way = process.actor.question().map(|write| Late::Content(write.delay()));
            self.late.extend(on_its_way);
        }
        let behind = self.late.split_off(self.late.len() / 2);
        for late in std::mem::take(&mut self.late) {
            self.land(late).await;
        }
        self.world
            .settle()
            .await
            .unwrap_or_else(|failure| panic!("{failure}"));
        self.world.assert_whole().await;
        for late in behind {
            self.land(late).await;
        }
        self.world
            .settle()
            .await
            .unwrap_or_else(|failure| panic!("{failure}"));
        self.world.assert_whole().await;
        let enriched = self
            .world
            .topics
            .bounds(&enriched(self.world.partition))
            .await
            .unwrap()
            .end;
        let accepted = self
            .world
            .topics
            .bounds(&accepted(self.world.partition))
            .await
            .unwrap()
            .end;
        assert!(enriched >= accepted);
    }
}

/// Nothing of all this stops a partition.
fn assert_goes_on(flow: &Flow) {
    if let Flow::Stopped(failure) = flow {
        assert_eq!(failure.class(), Class::Transient, "{failure}");
    }
}

fn doing() -> impl Strategy<Value = Doing> {
    prop_oneof![
        1 => (0..4_usize).prop_map(Doing::Start),
        3 => (1..6_usize).prop_map(Doing::Process),
        3 => Just(Doing::Flush),
        12 => Just(Doing::Succeed),
        1 => (0..4_usize, 0..4_usize).prop_map(|(done, heard)| Doing::Fail(done, heard)),
        1 => (0..4_usize).prop_map(Doing::Delay),
        2 => Just(Doing::Commit),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Accept),
        2 => any::<u16>().prop_map(Step::Resend),
        1 => any::<u16>().prop_map(Step::Rename),
        2 => prop_oneof![8 => 0..4_000_i64, 1 => -6_000..0_i64].prop_map(Step::Wait),
        1 => Just(Step::AcceptUndecodable),
        1 => any::<u16>().prop_map(Step::Delete),
        1 => any::<u64>().prop_map(Step::Marker),
        16 => (0..2_usize, doing()).prop_map(|(process, doing)| Step::Enrich(process, doing)),
        20 => (0..2_usize, doing()).prop_map(|(process, doing)| Step::Store(process, doing)),
        2 => any::<usize>().prop_map(Step::Land),
    ]
}

/// Without these nobody ever runs in a short schedule.
const BEGIN: [Step; 5] = [
    Step::Accept,
    Step::Enrich(0, Doing::Start(0)),
    Step::Enrich(1, Doing::Start(0)),
    Step::Store(0, Doing::Start(0)),
    Step::Store(1, Doing::Start(0)),
];

/// Cases that share engines, for it takes far longer to open these than to run a case.
const CASES_PER_ENGINES: u32 = 32;

fn run_case(engines: &Engines, case: u32, steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut run = Run::new(World::on(engines, case));
        for step in BEGIN.into_iter().chain(steps) {
            run.step(step).await;
            run.check_after(step).await;
        }
        run.end().await;
    });
}

#[test]
fn any_schedule_stores_each_acknowledged_event_once() {
    let config = ProptestConfig {
        cases: 256,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/model/schedules.seeds",
        ))),
        source_file: Some(file!()),
        ..ProptestConfig::default()
    };
    let unused = RefCell::new((Engines::new(CASES_PER_ENGINES), 0..CASES_PER_ENGINES));
    let ran = TestRunner::new(config).run(&vec(step(), 1..200), |steps| {
        let mut unused = unused.borrow_mut();
        let case = unused.1.next().unwrap_or_else(|| {
            *unused = (Engines::new(CASES_PER_ENGINES), 1..CASES_PER_ENGINES);
            0
        });
        let engines = unused.0.clone();
        drop(unused);
        run_case(&engines, case, steps);
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}
