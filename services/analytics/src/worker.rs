//! One enriched partition: applies each origin once, counts its event in its windows, writes the rows that have changed
//! and then the position.
//!
//! The order of writing is what everything rests on: rows of minutes and hours, then the position. In between the
//! minutes are written more often, and how far they are is said apart, for those who read them.

mod metrics;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chassis::clock::Clock;
use domain::rollup::Grain;
use domain::source::Source;
use domain::time::Millis;
use enriched::{BadFate, Place as Origin, Reached, fate};
use eventlog::runner::{Assignment, Failure, Processor, Worker};
use eventlog::{Log, Record, TopicPartition};
use store::{COUNTED_MINUTES, Position, Progress, Rollups};
use tokio::time::Instant;

use self::metrics::Metrics;
use crate::config::Config;
use crate::error::Error;
use crate::rows::Rows;
use crate::start::{self, Start};
use crate::windows::{Counted, Place, Windows};
use crate::{Deps, SERVICE, source};

/// Windows that are read before the events that need them are counted.
const LOADED_AT_ONCE: usize = 256;

/// Makes the workers.
pub(crate) struct Counter {
    log: Arc<dyn Log>,
    rollups: Arc<dyn Rollups>,
    progress: Arc<dyn Progress>,
    clock: Arc<dyn Clock>,
    generation: u32,
    max_bytes: usize,
    hours_every: Duration,
}

impl Counter {
    pub(crate) fn new(deps: Deps, config: &Config) -> Self {
        let Deps {
            log,
            rollups,
            progress,
            clock,
            generation,
        } = deps;
        Self {
            log,
            rollups,
            progress,
            clock,
            generation,
            max_bytes: config.windows.as_usize(),
            hours_every: config.hours_every.duration(),
        }
    }
}

#[async_trait]
impl Processor for Counter {
    async fn assigned(
        &self,
        partition: &TopicPartition,
        _committed: Option<u64>,
    ) -> Result<Assignment, Failure> {
        let source = source(partition, self.generation);
        let Start { stored, offset } = start::of_partition(&*self.log, &*self.progress, partition, source)
            .await
            .map_err(Error::into_failure)?;
        let worker = Counting {
            partition: partition.clone(),
            source,
            rows: Rows::new(self.rollups.clone(), source),
            progress: self.progress.clone(),
            clock: self.clock.clone(),
            max_bytes: self.max_bytes,
            hours_every: self.hours_every,
            windows: Windows::default(),
            gathered: Gathered::default(),
            reached: Reached::at(stored),
            minutes: stored,
            stored,
            hours_written: Instant::now(),
            metrics: Metrics::new(partition),
        };
        Ok(Assignment {
            worker: Box::new(worker),
            start: offset,
        })
    }
}

/// The work on one partition.
struct Counting {
    partition: TopicPartition,
    source: Source,
    rows: Rows,
    progress: Arc<dyn Progress>,
    clock: Arc<dyn Clock>,
    max_bytes: usize,
    hours_every: Duration,
    windows: Windows,
    gathered: Gathered,
    reached: Reached,
    /// Up to where the store is said to have the minutes.
    minutes: Option<Position>,
    /// Up to where the store is said to have everything.
    stored: Option<Position>,
    hours_written: Instant,
    metrics: Metrics,
}

/// Events that were taken and wait for their windows.
#[derive(Default)]
struct Gathered {
    events: Vec<Counted>,
    /// Windows that have to be read for them.
    missing: BTreeSet<Place>,
}

#[async_trait]
impl Worker for Counting {
    async fn process(&mut self, records: &[Record]) -> Result<(), Failure> {
        let taken = self.take_all(records).await;
        if matches!(&taken, Err(Error::Enriched(error)) if error.is_of_record()) {
            // What comes before it shall not wait for its cure.
            self.fold().await.map_err(Error::into_failure)?;
            self.flush().await?;
        }
        taken.map_err(Error::into_failure)
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        self.write(false).await.map_err(Error::into_failure)
    }

    async fn tick(&mut self) -> Result<(), Failure> {
        self.flush().await
    }

    /// What is written is not read again by who takes over.
    async fn close(&mut self) -> Result<(), Failure> {
        self.write(true).await.map_err(Error::into_failure)
    }
}

impl Counting {
    async fn take_all(&mut self, records: &[Record]) -> Result<(), Error> {
        for record in records {
            if !self.reached.has(record) {
                self.take(record)?;
            }
            if self.gathered.missing.len() >= LOADED_AT_ONCE {
                self.fold().await?;
            }
        }
        self.fold().await
    }

    /// Takes the next record.
    fn take(&mut self, record: &Record) -> Result<(), Error> {
        let origin = fate::origin(record).map_err(|reason| self.bad(record, reason))?;
        match self.reached.place(origin) {
            Origin::Repeated => self.metrics.repeated.increment(1),
            Origin::Next => match fate::event(record).map_err(|reason| self.bad(record, reason))? {
                None => self.metrics.marker.increment(1),
                Some(event) => self.gather(Counted {
                    event,
                    origin,
                    appended_at: Millis::from_ms(record.appended_at_ms),
                }),
            },
            Origin::BehindGap { missing } => {
                let gap = enriched::Error::FateMissing {
                    partition: self.partition.clone(),
                    offset: record.offset,
                    origin,
                    missing,
                };
                return Err(gap.into());
            }
        }
        self.reached.take(record, origin);
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

    fn gather(&mut self, counted: Counted) {
        let tenant = &counted.event.tenant;
        for window in counted.windows() {
            if !self.windows.has(tenant, window) {
                self.gathered.missing.insert(Place {
                    tenant: tenant.clone(),
                    window,
                });
            }
        }
        self.gathered.events.push(counted);
    }

    /// Counts what was taken. After an error it is counted with what comes next.
    async fn fold(&mut self) -> Result<(), Error> {
        if !self.gathered.missing.is_empty() {
            let missing = self.gathered.missing.iter().cloned().collect();
            self.rows.load(missing, &mut self.windows).await?;
        }
        let Gathered { events, .. } = std::mem::take(&mut self.gathered);
        for counted in &events {
            let is_new = self.windows.fold(counted);
            self.metrics.folded(is_new);
        }
        if self.windows.bytes() > self.max_bytes {
            self.make_room().await?;
        }
        self.metrics.windows(&self.windows);
        Ok(())
    }

    /// Drops windows, for which they must be written first.
    async fn make_room(&mut self) -> Result<(), Error> {
        let enough = self.max_bytes / 4 * 3;
        self.windows.shrink(enough);
        if self.windows.bytes() > enough {
            self.write(true).await?;
            self.windows.shrink(enough);
        }
        Ok(())
    }

    /// Writes the minutes that have changed, and everything where it is due or asked for.
    async fn write(&mut self, everything: bool) -> Result<(), Error> {
        let now = Millis::from_ms(self.clock.now_ms());
        self.rows.write(&mut self.windows, Grain::Minute, now).await?;
        let reached = self.reached.position();
        if is_further(reached, self.stored)
            && (everything || self.hours_written.elapsed() >= self.hours_every)
        {
            self.rows.write(&mut self.windows, Grain::Hour, now).await?;
            advance(&*self.progress, SERVICE, self.source, reached).await?;
            self.stored = reached;
            self.hours_written = Instant::now();
        }
        if is_further(reached, self.minutes) {
            advance(&*self.progress, COUNTED_MINUTES, self.source, reached).await?;
            self.minutes = reached;
        }
        Ok(())
    }
}

fn is_further(reached: Option<Position>, than: Option<Position>) -> bool {
    let next = |position: Option<Position>| position.map(|position| position.next_offset);
    next(reached) > next(than)
}

async fn advance(
    progress: &dyn Progress,
    service: &str,
    source: Source,
    position: Option<Position>,
) -> Result<(), Error> {
    if let Some(position) = position {
        progress.advance(service, source, position).await?;
    }
    Ok(())
}
