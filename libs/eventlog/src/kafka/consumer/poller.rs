//! The thread that polls the client: carries records into the membership, and orders to the client.
//!
//! It never waits for a broker, and for the owner only briefly: when the backlog is full for longer, everything is
//! kept back at the client and the thread polls on, so that a stalled owner does not lose the membership.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, TopicPartitionList};

use super::context::Context;
use super::decode::Decoder;
use super::membership::{Membership, Plan, Seek};
use super::topics::{self, Topics};
use super::trouble::{Meaning, Outage};
use crate::port::Error;
use crate::record::{Record, TopicPartition};

/// An order waits at most this long while nothing arrives.
const IDLE: Duration = Duration::from_millis(5);
/// A full backlog keeps the thread from polling for at most so long: a pause makes the client fetch again.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long the client may take to answer what it does by itself.
const SEEK_TIMEOUT: Duration = Duration::from_secs(1);
/// A partition in which the client can't seek for so long is assigned anew.
const STUCK: Duration = Duration::from_secs(2);

pub(super) struct Poller {
    consumer: Arc<BaseConsumer<Context>>,
    delivery_bytes: usize,
    decoder: Decoder,
    gathered: Option<Gathered>,
    outage: Outage,
    full_since: Option<Instant>,
    /// Since when the client can't seek.
    stuck: HashMap<TopicPartition, Instant>,
    /// The client has stopped reading a partition, and it is not known which.
    searching: bool,
}

/// Records of one partition that follow each other.
struct Gathered {
    partition: TopicPartition,
    wire_partition: i32,
    records: Vec<Record>,
    bytes: usize,
}

/// Whether to go on with what the client has, or to look at the orders first.
#[derive(PartialEq, Eq)]
enum Flow {
    Continue,
    Look,
}

impl Poller {
    pub(super) fn new(consumer: Arc<BaseConsumer<Context>>, delivery_bytes: usize) -> Self {
        Self {
            consumer,
            delivery_bytes,
            decoder: Decoder::default(),
            gathered: None,
            outage: Outage::default(),
            full_since: None,
            stuck: HashMap::new(),
            searching: false,
        }
    }

    /// Until the owner leaves. What is revoked then is given up, so that the client can close.
    pub(super) fn run(mut self) {
        // A copy of the handle, so that records can borrow from the client while the rest is changed.
        let consumer = self.consumer.clone();
        while !self.context().shared.look(|membership| membership.is_leaving()) {
            self.give_back();
            self.find_stopped();
            self.carry_orders();
            if self.has_room() {
                self.poll(&consumer);
            }
        }
        self.give_back();
    }

    fn context(&self) -> &Context {
        self.consumer.context()
    }

    /// Gives up what was revoked and is drained, or can't be drained any more.
    fn give_back(&self) {
        let shared = &self.context().shared;
        let Some(draining) = shared.look(|membership| membership.draining()) else {
            return;
        };
        let is_lost = self.consumer.assignment_lost();
        let drained = shared.report(|membership| {
            if is_lost {
                membership.lost(&draining);
            }
            membership.given_back(Instant::now())
        });
        if let Some(partitions) = drained {
            let list = self.context().topics.list(&partitions);
            self.context().give_up(&self.consumer, &list);
        }
    }

    /// Tells the client where to go on, and what to keep back.
    fn carry_orders(&mut self) {
        let seeks = self.context().shared.look(|membership| membership.seeks());
        self.stuck
            .retain(|partition, _| seeks.iter().any(|seek| seek.partition == *partition));
        self.seek(&seeks);
        let (Plan { pause, resume }, moved) = self
            .context()
            .shared
            .look(|membership| (membership.plan(), membership.has_moved()));
        let topics = &self.context().topics;
        let paused = call_for(&pause, |list| self.consumer.pause(list), topics);
        let resumed = call_for(&resume, |list| self.consumer.resume(list), topics);
        if let Err(error) = paused.and(resumed) {
            tracing::error!(%error, "kafka client refused to pause or resume");
            self.report(|membership| membership.fail(Error::Closed));
        }
        if moved {
            self.context().desk.look();
        }
    }

    fn seek(&mut self, seeks: &[Seek]) {
        let (anew, known): (Vec<_>, Vec<_>) = seeks.iter().partition(|seek| seek.stopped);
        for (seek, done) in self.try_seek(&known).unwrap_or_default() {
            if done {
                self.context().shared.look(|membership| membership.sought(seek));
            } else if self
                .stuck
                .entry(seek.partition.clone())
                .or_insert_with(Instant::now)
                .elapsed()
                >= STUCK
            {
                self.assign_anew(seek);
            }
        }
        for seek in anew {
            self.assign_anew(seek);
        }
    }

    /// Whether the client went there, for each. It does not while it has yet to start reading a partition. None when
    /// it did not say.
    fn try_seek<'a>(&self, seeks: &[&'a Seek]) -> Option<Vec<(&'a Seek, bool)>> {
        if seeks.is_empty() {
            return Some(Vec::new());
        }
        let topics = &self.context().topics;
        let list = topics.list_at(
            seeks
                .iter()
                .map(|seek| (&seek.partition, topics::offset(seek.offset))),
        );
        let list = self.consumer.seek_partitions(list, SEEK_TIMEOUT).ok()?;
        let mut done = Vec::new();
        for element in list.elements() {
            let partition = topics.partition(element.topic(), element.partition());
            let seek = seeks
                .iter()
                .find(|seek| Some(&seek.partition) == partition.as_ref());
            done.extend(seek.map(|seek| (*seek, element.error().is_ok())));
        }
        Some(done)
    }

    /// The client does not say which partition it stopped reading: it is the one in which it can't seek.
    fn find_stopped(&mut self) {
        if !self.searching {
            return;
        }
        let positions = self.context().shared.look(|membership| membership.positions());
        let positions: Vec<_> = positions.iter().collect();
        let Some(found) = self.try_seek(&positions) else {
            return;
        };
        self.searching = false;
        for (at, reads) in found {
            if !reads {
                self.report(|membership| membership.stopped(at));
            }
        }
        self.context().desk.look();
    }

    /// Has the client start a partition again that it gave up.
    fn assign_anew(&mut self, seek: &Seek) {
        let draining = self.context().shared.look(|membership| membership.draining());
        if draining.is_some() || self.consumer.assignment_lost() {
            // In a rebalance the client takes any change of its assignment for the answer that it waits for.
            return;
        }
        self.stuck.remove(&seek.partition);
        let topics = &self.context().topics;
        let list = topics.list_at([(&seek.partition, topics::offset(seek.offset))]);
        let assigned = self
            .consumer
            .incremental_unassign(&list)
            .and_then(|()| self.consumer.incremental_assign(&list));
        match assigned {
            Ok(()) => self.context().shared.look(|membership| membership.sought(seek)),
            Err(error) => {
                tracing::error!(partition = %seek.partition, %error, "kafka client refused to start a partition again");
                self.context()
                    .shared
                    .report(|membership| membership.fail(Error::Closed));
            }
        }
    }

    /// Whether to poll. Waits for the owner to make room, and after a while has everything kept back instead.
    fn has_room(&mut self) -> bool {
        let shared = self.context().shared.clone();
        let poll = shared.look(|membership| {
            if membership.has_room() {
                // What was kept back is let go by the next orders.
                membership.stall(false);
            }
            membership.has_room() || membership.is_stalled()
        });
        if poll {
            self.full_since = None;
            return true;
        }
        let full_for = self.full_since.get_or_insert_with(Instant::now).elapsed();
        match PATIENCE.checked_sub(full_for) {
            Some(left) => shared.wait_for_orders(left),
            None => shared.look(|membership| membership.stall(true)),
        }
        false
    }

    /// Takes what the client has, or waits a little for something.
    fn poll(&mut self, consumer: &BaseConsumer<Context>) {
        let mut polled = consumer.poll(IDLE);
        while let Some(event) = polled {
            if self.take(event) == Flow::Look {
                break;
            }
            polled = consumer.poll(Duration::ZERO);
        }
        self.hand_over();
    }

    fn take(&mut self, event: Result<BorrowedMessage<'_>, KafkaError>) -> Flow {
        match event {
            Ok(message) => self.gather(&message),
            Err(error) => {
                self.hand_over();
                self.handle(&error);
                Flow::Look
            }
        }
    }

    fn gather(&mut self, message: &BorrowedMessage<'_>) -> Flow {
        self.outage.over();
        let mut flow = Flow::Continue;
        if self
            .gathered
            .as_ref()
            .is_some_and(|gathered| !self.continues(gathered, message))
        {
            flow = self.hand_over();
        }
        let record = match self.decoder.record(message) {
            Ok(record) => record,
            Err(undecodable) => {
                let partition = format!("{}/{}", message.topic(), message.partition());
                self.corrupt(partition, undecodable.what);
                return Flow::Look;
            }
        };
        if self.gathered.is_none() {
            let topics = &self.context().topics;
            let Some(partition) = topics.partition(message.topic(), message.partition()) else {
                return flow;
            };
            self.gathered = Some(Gathered {
                partition,
                wire_partition: message.partition(),
                records: Vec::new(),
                bytes: 0,
            });
        }
        if let Some(gathered) = &mut self.gathered {
            gathered.bytes += record.bytes();
            gathered.records.push(record);
        }
        flow
    }

    /// Whether a message belongs to the delivery that is being gathered.
    fn continues(&self, gathered: &Gathered, message: &BorrowedMessage<'_>) -> bool {
        let bytes = message.payload_len() + message.key_len();
        gathered.wire_partition == message.partition()
            && gathered.bytes + bytes <= self.delivery_bytes
            && self.context().topics.wire(&gathered.partition.topic) == Some(message.topic())
    }

    fn hand_over(&mut self) -> Flow {
        let Some(Gathered {
            partition, records, ..
        }) = self.gathered.take()
        else {
            return Flow::Continue;
        };
        self.context().shared.report(|membership| {
            membership.offer(&partition, records);
            if membership.is_dirty() || !membership.has_room() || membership.is_leaving() {
                Flow::Look
            } else {
                Flow::Continue
            }
        })
    }

    fn handle(&mut self, error: &KafkaError) {
        match Meaning::of(error) {
            Meaning::Nothing => {}
            Meaning::Outage => {
                if self.outage.begins(Instant::now()) {
                    self.trouble(error);
                }
            }
            Meaning::Passing => self.trouble(error),
            Meaning::OutOfRange => self.searching = true,
            Meaning::Gone => self.doubt(),
            Meaning::Corrupt => {
                let what = self.context().listener.cause();
                let partition = format!("a partition that {} reads", self.context().group);
                self.corrupt(partition, what.unwrap_or_else(|| error.to_string()));
            }
            Meaning::Fatal => {
                tracing::error!(%error, "kafka client can't be used any more");
                self.report(|membership| membership.fail(Error::Closed));
            }
        }
    }

    fn trouble(&self, error: &KafkaError) {
        let error = self
            .context()
            .failed("read with group", &self.context().group, error);
        self.report(|membership| membership.trouble(error));
    }

    fn report(&self, change: impl FnOnce(&mut Membership)) {
        self.context().shared.report(change);
    }

    fn doubt(&self) {
        let now = Instant::now();
        self.report(|membership| {
            for topic in self.context().topics.iter() {
                membership.doubt(&topic.name, now);
            }
        });
        self.context().desk.look();
    }

    fn corrupt(&self, partition: impl Into<String>, what: String) {
        let partition = partition.into();
        self.report(|membership| membership.fail(Error::Corrupt { partition, what }));
    }
}

/// A call of the client for some partitions, unless there are none.
fn call_for(
    partitions: &[TopicPartition],
    call: impl FnOnce(&TopicPartitionList) -> KafkaResult<()>,
    topics: &Topics,
) -> KafkaResult<()> {
    if partitions.is_empty() {
        return Ok(());
    }
    call(&topics.list(partitions))
}
