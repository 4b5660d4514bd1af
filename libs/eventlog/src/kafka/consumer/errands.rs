//! What has to ask a broker and wait: commits, committed offsets, the bounds of a partition that can't be read, and
//! whether a topic is still there. A thread of its own does it, so that polling never waits.
//!
//! Only commits are ordered; everything else is what the membership does not know, tried until it does.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use tokio::sync::oneshot;

use super::context::Context;
use super::membership::{Doubt, Seek, Unknown};
use super::topics;
use super::trouble::Outage;
use crate::port::Error;
use crate::record::TopicPartition;

/// Errands that may wait. One commit is under way at a time, others were given up by who asked.
const MAX_WAITING: usize = 16;
/// A request that only wakes the client keeps the others from being made for at most so long.
const WAKE_TIMEOUT: Duration = Duration::from_millis(500);
/// Looks come when they are needed; this is for one that found no room.
const IDLE: Duration = Duration::from_secs(1);
/// How long to wait before asking again.
const AGAIN: Duration = Duration::from_millis(200);

pub(super) enum Errand {
    Commit {
        partition: TopicPartition,
        next: u64,
        answer: oneshot::Sender<Result<(), Error>>,
    },
    /// There is something to find out in the membership, or to wake the client for.
    Look,
}

/// Where errands are given.
#[derive(Clone)]
pub(super) struct Desk {
    errands: SyncSender<Errand>,
    /// Whether a look is on its way, so that looks leave room for commits.
    looking: Arc<AtomicBool>,
}

impl Desk {
    pub(super) fn new() -> (Self, Receiver<Errand>) {
        let (errands, errands_out) = sync_channel(MAX_WAITING);
        let desk = Self {
            errands,
            looking: Arc::default(),
        };
        (desk, errands_out)
    }

    /// Has the membership looked at, now or after what is being done.
    pub(super) fn look(&self) {
        if !self.looking.swap(true, Ordering::AcqRel) {
            // When there is no room, the thread looks after the next errand.
            let _ = self.errands.try_send(Errand::Look);
        }
    }

    /// Has an offset committed, unless too many commits wait.
    pub(super) fn commit(
        &self,
        partition: TopicPartition,
        next: u64,
    ) -> Result<oneshot::Receiver<Result<(), Error>>, Error> {
        let (answer, answered) = oneshot::channel();
        let errand = Errand::Commit {
            partition,
            next,
            answer,
        };
        match self.errands.try_send(errand) {
            Ok(()) => Ok(answered),
            Err(TrySendError::Full(_)) => Err(Error::Unavailable {
                reason: "too many commits wait for the brokers".to_owned(),
            }),
            Err(TrySendError::Disconnected(_)) => Err(Error::Closed),
        }
    }
}

pub(super) struct Errands {
    consumer: Arc<BaseConsumer<Context>>,
    timeout: Duration,
    outage: Outage,
}

impl Errands {
    pub(super) fn new(consumer: Arc<BaseConsumer<Context>>, timeout: Duration) -> Self {
        Self {
            consumer,
            timeout,
            outage: Outage::default(),
        }
    }

    /// Until the owner leaves.
    pub(super) fn run(mut self, errands: &Receiver<Errand>) {
        let mut wait = IDLE;
        loop {
            if let Ok(Errand::Commit {
                partition,
                next,
                answer,
            }) = errands.recv_timeout(wait)
                && !answer.is_closed()
            {
                // Who gives up waiting does not need the answer.
                let _ = answer.send(self.commit(&partition, next));
            }
            if self.context().shared.look(|membership| membership.is_leaving()) {
                return;
            }
            wait = if self.look() { IDLE } else { AGAIN };
        }
    }

    fn context(&self) -> &Context {
        self.consumer.context()
    }

    fn commit(&self, partition: &TopicPartition, next: u64) -> Result<(), Error> {
        // A broker takes a commit of any partition from any member.
        self.context()
            .shared
            .look(|membership| membership.may_commit(partition))?;
        let list = self.context().topics.list_at([(partition, topics::offset(next))]);
        self.consumer
            .commit(&list, CommitMode::Sync)
            .map_err(|error| self.context().failed("commit in", partition, &error))
    }

    /// A thread of the client that serves a broker sleeps for up to a second when there is nothing to fetch, and
    /// neither a seek nor the end of a pause wakes it. A request to its broker does, whatever comes of it.
    fn wake(&self, partitions: &BTreeSet<TopicPartition>) {
        let list = self
            .context()
            .topics
            .list_at(partitions.iter().map(|partition| (partition, Offset::End)));
        let _ = self.consumer.offsets_for_times(list, WAKE_TIMEOUT);
    }

    /// Asks for what the membership does not know, and answers whether it knows all now.
    fn look(&mut self) -> bool {
        // Before looking, so that what comes up meanwhile is looked at again.
        self.context().desk.looking.store(false, Ordering::Release);
        let (moved, unknown, stopped, doubts) = self.context().shared.look(|membership| {
            (
                membership.take_moved(),
                membership.unknown(),
                membership.unexplained(),
                membership.doubts(),
            )
        });
        if !moved.is_empty() {
            self.wake(&moved);
        }
        let mut done = unknown.is_empty() || self.find_committed(&unknown);
        for at in &stopped {
            done &= self.explain(at);
        }
        for (topic, doubt) in doubts {
            done &= self.resolve(&topic, doubt);
        }
        done
    }

    fn find_committed(&mut self, unknown: &[Unknown]) -> bool {
        let group = self.context().group.clone();
        let list = self
            .context()
            .topics
            .list(unknown.iter().map(|unknown| &unknown.partition));
        let list = match self.consumer.committed_offsets(list, self.timeout) {
            Ok(list) => list,
            Err(error) => return self.failed("look up what was committed by group", &group, &error),
        };
        let mut found = Vec::new();
        for element in list.elements() {
            if let Err(error) = element.error() {
                self.failed("look up what was committed by group", &group, &error);
                continue;
            }
            let partition = self
                .context()
                .topics
                .partition(element.topic(), element.partition());
            let of = unknown
                .iter()
                .find(|unknown| Some(&unknown.partition) == partition.as_ref());
            found.extend(of.map(|of| (of.clone(), known(element.offset()))));
        }
        let all = found.len() == unknown.len();
        self.worked();
        self.context()
            .shared
            .report(|membership| membership.committed(found));
        all
    }

    /// Finds out why a partition can't be read.
    fn explain(&mut self, at: &Seek) -> bool {
        let context = self.context();
        let (Some(topic), Ok(partition)) = (
            context.topics.wire(&at.partition.topic),
            i32::try_from(at.partition.partition),
        ) else {
            return true;
        };
        match self.consumer.fetch_watermarks(topic, partition, self.timeout) {
            Ok((start, end)) => {
                let error = Error::OffsetOutOfRange {
                    partition: at.partition.to_string(),
                    offset: at.offset,
                    start: u64::try_from(start).unwrap_or_default(),
                    end: u64::try_from(end).unwrap_or_default(),
                };
                context
                    .shared
                    .report(|membership| membership.explained(at, error));
                self.worked();
                true
            }
            Err(error) => self.failed("look up the bounds of", &at.partition, &error),
        }
    }

    /// Finds out whether a topic is there. One that was there and is not is gone; another may be new.
    fn resolve(&mut self, topic: &Arc<str>, doubt: Doubt) -> bool {
        let Context { shared, topics, .. } = self.context();
        let Some(wire) = topics.wire(topic) else {
            return true;
        };
        match topics::exists(&self.consumer, wire, self.timeout) {
            Ok(true) => {
                shared.report(|membership| membership.believe(topic));
                true
            }
            Ok(false) if doubt.held || doubt.since.elapsed() >= self.timeout => {
                shared.report(|membership| membership.gone(topic, "the topic was deleted"));
                true
            }
            Ok(false) => false,
            Err(error) => self.failed("look up", topic, &error),
        }
    }

    fn worked(&mut self) {
        self.outage.over();
        self.context().listener.works();
    }

    /// It is tried again; the owner is told once.
    fn failed(&mut self, verb: &'static str, to: &impl Display, error: &KafkaError) -> bool {
        if self.outage.begins(Instant::now()) {
            let error = self.context().failed(verb, to, error);
            self.context()
                .shared
                .report(|membership| membership.trouble(error));
        }
        false
    }
}

/// The offset of a commit, if there is one.
fn known(offset: Offset) -> Option<u64> {
    match offset {
        Offset::Offset(next) => u64::try_from(next).ok(),
        _ => None,
    }
}
