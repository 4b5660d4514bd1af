//! What readers find, and what they must find.

use std::sync::Arc;

use domain::source::{Lane, Source};
use domain::time::Millis;
use futures::future::BoxFuture;
use store::STORING_SERVICE;
use tonic::Status;

use super::World;
use crate::flaky::{Call, Control, Plan, Trouble};
use crate::naive::Moment;
use crate::reader::{Asked, Bounds, Found, Reader};
use crate::spec::{BASE, HOUR_MS, MINUTE_MS};
use crate::steps::{Question, SOURCES};

/// What is unsealed for less is never said to be lost.
const BEHIND_MS: i64 = 46 * HOUR_MS;

/// A search that sleeps.
pub(super) struct Walk {
    asked: Asked,
    begin: Moment,
    control: Arc<Control>,
    call: BoxFuture<'static, Result<Found, Status>>,
}

impl World {
    async fn moment(&mut self) -> Moment {
        let mut stored = Vec::new();
        for number in 0..SOURCES {
            let source = Source {
                lane: Lane::Standard,
                generation: self.ground.number,
                partition: u32::try_from(number).unwrap(),
            };
            let position = self.ground.store.position(STORING_SERVICE, source).await.unwrap();
            stored.push(position.map(|position| position.origin));
        }
        Moment {
            stored,
            deleted: self.known.deleted.len(),
            now: self.now(),
        }
    }

    fn asked(&self, question: &Question) -> Asked {
        let times = self
            .known
            .versions
            .iter()
            .map(|version| version.event.event.id.time());
        let times: Vec<Millis> = times.chain([BASE, BASE.minus_ms(HOUR_MS)]).collect();
        question.asked(&times)
    }

    /// Nothing happens meanwhile.
    pub(crate) async fn search(&mut self, question: &Question) -> Found {
        let (asked, moment) = (self.asked(question), self.moment().await);
        let found = self.reader.walk(&asked).await.unwrap();
        self.check(&asked, &found, &moment, &moment);
        found
    }

    /// As it is after a while in which nothing happened, or for a service that has just begun.
    pub(crate) async fn search_when_quiet(&mut self, questions: &[Question]) {
        let moment = self.moment().await;
        let is_last =
            |number: usize| moment.stored[number].map_or(0, |stored| stored + 1) == self.origins[number];
        assert!((0..SOURCES).all(is_last), "everything is stored");
        for question in questions {
            self.search(question).await;
        }
        self.forget();
        for question in questions {
            self.search(question).await;
        }
    }

    fn check(&self, asked: &Asked, found: &Found, begin: &Moment, end: &Moment) {
        assert!(
            !found.is_behind || end.now.since(self.began) > BEHIND_MS,
            "nothing is as old"
        );
        self.known.check(asked, found, begin, end);
    }

    /// A search begins and falls asleep behind so many reads, if it has as many. Answers whether it has.
    pub(crate) async fn begin_walk(&mut self, question: &Question, of: Option<Call>, behind: usize) -> bool {
        self.end_walk().await;
        let (asked, begin) = (self.asked(question), self.moment().await);
        // What it keeps in memory is its own: another search would wait for what this one has begun to read.
        let reader = Reader::new(
            self.flaky(),
            self.clock.clone(),
            &self.tenants,
            self.ground.number,
            self.bounds,
        );
        let control = reader.control.clone();
        control.plan(Some(Plan {
            of,
            behind,
            trouble: Trouble::Asleep,
        }));
        let question = asked.clone();
        let mut call: BoxFuture<'static, _> = Box::pin(async move { reader.walk(&question).await });
        let ended = tokio::select! {
            biased;
            found = &mut call => Some(found.unwrap()),
            () = control.slept() => None,
        };
        match ended {
            Some(found) => self.check(&asked, &found, &begin, &begin),
            None => {
                self.walk = Some(Walk {
                    asked,
                    begin,
                    control,
                    call,
                });
            }
        }
        self.walk.is_some()
    }

    /// It goes on to its end.
    pub(crate) async fn end_walk(&mut self) {
        if let Some(walk) = self.walk.take() {
            walk.control.wake();
            let found = walk.call.await.unwrap();
            let end = self.moment().await;
            self.check(&walk.asked, &found, &walk.begin, &end);
        }
    }

    /// Time passes.
    pub(crate) async fn pass(&mut self, ms: i64) {
        if ms > MINUTE_MS {
            // No search takes as long.
            self.end_walk().await;
        }
        self.clock.advance(ms);
        self.forget();
    }

    /// From now on everything is sealed, and one page takes whatever it takes.
    pub(crate) fn widen(&mut self) {
        self.bounds = Bounds::WIDE;
        self.began = Millis::MAX;
        self.forget();
    }
}
