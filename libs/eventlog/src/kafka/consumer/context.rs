//! What the client calls back: rebalances, errors and its own log.
//!
//! All of it is called on the polling thread, from within a poll.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use super::errands::Desk;
use super::shared::Shared;
use super::topics::Topics;
use crate::kafka::connection::Listener;
use crate::kafka::error::Doing;
use crate::port::Error;

pub(super) struct Context {
    pub(super) shared: Arc<Shared>,
    pub(super) topics: Arc<Topics>,
    pub(super) revocation_budget: Duration,
    pub(super) desk: Desk,
    /// As services call it.
    pub(super) group: String,
    pub(super) listener: Listener,
}

impl Context {
    /// What the owner is told of a call that failed.
    pub(super) fn failed(&self, verb: &'static str, to: &impl Display, error: &KafkaError) -> Error {
        Doing { verb, to }.failed(error, self.listener.cause())
    }

    /// Takes the partitions, none of which is read before its first seek.
    fn assign(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let partitions = self.topics.partitions(list);
        // A logical offset would have the client look for a committed one, or reset.
        let from_start = self
            .topics
            .list_at(partitions.iter().map(|partition| (partition, Offset::Offset(0))));
        // Once before, for those the client knows, so that it does not begin to fetch; once after, for the others.
        let early = consumer.pause(&from_start);
        let assigned = consumer
            .incremental_assign(&from_start)
            .and(early)
            .and_then(|()| consumer.pause(&from_start));
        match assigned {
            Ok(()) => self.shared.look(|membership| membership.assigned(partitions)),
            Err(error) => self.refused("assign", &error),
        }
        self.desk.look();
    }

    /// Has the partitions drained, unless there is nothing to wait for. What is drained is given up by the poller.
    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let partitions = self.topics.partitions(list);
        let is_lost = consumer.assignment_lost();
        let drain = self.shared.report(|membership| {
            let drain = !is_lost && !membership.is_leaving();
            if drain {
                membership.revoked(partitions, Instant::now() + self.revocation_budget);
            } else {
                membership.lost(&partitions);
            }
            drain
        });
        if !drain {
            self.give_up(consumer, list);
        }
    }

    /// Tells the client that these can be somebody else's.
    pub(super) fn give_up(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        if let Err(error) = consumer.incremental_unassign(list) {
            self.refused("unassign", &error);
        }
    }

    /// The client does not change its assignment although it has to. When it is closing it may.
    fn refused(&self, call: &'static str, error: &KafkaError) {
        if !self.shared.look(|membership| membership.is_leaving()) {
            tracing::error!(call, %error, "kafka client refused a change of its assignment");
            self.shared.report(|membership| membership.fail(Error::Closed));
        }
    }

    /// A topic that was deleted and made again has another id. The client reads on in the new one where it was in
    /// the old one, and mentions it only here, before it fetches anything from it.
    fn made_anew(&self, message: &str) {
        let Some(wire) = changed_id(message) else { return };
        let Some(topic) = self.topics.iter().find(|topic| topic.wire == wire) else {
            return;
        };
        self.shared
            .report(|membership| membership.gone(&topic.name, "the topic was deleted and made anew"));
    }
}

/// The topic of which the client says that its id changed, if this is what it says. An id of zeros is none.
fn changed_id(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("Topic ")?;
    let (topic, rest) = rest.split_once(" changed id from ")?;
    let (from, _to) = rest.split_once(" to ")?;
    (!from.bytes().all(|byte| byte == b'A')).then_some(topic)
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Debug => self.made_anew(message),
            _ => self.listener.log(level, facility, message),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.listener.error(error, reason);
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.assign(consumer, list);
        } else {
            self.revoke(consumer, list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_id_is_told_from_a_first_one() {
        let changed = "[thrd:main]: Topic events.accepted changed id from d0Ez41sZTP6u0Rf8OgpTSg to 3F2oKXyqRlyHEw2wQxyM8w";
        assert_eq!(changed_id(changed), Some("events.accepted"));
        let first =
            "[thrd:main]: Topic events changed id from AAAAAAAAAAAAAAAAAAAAAA to 3F2oKXyqRlyHEw2wQxyM8w";
        assert_eq!(changed_id(first), None);
        assert_eq!(changed_id("[thrd:main]: Topic events [2] Leader 1 Epoch 0"), None);
    }
}
