//! Merging, making anew, and removing what was replaced.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::index::manifest::{Period, UnitRef};
use futures::future::BoxFuture;
use retention::merge::{self, Place};
use retention::rebuild::{self, Stores};

use super::World;
use crate::flaky::Control;
use crate::reader::Reader;
use crate::spec::{DAY_MS, HOUR_MS, TENANTS};
use crate::steps::{Planned, SLOTS, SOURCES};

/// A process that sleeps. Answers which units were replaced.
pub(super) struct Upkeep {
    control: Arc<Control>,
    call: BoxFuture<'static, Result<Vec<UnitRef>, retention::Error>>,
}

impl World {
    /// Merges what is due of a source when it is so much later, or goes on with what the slot does.
    pub(crate) async fn merge(&mut self, source: usize, slot: usize, ahead_ms: i64, planned: Planned) {
        if self.upkeep[slot].is_none() {
            let flaky = self.flaky();
            let (control, random) = (flaky.control.clone(), self.random.clone());
            let recent = self.recent.clone();
            let now = self.now().plus_ms(ahead_ms);
            let places = self.places(source);
            let call = Box::pin(async move {
                let mut replaced = Vec::new();
                for place in places {
                    replaced.extend(
                        merge::run_once(&flaky, &recent, &place, now, &*random)
                            .await?
                            .replaced,
                    );
                }
                Ok(replaced)
            });
            self.upkeep[slot] = Some(Upkeep { control, call });
        }
        self.go_on(slot, planned).await;
    }

    fn places(&self, source: usize) -> Vec<Place> {
        let versions = self
            .known
            .versions
            .iter()
            .filter(|version| version.source == source);
        let places: BTreeSet<_> = versions
            .map(|version| (version.tenant, Period::of(version.event.event.id.time())))
            .collect();
        let place = |(tenant, period): (usize, Period)| Place {
            tenant: self.tenants[tenant].clone(),
            period,
            source: self.source(source),
        };
        places.into_iter().map(place).collect()
    }

    /// Makes the hour of an event and those around it anew, or goes on with what the slot does.
    pub(crate) async fn rebuild(&mut self, pick: usize, slot: usize, planned: Planned) {
        let versions = &self.known.versions;
        let Some(picked) = pick.checked_rem(versions.len()).map(|pick| &versions[pick]) else {
            return;
        };
        if self.upkeep[slot].is_none() {
            let flaky = self.flaky();
            let (control, random) = (flaky.control.clone(), self.random.clone());
            let (tenant, time) = (self.tenants[picked.tenant].clone(), picked.event.event.id.time());
            let hours = rebuild::hours_of(time.minus_ms(HOUR_MS), time.plus_ms(HOUR_MS));
            let (generation, now) = (self.ground.number, self.now());
            let call = Box::pin(async move {
                let stores = Stores {
                    events: &flaky,
                    index: &flaky,
                    random: &*random,
                };
                let rebuilt = rebuild::hours(&stores, &tenant, hours, generation, now).await?;
                Ok(rebuilt.replaced)
            });
            self.upkeep[slot] = Some(Upkeep { control, call });
        }
        self.go_on(slot, planned).await;
    }

    async fn go_on(&mut self, slot: usize, planned: Planned) {
        let Some(mut upkeep) = self.upkeep[slot].take() else {
            return;
        };
        upkeep.control.plan(planned);
        upkeep.control.wake();
        let ended = tokio::select! {
            biased;
            ended = &mut upkeep.call => ended,
            () = upkeep.control.slept() => {
                self.upkeep[slot] = Some(upkeep);
                return;
            }
        };
        match ended {
            Ok(replaced) => self.replaced.extend(replaced),
            Err(error) => assert!(upkeep.control.has_failed(), "{error}"),
        }
    }

    /// Removes the pages of what was replaced, when no search can have begun before it was.
    pub(crate) async fn remove_replaced(&mut self) {
        self.end_walk().await;
        let replaced = std::mem::take(&mut self.replaced);
        rebuild::remove(&*self.flaky().store, &replaced).await.unwrap();
        self.forget();
    }

    /// Everything that is asleep goes on to its end, and all is merged.
    pub(crate) async fn merge_all(&mut self) {
        for slot in 0..SLOTS {
            self.go_on(slot, None).await;
        }
        for source in 0..SOURCES {
            for ahead in [0, 2 * HOUR_MS, 30 * HOUR_MS, 10 * DAY_MS] {
                self.merge(source, 0, ahead, None).await;
            }
        }
        assert!(self.tenants.len() == TENANTS && self.upkeep.iter().all(Option::is_none));
    }

    /// Readers have nothing in memory any more.
    pub(super) fn forget(&mut self) {
        self.reader = Reader::new(
            self.flaky(),
            self.clock.clone(),
            &self.tenants,
            self.ground.number,
            self.bounds,
        );
    }
}
