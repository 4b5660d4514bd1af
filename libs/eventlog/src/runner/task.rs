//! The task of one partition during one assignment: takes batches, processes, flushes, reports.
//!
//! It ends when it is told to drain, after finishing the call in hand and flushing, or with the failure that
//! trying again can't help. It never commits: the driver does, from what the task reports.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Histogram};
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Assignment, Call, Failure, Options, Processor, Worker};
use crate::metric_definitions as definitions;
use crate::port::Class;
use crate::record::{Record, TopicPartition};

/// What a task tells the driver.
pub(super) enum Event {
    /// The worker is made and wants records from this offset on.
    Ready { start: u64 },
    /// Everything before this offset is durable.
    Flushed { next: u64 },
}

/// An event and the assignment it belongs to.
pub(super) struct Report {
    pub(super) partition: TopicPartition,
    pub(super) assignment: u64,
    pub(super) event: Event,
}

/// Why a task ended before it was told to.
#[derive(Debug)]
pub(super) struct Stopped {
    pub(super) call: Call,
    pub(super) failure: Failure,
}

/// Whether the task goes on or was told to drain.
#[derive(PartialEq, Eq)]
enum Flow {
    Continue,
    Drain,
}

pub(super) struct Task {
    pub(super) group: Arc<str>,
    pub(super) partition: TopicPartition,
    pub(super) assignment: u64,
    pub(super) committed: Option<u64>,
    pub(super) processor: Arc<dyn Processor>,
    pub(super) options: Options,
    pub(super) batches: Receiver<Vec<Record>>,
    pub(super) reports: Sender<Report>,
    pub(super) drain: CancellationToken,
}

/// What is processed and not flushed.
struct Unflushed {
    next: u64,
    records: u64,
    bytes: usize,
    since: Instant,
}

/// When what is called.
struct Pace {
    unflushed: Option<Unflushed>,
    /// The end of the last flush, none before the first.
    flushed: Option<Instant>,
    /// The last time the worker was called that counts as a tick.
    ticked: Instant,
    metrics: Metrics,
}

impl Pace {
    fn new(task: &Task) -> Self {
        Self {
            unflushed: None,
            flushed: None,
            ticked: Instant::now(),
            metrics: Metrics::new(task),
        }
    }

    fn flushed(&mut self) {
        self.unflushed = None;
        self.ticked = Instant::now();
        self.flushed = Some(self.ticked);
    }

    /// When a task without records flushes what is not flushed or, where everything is, ticks.
    fn next_call_at(&self, options: &Options) -> Instant {
        let Some(unflushed) = &self.unflushed else {
            return self.ticked + options.tick_every;
        };
        let apart = self.flushed.map(|flushed| flushed + options.flush_apart);
        apart
            .unwrap_or(unflushed.since)
            .min(unflushed.since + options.flush_every)
    }
}

impl Task {
    pub(super) async fn run(mut self) -> Result<(), Stopped> {
        let Some(Assignment { mut worker, start }) = self.assign().await? else {
            return Ok(());
        };
        self.report(Event::Ready { start }).await;
        let mut pace = Pace::new(&self);
        while let Some(records) = self.next_batch(&mut worker, &mut pace).await? {
            if self.process(&mut worker, &records).await? == Flow::Drain {
                // The worker may be half way through the batch, so nothing more can be flushed.
                return Ok(());
            }
            let unflushed = grown(pace.unflushed.take(), &records);
            let due = unflushed.bytes >= self.options.flush_bytes
                || unflushed.since.elapsed() >= self.options.flush_every;
            pace.unflushed = Some(unflushed);
            if due && self.flush(&mut worker, &mut pace).await? == Flow::Drain {
                return Ok(());
            }
        }
        if self.flush(&mut worker, &mut pace).await? == Flow::Continue {
            self.close(&mut worker).await;
        }
        Ok(())
    }

    async fn assign(&self) -> Result<Option<Assignment>, Stopped> {
        let mut retry = Retry::new(self, Call::Assigned);
        loop {
            match self.processor.assigned(&self.partition, self.committed).await {
                Ok(assignment) => {
                    retry.succeeded();
                    return Ok(Some(assignment));
                }
                Err(failure) => {
                    if retry.wait(failure).await? == Flow::Drain {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The next batch, or nothing when the task is to drain. Flushes, or ticks, when it would have to wait.
    async fn next_batch(
        &mut self,
        worker: &mut Box<dyn Worker>,
        pace: &mut Pace,
    ) -> Result<Option<Vec<Record>>, Stopped> {
        loop {
            if self.drain.is_cancelled() {
                return Ok(None);
            }
            if let Ok(records) = self.batches.try_recv() {
                return Ok(Some(records));
            }
            let due = pace.next_call_at(&self.options);
            if due > Instant::now() {
                tokio::select! {
                    biased;
                    () = self.drain.cancelled() => return Ok(None),
                    records = self.batches.recv() => return Ok(records),
                    () = sleep_until(due) => {}
                }
            }
            let flow = if pace.unflushed.is_some() {
                self.flush(worker, pace).await?
            } else {
                self.tick(worker, pace).await?
            };
            if flow == Flow::Drain {
                return Ok(None);
            }
        }
    }

    async fn process(&self, worker: &mut Box<dyn Worker>, records: &[Record]) -> Result<Flow, Stopped> {
        let mut retry = Retry::new(self, Call::Process);
        loop {
            match worker.process(records).await {
                Ok(()) => {
                    retry.succeeded();
                    return Ok(Flow::Continue);
                }
                Err(failure) => {
                    if retry.wait(failure).await? == Flow::Drain {
                        return Ok(Flow::Drain);
                    }
                }
            }
        }
    }

    async fn flush(&self, worker: &mut Box<dyn Worker>, pace: &mut Pace) -> Result<Flow, Stopped> {
        let Some(Unflushed { next, records, .. }) = pace.unflushed else {
            return Ok(Flow::Continue);
        };
        let mut retry = Retry::new(self, Call::Flush);
        loop {
            let started = Instant::now();
            match worker.flush().await {
                Ok(()) => {
                    retry.succeeded();
                    pace.metrics.flush_seconds.record(started.elapsed());
                    pace.metrics.flushed_records.increment(records);
                    pace.flushed();
                    self.report(Event::Flushed { next }).await;
                    return Ok(Flow::Continue);
                }
                Err(failure) => {
                    if retry.wait(failure).await? == Flow::Drain {
                        pace.unflushed = None;
                        return Ok(Flow::Drain);
                    }
                }
            }
        }
    }

    async fn tick(&self, worker: &mut Box<dyn Worker>, pace: &mut Pace) -> Result<Flow, Stopped> {
        let mut retry = Retry::new(self, Call::Tick);
        loop {
            match worker.tick().await {
                Ok(()) => {
                    retry.succeeded();
                    pace.ticked = Instant::now();
                    return Ok(Flow::Continue);
                }
                Err(failure) => {
                    if retry.wait(failure).await? == Flow::Drain {
                        return Ok(Flow::Drain);
                    }
                }
            }
        }
    }

    async fn close(&self, worker: &mut Box<dyn Worker>) {
        if let Err(failure) = worker.close().await {
            let Task { partition, group, .. } = self;
            tracing::info!(%group, %partition, call = %Call::Close, %failure, "partition is given up as it is");
        }
    }

    async fn report(&self, event: Event) {
        let report = Report {
            partition: self.partition.clone(),
            assignment: self.assignment,
            event,
        };
        // The driver outlives its tasks; when it is being dropped nobody needs the report.
        let _ = self.reports.send(report).await;
    }
}

fn grown(before: Option<Unflushed>, records: &[Record]) -> Unflushed {
    let mut unflushed = before.unwrap_or_else(|| Unflushed {
        next: 0,
        records: 0,
        bytes: 0,
        since: Instant::now(),
    });
    unflushed.next = records
        .last()
        .map_or(unflushed.next, |record| record.offset.saturating_add(1));
    unflushed.records += records.len() as u64;
    unflushed.bytes += records.iter().map(Record::bytes).sum::<usize>();
    unflushed
}

/// The attempts of one call: logs when trouble begins and when it ends, and waits in between.
struct Retry<'a> {
    task: &'a Task,
    call: Call,
    attempts: u32,
    since: Instant,
}

impl<'a> Retry<'a> {
    fn new(task: &'a Task, call: Call) -> Self {
        Self {
            task,
            call,
            attempts: 0,
            since: Instant::now(),
        }
    }

    /// Waits for the next attempt, unless the failure is for good or the task is to drain.
    async fn wait(&mut self, failure: Failure) -> Result<Flow, Stopped> {
        let Task { partition, group, .. } = self.task;
        if failure.class() != Class::Transient {
            return Err(Stopped {
                call: self.call,
                failure,
            });
        }
        if self.attempts == 0 {
            tracing::warn!(%group, %partition, call = %self.call, %failure, "partition is held up");
        }
        metrics::counter!(
            definitions::RETRIES,
            "group" => group.to_string(), "topic" => partition.topic.to_string(), "call" => self.call.name(),
        )
        .increment(1);
        let delay: Duration = self.task.options.backoff.delay(self.attempts);
        self.attempts = self.attempts.saturating_add(1);
        tokio::select! {
            biased;
            () = self.task.drain.cancelled() => Ok(Flow::Drain),
            () = tokio::time::sleep(delay) => Ok(Flow::Continue),
        }
    }

    fn succeeded(&self) {
        if self.attempts > 0 {
            let Task { partition, group, .. } = self.task;
            let held_up_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(%group, %partition, call = %self.call, attempts = self.attempts, held_up_ms, "partition goes on");
        }
    }
}

struct Metrics {
    flushed_records: Counter,
    flush_seconds: Histogram,
}

impl Metrics {
    fn new(task: &Task) -> Self {
        let labels = [
            ("group", task.group.to_string()),
            ("topic", task.partition.topic.to_string()),
        ];
        Self {
            flushed_records: metrics::counter!(definitions::FLUSHED_RECORDS, &labels),
            flush_seconds: metrics::histogram!(definitions::FLUSH_SECONDS, &labels),
        }
    }
}

#[cfg(test)]
mod tests;
