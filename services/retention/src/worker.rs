//! One enriched partition: applies each origin once, gathers its events, writes them, their part of the index and then
//! the position.
//!
//! The order of writing is what everything rests on: rows, fresh segments, position; and units, then the mark. What is
//! behind the mark is read again after a restart, into memory only as far as it is stored.

mod metrics;
mod sealing;

use std::sync::Arc;

use async_trait::async_trait;
use chassis::clock::Clock;
use chassis::random::Random;
use domain::index::manifest::Minute;
use domain::record::Enriched;
use domain::source::Source;
use domain::time::Millis;
use enriched::{BadFate, Place, Reached, fate};
use eventlog::runner::{Assignment, Failure, Processor, Worker};
use eventlog::{Log, Record, TopicPartition};
use store::index::{FRESH_LIFE_MS, Index, Mark};
use store::{Events, Position, Progress};
use tokio::time::Instant;

use self::metrics::Metrics;
use crate::batch::Batch;
use crate::config::{self, Config};
use crate::error::Error;
use crate::fresh::Fresh;
use crate::merger::Queue;
use crate::seal::{self, Sealer};
use crate::start::{self, Start};
use crate::unsealed::{Limits, Reason, Unsealed};
use crate::{Deps, Recent, SERVICE, source};

/// Minutes of fresh segments behind the mark. A reader looks into each, so a source that was quiet for long, or that is
/// caught up with, is sealed before its position says that there is something new.
const MAX_MINUTES: i64 = 15;

/// Makes the workers.
pub(crate) struct Retainer {
    log: Arc<dyn Log>,
    events: Arc<dyn Events>,
    index: Arc<dyn Index>,
    progress: Arc<dyn Progress>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    generation: u32,
    put_bytes: usize,
    settings: config::Index,
    merges: Queue,
    recent: Arc<Recent>,
}

impl Retainer {
    pub(crate) fn new(deps: Deps, config: &Config, merges: Queue, recent: Arc<Recent>) -> Self {
        let Deps {
            log,
            events,
            index,
            progress,
            clock,
            random,
            generation,
        } = deps;
        Self {
            log,
            events,
            index,
            progress,
            clock,
            random,
            generation,
            put_bytes: config.put.as_usize(),
            settings: config.index.clone(),
            merges,
            recent,
        }
    }

    fn worker(&self, partition: &TopicPartition, source: Source, start: Start) -> Storing {
        let Start {
            stored,
            mark,
            lacks_unsealed,
            ..
        } = start;
        let sealer = Sealer {
            index: self.index.clone(),
            random: self.random.clone(),
            clock: self.clock.clone(),
            source,
            recent: self.recent.clone(),
            metrics: seal::Metrics::new(),
        };
        Storing {
            partition: partition.clone(),
            source,
            events: self.events.clone(),
            fresh: Fresh::new(self.index.clone(), source, &*self.random),
            progress: self.progress.clone(),
            clock: self.clock.clone(),
            put_bytes: self.put_bytes,
            batch: Batch::default(),
            reached: Reached::at(mark.map(|mark| mark.position)),
            minute: mark.map_or(Minute(i64::MIN), |mark| mark.minute),
            read_again: stored.map(|stored| stored.origin),
            lacks_unsealed,
            stored,
            mark,
            unsealed: Unsealed::new(Limits::from(&self.settings)),
            sealer,
            merges: self.merges.clone(),
            metrics: Metrics::new(partition),
        }
    }
}

#[async_trait]
impl Processor for Retainer {
    async fn assigned(
        &self,
        partition: &TopicPartition,
        _committed: Option<u64>,
    ) -> Result<Assignment, Failure> {
        let source = source(partition, self.generation);
        let positions = (&*self.progress, &*self.index);
        let skip_unsealed = self.settings.skip_unsealed;
        let start = start::of_partition(&*self.log, positions, partition, source, skip_unsealed)
            .await
            .map_err(Error::into_failure)?;
        Ok(Assignment {
            worker: Box::new(self.worker(partition, source, start)),
            start: start.offset,
        })
    }
}

/// The work on one partition.
struct Storing {
    partition: TopicPartition,
    source: Source,
    events: Arc<dyn Events>,
    fresh: Fresh,
    progress: Arc<dyn Progress>,
    clock: Arc<dyn Clock>,
    put_bytes: usize,
    /// Events to write, at most `put_bytes` of records and one more.
    batch: Batch,
    reached: Reached,
    /// The greatest minute of a record up to there.
    minute: Minute,
    /// Up to this origin rows and fresh segments are stored; they are only indexed again.
    read_again: Option<u64>,
    /// Whether origins up to `read_again` may be missing.
    lacks_unsealed: bool,
    /// What the store has.
    stored: Option<Position>,
    /// What the store has of the index in units.
    mark: Option<Mark>,
    unsealed: Unsealed,
    sealer: Sealer,
    merges: Queue,
    metrics: Metrics,
}

#[async_trait]
impl Worker for Storing {
    async fn process(&mut self, records: &[Record]) -> Result<(), Failure> {
        let taken = self.take_all(records).await;
        if matches!(&taken, Err(Error::Enriched(error)) if error.is_of_record()) {
            // What comes before it shall not wait for its cure.
            self.flush().await?;
        }
        taken.map_err(Error::into_failure)
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        self.write().await.map_err(Error::into_failure)
    }

    async fn tick(&mut self) -> Result<(), Failure> {
        self.flush().await
    }

    /// What is sealed is not read again by who takes over, and topics that are made anew leave nothing unsealed.
    async fn close(&mut self) -> Result<(), Failure> {
        if self.unsealed.is_begun() {
            self.seal_all(Reason::Close).await.map_err(Error::into_failure)?;
        }
        Ok(())
    }
}

impl Storing {
    async fn take_all(&mut self, records: &[Record]) -> Result<(), Error> {
        for record in records {
            self.take(record).await?;
        }
        Ok(())
    }

    /// Takes the next record.
    async fn take(&mut self, record: &Record) -> Result<(), Error> {
        if self.reached.has(record) {
            return Ok(());
        }
        if self.batch.bytes >= self.put_bytes {
            self.put().await?;
        }
        let origin = fate::origin(record).map_err(|reason| self.bad(record, reason))?;
        let place = self.reached.place(origin);
        if place == Place::Repeated {
            self.metrics.repeated.increment(1);
        } else {
            let event = fate::event(record).map_err(|reason| self.bad(record, reason))?;
            if let Place::BehindGap { missing } = place {
                self.check_gap(missing, origin, record.offset)?;
            }
            self.gather(event, origin, record).await?;
        }
        self.minute = self
            .minute
            .max(Minute::of(Millis::from_ms(record.appended_at_ms)));
        self.reached.take(record, origin);
        self.unsealed.begin(Instant::now());
        Ok(())
    }

    async fn gather(&mut self, event: Option<Enriched>, origin: u64, record: &Record) -> Result<(), Error> {
        let is_stored = self.read_again.is_some_and(|stored| origin <= stored);
        if self.batch.is_stored != is_stored {
            self.put().await?;
            self.batch.is_stored = is_stored;
        }
        match (&event, is_stored) {
            (_, true) => self.metrics.read_again.increment(1),
            (Some(_), false) => self.metrics.stored.increment(1),
            (None, false) => self.metrics.marker.increment(1),
        }
        if let Some(event) = event {
            self.batch.add(event, origin, record.bytes());
        }
        // Its fresh segment may be gone before the next seal is due.
        if is_stored && self.now().as_ms().saturating_sub(record.appended_at_ms) > FRESH_LIFE_MS / 2 {
            self.unsealed.hurry();
        }
        Ok(())
    }

    fn bad(&self, record: &Record, reason: BadFate) -> Error {
        let bad = enriched::Error::BadFate {
            partition: self.partition.clone(),
            offset: record.offset,
            reason,
        };
        bad.into()
    }

    fn now(&self) -> Millis {
        Millis::from_ms(self.clock.now_ms())
    }

    /// Fates may be missing only where the log has removed what is stored and not sealed, and that is allowed.
    fn check_gap(&self, missing: u64, origin: u64, offset: u64) -> Result<(), Error> {
        if self.lacks_unsealed && self.read_again.is_some_and(|stored| origin <= stored + 1) {
            tracing::warn!(
                partition = %self.partition, first = missing, last = origin - 1,
                "events of these origins are not in the search index: make their hours anew",
            );
            return Ok(());
        }
        let gap = enriched::Error::FateMissing {
            partition: self.partition.clone(),
            offset,
            origin,
            missing,
        };
        Err(gap.into())
    }

    /// Makes everything that was taken durable, and seals what is due.
    async fn write(&mut self) -> Result<(), Error> {
        self.put().await?;
        match self.mark {
            // Where there is a position there is a mark, so that one without the other tells of a time before it.
            None if self.reached.position().is_some() => self.seal_all(Reason::First).await?,
            Some(mark) if self.minute.0.saturating_sub(mark.minute.0) > MAX_MINUTES => {
                self.seal_all(Reason::Minutes).await?;
            }
            _ => {}
        }
        self.advance().await?;
        self.seal_due().await
    }

    /// Writes what is gathered; after an error all of it is written again.
    async fn put(&mut self) -> Result<(), Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let now = self.now();
        if !self.batch.is_stored {
            self.events.put(&self.batch.rows, now).await?;
        }
        let is_stored = self.batch.is_stored;
        let segments = self.batch.segments(now);
        if !is_stored {
            self.fresh.put(segments, self.minute, now).await?;
        }
        self.unsealed
            .keep(std::mem::take(&mut self.batch).into_segments());
        self.batch.is_stored = is_stored;
        self.metrics.unsealed(&self.unsealed);
        Ok(())
    }

    /// Stores the position, after the rows that it covers.
    async fn advance(&mut self) -> Result<(), Error> {
        let next = |position: Option<Position>| position.map(|position| position.next_offset);
        let reached = self.reached.position();
        if let Some(position) = reached.filter(|_| next(reached) > next(self.stored)) {
            self.progress.advance(SERVICE, self.source, position).await?;
            self.stored = reached;
        }
        Ok(())
    }
}
