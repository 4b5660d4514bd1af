//! The driver: the one place that talks to the consumer. It hands batches to the tasks, keeps the ledgers,
//! commits, pauses and drains.
//!
//! It always goes on calling [`Consumer::next`] and never waits for a task.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use metrics::Gauge;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::task::{Event, Report, Stopped, Task};
use super::{Error, Options, Processor};
use crate::ledger::Ledger;
use crate::metric_definitions as definitions;
use crate::port::{self, Class, Consumer, Notice};
use crate::record::{Record, TopicPartition};

/// Deliveries that may wait for a task, however small they are.
const MAX_BATCHES: usize = 256;
/// Reports that may wait for the driver; tasks wait when there are more.
const MAX_REPORTS: usize = 64;
/// Longer waits are not told from this.
const MAX_WAIT: Duration = Duration::from_hours(24);

pub(super) struct Driver {
    consumer: Box<dyn Consumer>,
    group: Arc<str>,
    processor: Arc<dyn Processor>,
    options: Options,
    slots: HashMap<TopicPartition, Slot>,
    tasks: JoinSet<Result<(), Stopped>>,
    /// Which assignment a task belongs to, also of those aborted and not yet gone.
    owners: HashMap<Id, (TopicPartition, u64)>,
    assignments: u64,
    reports: Receiver<Report>,
    report_to: Sender<Report>,
    draining: bool,
    commits: Trouble,
    notices: Trouble,
    assigned_partitions: Gauge,
    outstanding_bytes: Gauge,
}

/// One assigned partition.
struct Slot {
    assignment: u64,
    ledger: Ledger,
    committed: u64,
    batches: Sender<Vec<Record>>,
    paused: bool,
    drain: CancellationToken,
    drain_by: Option<Instant>,
    abort: AbortHandle,
}

/// Transient failures in a row, and when the next attempt is due.
#[derive(Default)]
struct Trouble {
    attempts: u32,
    retry_at: Option<Instant>,
}

impl Driver {
    pub(super) fn new(
        consumer: Box<dyn Consumer>,
        group: &str,
        processor: Arc<dyn Processor>,
        options: Options,
    ) -> Self {
        let (report_to, reports) = mpsc::channel(MAX_REPORTS);
        let label = [("group", group.to_owned())];
        Self {
            consumer,
            group: group.into(),
            processor,
            options,
            slots: HashMap::new(),
            tasks: JoinSet::new(),
            owners: HashMap::new(),
            assignments: 0,
            reports,
            report_to,
            draining: false,
            commits: Trouble::default(),
            notices: Trouble::default(),
            assigned_partitions: metrics::gauge!(definitions::ASSIGNED_PARTITIONS, &label),
            outstanding_bytes: metrics::gauge!(definitions::OUTSTANDING_BYTES, &label),
        }
    }

    /// Runs until everything is drained, or the first failure.
    pub(super) async fn drive(&mut self, shutdown: &CancellationToken) -> Result<(), Error> {
        while !(self.draining && self.slots.is_empty()) {
            let deadline = self.deadline();
            let next_at = self.notices.retry_at;
            tokio::select! {
                () = shutdown.cancelled(), if !self.draining => self.drain_everything(),
                Some(report) = self.reports.recv() => {
                    self.take(report)?;
                    self.settle().await?;
                }
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended).await?,
                () = at(deadline) => self.overdue().await?,
                notice = next(&mut *self.consumer, next_at) => self.notice(notice)?,
            }
            self.publish();
        }
        Ok(())
    }

    /// Begins to drain every partition. [`Self::drive`] then ends when that is done.
    pub(super) fn drain_everything(&mut self) {
        self.draining = true;
        let partitions: Vec<_> = self.slots.keys().cloned().collect();
        for partition in &partitions {
            // Fewer records to throw away. When it fails they are thrown away all the same.
            let _ = self.consumer.pause(partition);
        }
        self.drain(&partitions);
    }

    fn drain(&mut self, partitions: &[TopicPartition]) {
        let drain_by = after(self.options.drain_within);
        for partition in partitions {
            match self.slots.get_mut(partition) {
                Some(slot) => {
                    slot.drain.cancel();
                    slot.drain_by.get_or_insert(drain_by);
                }
                None => self.consumer.release(std::slice::from_ref(partition)),
            }
        }
    }

    fn notice(&mut self, notice: Result<Notice, port::Error>) -> Result<(), Error> {
        match notice {
            Ok(notice) => {
                self.notices.over("next", &self.group);
                match notice {
                    Notice::Assigned(partitions) => self.assigned(partitions),
                    Notice::Revoked(partitions) => self.drain(&partitions),
                    Notice::Lost(partitions) => self.lost(&partitions),
                    Notice::Records(partition, records) => self.records(partition, records)?,
                }
                Ok(())
            }
            Err(error) if error.class() == Class::Transient => {
                self.notices.again("next", &self.group, &self.options, &error);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn assigned(&mut self, partitions: Vec<(TopicPartition, Option<u64>)>) {
        if self.draining {
            // Leaving the group gives them back.
            return;
        }
        for (partition, committed) in partitions {
            self.assignments += 1;
            let (batches, batches_out) = mpsc::channel(MAX_BATCHES);
            let drain = CancellationToken::new();
            let task = Task {
                group: self.group.clone(),
                partition: partition.clone(),
                assignment: self.assignments,
                committed,
                processor: self.processor.clone(),
                options: self.options,
                batches: batches_out,
                reports: self.report_to.clone(),
                drain: drain.clone(),
            };
            let abort = self.tasks.spawn(task.run());
            self.owners
                .insert(abort.id(), (partition.clone(), self.assignments));
            let slot = Slot {
                assignment: self.assignments,
                ledger: Ledger::new(0),
                committed: 0,
                batches,
                paused: false,
                drain,
                drain_by: None,
                abort,
            };
            tracing::info!(group = %self.group, %partition, committed, "partition is assigned");
            if let Some(before) = self.slots.insert(partition, slot) {
                before.abort.abort();
            }
        }
    }

    fn lost(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            if let Some(slot) = self.slots.remove(partition) {
                slot.abort.abort();
                tracing::warn!(group = %self.group, %partition, "partition is lost");
            }
        }
    }

    fn records(&mut self, partition: TopicPartition, records: Vec<Record>) -> Result<(), Error> {
        let Some(slot) = self
            .slots
            .get_mut(&partition)
            .filter(|slot| slot.drain_by.is_none())
        else {
            return Ok(());
        };
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return Ok(());
        };
        let range = first.offset..last.offset.saturating_add(1);
        let bytes = records.iter().map(Record::bytes).sum();
        if let Err(source) = slot.ledger.charge_range(range, records.len(), bytes) {
            return Err(Error::Ledger { partition, source });
        }
        if let Err(TrySendError::Full(_)) = slot.batches.try_send(records) {
            return Err(Error::DeliveredInPause { partition });
        }
        // A task that is gone is seen as it is joined.
        let behind = slot.ledger.outstanding_bytes() >= self.options.read_ahead_bytes;
        if !slot.paused && (behind || slot.batches.capacity() == 0) {
            unless_gone(self.consumer.pause(&partition))?;
            slot.paused = true;
            metrics::counter!(
                definitions::PAUSES,
                "group" => self.group.to_string(), "topic" => partition.topic.to_string(),
            )
            .increment(1);
        }
        Ok(())
    }

    fn take(&mut self, report: Report) -> Result<(), Error> {
        let Report {
            partition,
            assignment,
            event,
        } = report;
        let Some(slot) = self
            .slots
            .get_mut(&partition)
            .filter(|slot| slot.assignment == assignment)
        else {
            return Ok(());
        };
        match event {
            Event::Ready { start } => {
                slot.ledger = Ledger::new(start);
                slot.committed = start;
                if slot.drain_by.is_none() {
                    unless_gone(self.consumer.seek(&partition, start))?;
                }
            }
            Event::Flushed { next } => {
                if let Err(source) = slot.ledger.complete_before(next) {
                    return Err(Error::Ledger { partition, source });
                }
                // Half of the bounds, so that a partition isn't paused and resumed with every batch.
                let room = slot.ledger.outstanding_bytes() <= self.options.read_ahead_bytes / 2
                    && slot.batches.capacity() >= MAX_BATCHES / 2;
                if slot.paused && slot.drain_by.is_none() && room {
                    unless_gone(self.consumer.resume(&partition))?;
                    slot.paused = false;
                }
            }
        }
        Ok(())
    }

    /// Takes what else was reported, then commits every frontier that moved: one commit for many flushes.
    async fn settle(&mut self) -> Result<(), Error> {
        while let Ok(report) = self.reports.try_recv() {
            self.take(report)?;
        }
        if self.commits.retry_at.is_some_and(|at| at > Instant::now()) {
            return Ok(());
        }
        self.commits.retry_at = None;
        let moved: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.ledger.frontier() > slot.committed)
            .map(|(partition, slot)| (partition.clone(), slot.ledger.frontier()))
            .collect();
        for (partition, frontier) in moved {
            if !self.commit(&partition, frontier).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether the log takes commits now.
    async fn commit(&mut self, partition: &TopicPartition, frontier: u64) -> Result<bool, Error> {
        match self.consumer.commit(partition, frontier).await {
            Ok(()) => {
                self.commits.over("commit", &self.group);
                if let Some(slot) = self.slots.get_mut(partition) {
                    slot.committed = frontier;
                }
                Ok(true)
            }
            // It was taken away; the notice is on its way.
            Err(port::Error::NotAssigned { .. }) => Ok(true),
            Err(error) if error.class() == Class::Transient => {
                self.commits.again("commit", &self.group, &self.options, &error);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn ended(&mut self, ended: Result<(Id, Result<(), Stopped>), JoinError>) -> Result<(), Error> {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, Ok(outcome)),
            Err(error) => (error.id(), Err(error)),
        };
        let Some((partition, assignment)) = self.owners.remove(&id) else {
            return Ok(());
        };
        match outcome {
            Ok(Ok(())) => self.drained(&partition, assignment).await,
            Ok(Err(Stopped { call, failure })) => {
                self.drop_slot(&partition, assignment);
                Err(Error::Worker {
                    partition,
                    call,
                    failure,
                })
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => {
                    self.drop_slot(&partition, assignment);
                    Err(Error::Panicked {
                        partition,
                        message: panic_message(&*panic),
                    })
                }
                Err(_aborted) => Ok(()),
            },
        }
    }

    async fn drained(&mut self, partition: &TopicPartition, assignment: u64) -> Result<(), Error> {
        // Its last report came before its end.
        self.settle().await?;
        if self.drop_slot(partition, assignment) {
            self.consumer.release(std::slice::from_ref(partition));
            self.count_drain("completed");
            tracing::info!(group = %self.group, %partition, "partition is drained");
        }
        Ok(())
    }

    async fn overdue(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        let overdue: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.drain_by.is_some_and(|by| by <= now))
            .map(|(partition, _)| partition.clone())
            .collect();
        for partition in overdue {
            if let Some(slot) = self.slots.remove(&partition) {
                slot.abort.abort();
                tracing::warn!(group = %self.group, %partition, "partition did not drain in time");
                self.consumer.release(&[partition]);
                self.count_drain("aborted");
            }
        }
        self.settle().await
    }

    fn drop_slot(&mut self, partition: &TopicPartition, assignment: u64) -> bool {
        let current = self
            .slots
            .get(partition)
            .is_some_and(|slot| slot.assignment == assignment);
        if current {
            self.slots.remove(partition);
        }
        current
    }

    fn deadline(&self) -> Option<Instant> {
        self.slots
            .values()
            .filter_map(|slot| slot.drain_by)
            .chain(self.commits.retry_at)
            .min()
    }

    fn count_drain(&self, outcome: &'static str) {
        metrics::counter!(definitions::DRAINS, "group" => self.group.to_string(), "outcome" => outcome)
            .increment(1);
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge of bytes")]
    fn publish(&self) {
        let bytes: usize = self
            .slots
            .values()
            .map(|slot| slot.ledger.outstanding_bytes())
            .sum();
        self.assigned_partitions.set(self.slots.len() as f64);
        self.outstanding_bytes.set(bytes as f64);
    }
}

impl Trouble {
    fn again(&mut self, call: &'static str, group: &str, options: &Options, error: &port::Error) {
        if self.attempts == 0 {
            tracing::warn!(group, call, %error, "log is in trouble");
        }
        metrics::counter!(definitions::RETRIES, "group" => group.to_owned(), "topic" => "", "call" => call)
            .increment(1);
        self.retry_at = Some(after(options.backoff.delay(self.attempts)));
        self.attempts = self.attempts.saturating_add(1);
    }

    fn over(&mut self, call: &'static str, group: &str) {
        if self.attempts > 0 {
            tracing::warn!(group, call, attempts = self.attempts, "log works again");
        }
        *self = Self::default();
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

async fn next(consumer: &mut dyn Consumer, not_before: Option<Instant>) -> Result<Notice, port::Error> {
    if let Some(not_before) = not_before {
        sleep_until(not_before).await;
    }
    consumer.next().await
}

fn after(wait: Duration) -> Instant {
    Instant::now() + wait.min(MAX_WAIT)
}

/// No error when the partition was taken away: the notice of that is on its way.
fn unless_gone(result: Result<(), port::Error>) -> Result<(), port::Error> {
    match result {
        Err(port::Error::NotAssigned { .. }) => Ok(()),
        other => other,
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
