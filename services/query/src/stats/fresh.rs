//! Since when statistics may not be whole: everything that was acknowledged before that time is counted.
//!
//! An event is acknowledged after the log has it. So where a service has counted a source up to the end of its accepted
//! partition, everything is counted that was acknowledged before that end was looked at; and where it has not, what was
//! acknowledged before the first record that is not counted was appended. (The time of the last record that was counted
//! would not do: it is that of the enriched record, which may be much younger when enrichment was behind.)
//!
//! The ends are looked at about once a second, so that dashboards cost the log nothing. While the log does not answer,
//! the time is not known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chassis::clock::Clock;
use domain::routing::{DEFAULT_SPREAD, Spread};
use domain::source::{Lane, Source};
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::topic;
use eventlog::{Bounds, Log, TopicPartition};
use futures::future::{join_all, try_join_all};
use store::{COUNTED_MINUTES, COUNTING_SERVICE, Position, Progress};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

const LANE: Lane = Lane::Standard;
/// How long what the log has said is good enough.
const LIFE: Duration = Duration::from_secs(1);
/// How long the log may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far the sources of a tenant are counted.
#[derive(Debug)]
pub(crate) struct Counted(Option<Vec<(Source, Option<Position>)>>);

impl Counted {
    /// Reads the positions for rows of minutes, and for those of hours where they are read too. Which sources there are
    /// may be unknown.
    pub(super) async fn read(
        progress: &dyn Progress,
        sources: Option<Vec<Source>>,
        has_hours: bool,
    ) -> Result<Self, store::Error> {
        let Some(sources) = sources else {
            return Ok(Self(None));
        };
        let services = [Some(COUNTED_MINUTES), has_hours.then_some(COUNTING_SERVICE)];
        let pairs = services
            .into_iter()
            .flatten()
            .flat_map(|service| sources.iter().map(move |source| (service, *source)));
        let positions =
            pairs.map(async |(service, source)| Ok((source, progress.position(service, source).await?)));
        Ok(Self(Some(try_join_all(positions).await?)))
    }
}

/// Looks at the ends of accepted partitions. Clones share what is known.
#[derive(Clone)]
pub(crate) struct Ends(Arc<Inner>);

struct Inner {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    generation: u32,
    partitions: OnceCell<u32>,
    /// By partition, so there are not many.
    known: Mutex<HashMap<u32, Known>>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    end: Option<(Instant, Option<End>)>,
    /// The append time of the record at an offset, which never changes.
    appended: Option<(u64, Millis)>,
}

/// The bounds of a partition.
#[derive(Clone, Copy)]
struct End {
    /// A time before they were looked at.
    at: Millis,
    bounds: Bounds,
}

impl Ends {
    pub(crate) fn new(log: Arc<dyn Log>, clock: Arc<dyn Clock>, generation: u32) -> Self {
        Self(Arc::new(Inner {
            log,
            clock,
            generation,
            partitions: OnceCell::new(),
            known: Mutex::default(),
        }))
    }

    /// The sources that have events of a tenant; none while the log does not answer.
    pub(super) async fn partitions_of(&self, tenant: &TenantId) -> Option<Vec<Source>> {
        let inner = &self.0;
        let asking = inner
            .partitions
            .get_or_try_init(|| answered(inner.log.partitions(topic::accepted(LANE))));
        let partitions = *asking.await.ok()?;
        let spread = Spread::new(tenant, partitions, DEFAULT_SPREAD);
        let source = |partition| Source {
            lane: LANE,
            generation: inner.generation,
            partition,
        };
        Some(spread.partitions().map(source).collect())
    }

    /// Before which time everything that was acknowledged is counted, if that is known.
    pub(super) async fn fresh_until(&self, counted: &Counted) -> Option<Millis> {
        let sources = counted.0.as_ref()?;
        let times = sources
            .iter()
            .map(|(source, position)| self.of_source(source.partition, *position));
        let times: Option<Vec<_>> = join_all(times).await.into_iter().collect();
        times?.into_iter().min()
    }

    async fn of_source(&self, partition: u32, position: Option<Position>) -> Option<Millis> {
        let End { at, bounds } = self.end(partition).await?;
        let next = position.map_or(0, |position| position.origin.saturating_add(1));
        if bounds.start == bounds.end || next >= bounds.end {
            return Some(at);
        }
        position?;
        self.appended_at(partition, next).await
    }

    async fn end(&self, partition: u32) -> Option<End> {
        let known = self.known().entry(partition).or_default().end;
        if let Some((_, end)) = known.filter(|(looked_at, _)| looked_at.elapsed() < LIFE) {
            return end;
        }
        let looked_at = Instant::now();
        let at = Millis::from_ms(self.0.clock.now_ms());
        let bounds = answered(self.0.log.bounds(&accepted(partition))).await.ok();
        let end = bounds.map(|bounds| End { at, bounds });
        self.known().entry(partition).or_default().end = Some((looked_at, end));
        end
    }

    async fn appended_at(&self, partition: u32, offset: u64) -> Option<Millis> {
        let known = self.known().entry(partition).or_default().appended;
        if let Some((_, time)) = known.filter(|(known, _)| *known == offset) {
            return Some(time);
        }
        let place = accepted(partition);
        let read = answered(self.0.log.read(&place, offset, 1, Duration::ZERO))
            .await
            .ok()?;
        let time = Millis::from_ms(read.records.first()?.appended_at_ms);
        self.known().entry(partition).or_default().appended = Some((offset, time));
        Some(time)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<u32, Known>> {
        // Each change of it is one assignment.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accepted(partition: u32) -> TopicPartition {
    TopicPartition::new(topic::accepted(LANE), partition)
}

/// The log did not answer.
struct Silent;

/// What the log says, if it does so in time. Statistics are right without it.
async fn answered<T>(asking: impl Future<Output = Result<T, eventlog::Error>>) -> Result<T, Silent> {
    match timeout(PATIENCE, asking).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => tracing::warn!(%error, "log does not say how far it goes"),
        Err(_) => tracing::warn!("log does not say in time how far it goes"),
    }
    Err(Silent)
}
