//! One enriched partition: applies each origin once, gathers its events, writes them and then the position.

use std::sync::Arc;

use async_trait::async_trait;
use chassis::clock::Clock;
use domain::record::Enriched;
use domain::source::Source;
use domain::time::Millis;
use eventlog::runner::{Assignment, Failure, Processor, Worker};
use eventlog::{Log, Record, TopicPartition};
use metrics::Counter;
use store::{Events, Position, Progress};

use crate::config::Config;
use crate::error::Error;
use crate::{Deps, SERVICE, fate, metric_definitions as definitions, source, start};

/// Makes the workers.
pub(crate) struct Retainer {
    log: Arc<dyn Log>,
    events: Arc<dyn Events>,
    progress: Arc<dyn Progress>,
    clock: Arc<dyn Clock>,
    generation: u32,
    put_bytes: usize,
}

impl Retainer {
    pub(crate) fn new(deps: Deps, config: &Config) -> Self {
        let Deps {
            log,
            events,
            progress,
            clock,
            generation,
        } = deps;
        Self {
            log,
            events,
            progress,
            clock,
            generation,
            put_bytes: config.put.as_usize(),
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
        let (position, start) = start::of_partition(&*self.log, &*self.progress, partition, source)
            .await
            .map_err(Error::into_failure)?;
        let worker = Box::new(Storing {
            partition: partition.clone(),
            source,
            events: self.events.clone(),
            progress: self.progress.clone(),
            clock: self.clock.clone(),
            put_bytes: self.put_bytes,
            rows: Vec::new(),
            rows_bytes: 0,
            applied: position,
            stored: position,
            metrics: Metrics::new(),
        });
        Ok(Assignment { worker, start })
    }
}

/// The work on one partition.
struct Storing {
    partition: TopicPartition,
    source: Source,
    events: Arc<dyn Events>,
    progress: Arc<dyn Progress>,
    clock: Arc<dyn Clock>,
    put_bytes: usize,
    /// Events to write, at most `put_bytes` of records and one more.
    rows: Vec<Enriched>,
    rows_bytes: usize,
    /// Behind the last record that was taken.
    applied: Option<Position>,
    /// What the store has.
    stored: Option<Position>,
    metrics: Metrics,
}

#[async_trait]
impl Worker for Storing {
    async fn process(&mut self, records: &[Record]) -> Result<(), Failure> {
        let taken = self.take_all(records).await;
        if matches!(taken, Err(Error::BadFate { .. } | Error::FateMissing { .. })) {
            // What comes before it shall not wait for its cure.
            self.flush().await?;
        }
        taken.map_err(Error::into_failure)
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        self.put().await.map_err(Error::into_failure)?;
        self.advance().await.map_err(Error::into_failure)
    }
}

impl Storing {
    async fn take_all(&mut self, records: &[Record]) -> Result<(), Error> {
        for record in records {
            self.take(record).await?;
        }
        Ok(())
    }

    /// Takes the next record. A batch that is tried again begins with records that are taken already.
    async fn take(&mut self, record: &Record) -> Result<(), Error> {
        if self
            .applied
            .is_some_and(|applied| record.offset < applied.next_offset)
        {
            return Ok(());
        }
        if self.rows_bytes >= self.put_bytes {
            self.put().await?;
        }
        let bad = |reason| Error::BadFate {
            partition: self.partition.clone(),
            offset: record.offset,
            reason,
        };
        let origin = fate::origin(record).map_err(bad)?;
        let greatest = self.applied.map(|applied| applied.origin);
        if greatest.is_some_and(|greatest| origin <= greatest) {
            self.metrics.repeated.increment(1);
        } else {
            let event = fate::event(record).map_err(bad)?;
            self.check_next(greatest, origin, record.offset)?;
            self.gather(event, record.bytes());
        }
        self.applied = Some(Position {
            next_offset: record.offset + 1,
            origin: origin.max(greatest.unwrap_or(0)),
            appended_at_ms: record.appended_at_ms,
            checksum: start::checksum(record),
        });
        Ok(())
    }

    fn gather(&mut self, event: Option<Enriched>, bytes: usize) {
        match event {
            Some(event) => {
                self.rows.push(event);
                self.rows_bytes += bytes;
                self.metrics.stored.increment(1);
            }
            None => self.metrics.marker.increment(1),
        }
    }

    /// Fates have no gaps. Behind one, the missing fates would be taken for repeated should they come after all.
    fn check_next(&self, greatest: Option<u64>, origin: u64, offset: u64) -> Result<(), Error> {
        match greatest.map(|greatest| greatest + 1) {
            Some(missing) if missing < origin => Err(Error::FateMissing {
                partition: self.partition.clone(),
                offset,
                origin,
                missing,
            }),
            _ => Ok(()),
        }
    }

    /// Writes what is gathered; after an error all of it is written again.
    async fn put(&mut self) -> Result<(), Error> {
        if !self.rows.is_empty() {
            let now = Millis::from_ms(self.clock.now_ms());
            self.events.put(&self.rows, now).await?;
            self.rows.clear();
            self.rows_bytes = 0;
        }
        Ok(())
    }

    /// Stores the position, after the rows that it covers.
    async fn advance(&mut self) -> Result<(), Error> {
        if let Some(position) = self.applied.filter(|_| self.applied != self.stored) {
            self.progress.advance(SERVICE, self.source, position).await?;
            self.stored = self.applied;
        }
        Ok(())
    }
}

struct Metrics {
    stored: Counter,
    marker: Counter,
    repeated: Counter,
}

impl Metrics {
    fn new() -> Self {
        let fates = |outcome: &'static str| metrics::counter!(definitions::FATES, "outcome" => outcome);
        Self {
            stored: fates("stored"),
            marker: fates("marker"),
            repeated: fates("repeated"),
        }
    }
}
