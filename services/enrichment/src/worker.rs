//! One accepted partition: decides the fates of its records and appends them in order, without gaps.
//!
//! Whether a record is a duplicate depends on those before it alone (`domain::dedup`). What a partition remembers of
//! them is read from the log before it begins, and a record is decided once, however often the runner brings it.
//!
//! A fate that is too large for the log gets a marker in its place. The sequence refuses a whole call for it, so it is
//! looked for by appending one fate at a time. After any other failure nothing is appended but the fates from the
//! first that failed on, in order: what is acknowledged stays a prefix. A log that took a later fate all the same
//! stops this process.
//!
//! One call is under way at a time. While it waits, other partitions work.

mod metrics;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use domain::dedup::{Identity, Seen, Window};
use domain::enrich::Stage;
use domain::topic;
use eventlog::runner::{Assignment, Failure, Processor, Worker};
use eventlog::{Appended, Log, Record, TopicPartition};
use proto::record::{BadRecord, decode_accepted};
use tokio::sync::Semaphore;

use self::metrics::Metrics;
use crate::appender::Appender;
use crate::config::Config;
use crate::error::Error;
use crate::fate::{Fate, Fates, Kind};
use crate::{Deps, LANE, rebuild, start};

/// Partitions whose past is read at a time: each keeps a client of the log busy, of which there are few.
const REBUILDS: usize = 2;

/// Makes the workers.
pub(crate) struct Enricher {
    log: Arc<dyn Log>,
    appender: Arc<Appender>,
    stages: Arc<[Stage]>,
    append_bytes: usize,
    window: Window,
    /// Of the hashes of ids.
    key: [u8; 16],
    rebuilds: Semaphore,
}

impl Enricher {
    pub(crate) fn new(config: &Config, deps: Deps) -> Self {
        let mut key = [0; 16];
        deps.random.fill(&mut key);
        Self {
            appender: Arc::new(Appender::new(deps.log.clone())),
            log: deps.log,
            stages: config.enabled_stages().into(),
            append_bytes: config.append.as_usize(),
            window: config.deduplicate.window(),
            key,
            rebuilds: Semaphore::new(REBUILDS),
        }
    }

    /// What is remembered of a partition at this offset.
    async fn seen(&self, accepted: &TopicPartition, start: u64) -> Result<Seen, Error> {
        let _permit = self.rebuilds.acquire().await.expect("it is never closed");
        let mut seen = Seen::new(self.window, self.key);
        let began = Instant::now();
        let count = rebuild::remember(&*self.log, accepted, start, self.window, &mut seen).await?;
        let (hashes, took) = (seen.hashes(), began.elapsed());
        tracing::info!(partition = %accepted, start, count, hashes, ?took, "past of the partition is read");
        Ok(seen)
    }
}

#[async_trait]
impl Processor for Enricher {
    async fn assigned(
        &self,
        partition: &TopicPartition,
        committed: Option<u64>,
    ) -> Result<Assignment, Failure> {
        let enriched = TopicPartition::new(topic::enriched(LANE), partition.partition);
        let start = start::of_partition(&*self.log, partition, &enriched, committed)
            .await
            .map_err(Error::into_failure)?;
        let seen = self.seen(partition, start).await.map_err(Error::into_failure)?;
        let worker = Box::new(Enriching {
            appender: self.appender.clone(),
            metrics: Metrics::new(partition, &seen),
            seen,
            next: start,
            fates: Fates::new(enriched, self.stages.clone()),
            append_bytes: self.append_bytes,
            pending: VecDeque::new(),
            alone: 0,
        });
        Ok(Assignment { worker, start })
    }
}

/// The work on one partition.
struct Enriching {
    appender: Arc<Appender>,
    /// All records before `next`.
    seen: Seen,
    /// The first offset that is not decided.
    next: u64,
    fates: Fates,
    append_bytes: usize,
    /// Fates that are not acknowledged, by origin. The runner bounds it: it flushes by bytes.
    pending: VecDeque<Fate>,
    /// How many of them go one at a time, for one of them is too large.
    alone: usize,
    metrics: Metrics,
}

#[async_trait]
impl Worker for Enriching {
    async fn process(&mut self, records: &[Record]) -> Result<(), Failure> {
        let mut dead = Dead::default();
        let decided = records.partition_point(|record| record.offset < self.next);
        for record in &records[decided..] {
            let fate = self.decide(record, &mut dead);
            self.pending.push_back(fate);
            self.next = record.offset + 1;
        }
        dead.report(self.fates.to().partition);
        self.metrics.remembered(&self.seen);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        while !self.pending.is_empty() {
            self.append_next().await.map_err(Error::into_failure)?;
        }
        Ok(())
    }
}

impl Enriching {
    /// The fate of the next record.
    fn decide(&mut self, record: &Record, dead: &mut Dead) -> Fate {
        let accepted = match decode_accepted(record.value.clone()) {
            Ok(accepted) => accepted,
            Err(error) => {
                dead.add(record.offset, error);
                rebuild::take(&mut self.seen, record);
                return self.fates.dead(record.offset, record.key.clone());
            }
        };
        let identity = Identity {
            tenant: &accepted.tenant,
            id: accepted.event.id,
            external_id: accepted.event.external_id.as_deref(),
        };
        let at_ms = record.appended_at_ms;
        if self.seen.take(record.offset, at_ms, Some(identity)) {
            self.fates.duplicate(record)
        } else {
            self.fates.enriched(record, accepted)
        }
    }

    /// Appends the next fates that fit one call, and forgets those that the log has.
    async fn append_next(&mut self) -> Result<(), Error> {
        let count = self.fitting();
        let records = self.pending.iter().take(count);
        let records = records.map(|fate| fate.record.clone()).collect();
        let outcome = Outcome::of(self.appender.append(records).await);
        let appended = outcome.appended.min(count);
        for fate in self.pending.drain(..appended) {
            self.metrics.count(fate.kind);
        }
        self.alone = self.alone.saturating_sub(appended);
        match outcome.failure {
            None => Ok(()),
            Some(reason) if outcome.went_on => Err(self.gap(reason)),
            Some(eventlog::Error::RecordTooLarge { .. }) if count > 1 => {
                self.alone = count - appended;
                Ok(())
            }
            Some(eventlog::Error::RecordTooLarge { bytes, max_bytes }) => self.bury_first(bytes, max_bytes),
            Some(error) => Err(error.into()),
        }
    }

    /// How many of the pending fates go into one call, at least one.
    fn fitting(&self) -> usize {
        if self.alone > 0 {
            return 1;
        }
        let mut bytes = 0;
        let fits = |fate: &&Fate| {
            bytes += fate.record.bytes();
            bytes <= self.append_bytes
        };
        self.pending.iter().take_while(fits).count().max(1)
    }

    /// Puts a marker in the place of the first pending fate, which the log does not take.
    fn bury_first(&mut self, bytes: usize, max_bytes: usize) -> Result<(), Error> {
        let too_large = eventlog::Error::RecordTooLarge { bytes, max_bytes };
        let Some(first) = self
            .pending
            .front_mut()
            .filter(|first| first.kind == Kind::Enriched)
        else {
            return Err(too_large.into());
        };
        let (partition, origin) = (&first.record.to, first.origin);
        tracing::error!(%partition, origin, error = %too_large, "an accepted event is dead");
        *first = self.fates.dead(origin, first.record.key.clone());
        Ok(())
    }

    fn gap(&self, reason: eventlog::Error) -> Error {
        Error::Gap {
            partition: self.fates.to().clone(),
            origin: self.pending.front().map_or(0, |first| first.origin),
            reason,
        }
    }
}

/// What an append call came to.
struct Outcome {
    /// Records that the log has, from the first on.
    appended: usize,
    /// Why it does not have the next.
    failure: Option<eventlog::Error>,
    /// Whether it has one behind that all the same.
    went_on: bool,
}

impl Outcome {
    fn of(results: Vec<Result<Appended, eventlog::Error>>) -> Self {
        let mut outcome = Self {
            appended: 0,
            failure: None,
            went_on: false,
        };
        for result in results {
            match result {
                Ok(_) if outcome.failure.is_none() => outcome.appended += 1,
                Ok(_) => outcome.went_on = true,
                Err(error) => outcome.failure = outcome.failure.or(Some(error)),
            }
        }
        outcome
    }
}

/// Records of one batch that do not decode, for one line in the log.
#[derive(Default)]
struct Dead {
    first: Option<(u64, BadRecord)>,
    count: u64,
}

impl Dead {
    fn add(&mut self, offset: u64, error: BadRecord) {
        self.count += 1;
        self.first.get_or_insert((offset, error));
    }

    fn report(&self, partition: u32) {
        if let Some((offset, error)) = &self.first {
            tracing::error!(partition, count = self.count, first_offset = offset, %error, "accepted records are dead");
        }
    }
}
