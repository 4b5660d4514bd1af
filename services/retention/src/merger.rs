//! The task that merges: one merge at a time, for all partitions of this process.
//!
//! It is told of what was sealed and comes back to a place by itself when an hour or a day closes. What it is not told of,
//! because too much waits, and what it forgets in a restart is merged with the next seal of the same tenant: that costs
//! speed and nothing else. Of units that were replaced it forgets no more than their early removal: they expire.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chassis::clock::Clock;
use chassis::random::Random;
use domain::index::manifest::{Period, UnitRef};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use store::index::Index;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep};

use crate::config;
use crate::error::Error;
use crate::merge::{self, Place};
use crate::metric_definitions as definitions;
use crate::{Deps, Recent};

/// Places that may wait.
const MAX_WAITING: usize = 4096;
/// Places it comes back to.
const MAX_LATER: usize = 65_536;
/// Replaced units whose removal is awaited.
const MAX_REPLACED: usize = 65_536;
/// How often it looks for what has become due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long it leaves a place alone that it has failed with.
const RETRY_MS: i64 = 60_000;

/// Where workers leave word of what they have sealed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue(Option<Sender<Place>>);

impl Queue {
    /// Something was sealed here. Never waits.
    pub(crate) fn offer(&self, tenant: TenantId, period: Period, source: Source) {
        let place = Place {
            tenant,
            period,
            source,
        };
        if self
            .0
            .as_ref()
            .is_some_and(|queue| queue.try_send(place).is_err())
        {
            dropped("full");
        }
    }
}

/// See the [module](self).
pub(crate) struct Merger {
    index: Arc<dyn Index>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    recent: Arc<Recent>,
    remove_after: Duration,
    sealed: Receiver<Place>,
    later: HashMap<Place, Millis>,
    looked: Instant,
    /// Replaced units and when, in order.
    replaced: VecDeque<(Instant, UnitRef)>,
    is_failing: bool,
}

impl Merger {
    /// It, and how to tell it.
    pub(crate) fn new(deps: &Deps, settings: &config::Index, recent: Arc<Recent>) -> (Self, Queue) {
        let (queue, sealed) = mpsc::channel(MAX_WAITING);
        let merger = Self {
            index: deps.index.clone(),
            clock: deps.clock.clone(),
            random: deps.random.clone(),
            recent,
            remove_after: settings.remove_after.duration(),
            sealed,
            later: HashMap::new(),
            looked: Instant::now(),
            replaced: VecDeque::new(),
            is_failing: false,
        };
        (merger, Queue(Some(queue)))
    }

    /// Merges for ever. It may be dropped at any moment.
    pub(crate) async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                () = sleep(LOOK_EVERY.saturating_sub(self.looked.elapsed())) => {
                    self.looked = Instant::now();
                    self.come_back().await;
                    self.remove_replaced().await;
                }
                Some(place) = self.sealed.recv() => self.merge(place).await,
            }
        }
    }

    fn now(&self) -> Millis {
        Millis::from_ms(self.clock.now_ms())
    }

    async fn merge(&mut self, place: Place) {
        let now = self.now();
        match merge::run_once(&*self.index, &self.recent, &place, now, &*self.random).await {
            Ok(merged) => {
                self.is_failing = false;
                self.replaced
                    .extend(merged.replaced.into_iter().map(|unit| (Instant::now(), unit)));
                let excess = self.replaced.len().saturating_sub(MAX_REPLACED);
                self.replaced.drain(..excess);
                self.come_back_at(place, merged.next_due);
            }
            // The process ends.
            Err(Error::Store(store::Error::Closed)) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(tenant = %place.tenant, %error, "merging units has failed");
                }
                dropped("failed");
                self.come_back_at(place, Some(now.plus_ms(RETRY_MS)));
            }
        }
    }

    fn come_back_at(&mut self, place: Place, due: Option<Millis>) {
        match due {
            Some(due) if self.later.len() < MAX_LATER => {
                self.later.insert(place, due);
            }
            Some(_) => dropped("full"),
            None => {
                self.later.remove(&place);
            }
        }
    }

    async fn come_back(&mut self) {
        let now = self.now();
        let due: Vec<Place> = self
            .later
            .extract_if(|_, due| *due <= now)
            .map(|(place, _)| place)
            .collect();
        for place in due {
            self.merge(place).await;
        }
    }

    async fn remove_replaced(&mut self) {
        while let Some((since, unit)) = self.replaced.front().copied() {
            if since.elapsed() < self.remove_after {
                return;
            }
            self.replaced.pop_front();
            if let Err(error) = self.index.remove_unit(unit).await {
                tracing::debug!(unit = %unit.id, %error, "pages of a replaced unit stay until they expire");
            }
        }
    }
}

fn dropped(reason: &'static str) {
    metrics::counter!(definitions::MERGES_DROPPED, "reason" => reason).increment(1);
}
