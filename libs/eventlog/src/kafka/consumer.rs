//! Members of groups.
//!
//! The client is polled by a thread of its own ([`poller`]); what has to ask a broker and wait is done by another
//! ([`errands`]). Both meet the owner, which is asynchronous, in a [`membership`] under a lock: a plain value that
//! knows what is held, what is to be read from where, and what the owner is told next.
//!
//! - A partition is kept back at the client from its assignment to its first seek, and what the client may have
//!   fetched before a seek is dropped.
//! - A revoked partition is the client's until it is released or the revocation budget is over. Until then the
//!   group waits, and the other partitions of this member rest: the client reads nothing during a rebalance.
//! - Memory has a bound: [`Config::fetch_ahead_bytes`] over all partitions, and the fetch that is on its way.
//! - Nothing is reset: an offset that is not in the log, a topic that is gone, and one that was made anew under the
//!   same name are errors.
//!
//! Dropping a member leaves the group in the background. A runtime that ends waits for that, but not for long.

mod context;
pub(super) mod decode;
mod errands;
mod membership;
mod poller;
mod settings;
mod shared;
mod topics;
mod trouble;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use self::context::Context;
use self::errands::{Desk, Errands};
use self::poller::Poller;
use self::shared::Shared;
use self::topics::{Topic, Topics};
use super::config::Config;
use super::connection::{Listener, Names, client_config};
use crate::port::{Consumer, Error, Notice};
use crate::record::TopicPartition;

/// How long the end of a runtime waits for a member to leave its group.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// One member of a group.
struct Member {
    shared: Arc<Shared>,
    desk: Desk,
    timeout: Duration,
    /// Ends when both threads have.
    threads: Option<Receiver<()>>,
}

/// Joins `group`, which shares the partitions of `topics` among its members.
pub(super) async fn join(config: &Config, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, Error> {
    let names = Names::new(config);
    let topics = topics.iter().map(|name| Topic {
        name: (*name).into(),
        wire: names.topic(name),
    });
    let joining = Joining {
        client: settings::for_member(client_config(config), config, &names.group(group)),
        config: config.clone(),
        group: group.to_owned(),
        topics: Topics::new(topics.collect()),
    };
    match spawn_blocking(|| joining.join()).await {
        Ok(member) => Ok(Box::new(member?)),
        Err(_stopping) => Err(Error::Closed),
    }
}

/// What it takes to become a member.
struct Joining {
    client: ClientConfig,
    config: Config,
    /// As services call it.
    group: String,
    topics: Topics,
}

impl Joining {
    /// Blocks until brokers have answered whether the topics are there.
    fn join(self) -> Result<Member, Error> {
        let Self {
            client,
            config,
            group,
            topics,
        } = self;
        let topics = Arc::new(topics);
        let shared = Arc::new(Shared::new(settings::bounds(&config)));
        let (desk, errands) = Desk::new();
        let context = Context {
            shared: shared.clone(),
            topics: topics.clone(),
            revocation_budget: config.revocation_budget,
            desk: desk.clone(),
            group,
            listener: Listener::default(),
        };
        let consumer: BaseConsumer<Context> = client
            .create_with_context(context)
            .map_err(|error| unavailable("make a client of kafka", &error))?;
        for topic in topics.iter() {
            let exists = topics::exists(&consumer, &topic.wire, config.request_timeout)
                .map_err(|error| consumer.context().failed("look up", &topic.name, &error))?;
            if !exists {
                let partition = topic.name.to_string();
                return Err(Error::UnknownPartition { partition });
            }
        }
        let wire: Vec<_> = topics.iter().map(|topic| topic.wire.as_str()).collect();
        consumer
            .subscribe(&wire)
            .map_err(|error| unavailable("subscribe", &error))?;
        let consumer = Arc::new(consumer);
        // Neither thread sends anything; the channel closes when both are gone.
        let (alive, threads) = sync_channel(0);
        let poller = Poller::new(consumer.clone(), config.delivery_bytes);
        let others = Errands::new(consumer, config.request_timeout);
        spawn("kafka-errands", shared.clone(), alive.clone(), move || {
            others.run(&errands);
        })?;
        spawn("kafka-poller", shared.clone(), alive, move || poller.run())?;
        Ok(Member {
            shared,
            desk,
            timeout: config.request_timeout,
            threads: Some(threads),
        })
    }
}

fn unavailable(call: &str, error: &KafkaError) -> Error {
    Error::Unavailable {
        reason: format!("can't {call}: {error}"),
    }
}

/// Runs a thread of a member. When one ends, even by a panic, the owner hears of it.
fn spawn(
    name: &str,
    shared: Arc<Shared>,
    alive: SyncSender<()>,
    run: impl FnOnce() + Send + 'static,
) -> Result<(), Error> {
    let ended = Ended {
        shared,
        _alive: alive,
    };
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _ended = ended;
        run();
    });
    match spawned {
        Ok(_detached) => Ok(()),
        Err(error) => Err(Error::Unavailable {
            reason: format!("can't start a thread: {error}"),
        }),
    }
}

struct Ended {
    shared: Arc<Shared>,
    _alive: SyncSender<()>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.shared.report(|membership| {
            // Without one of them the other is of no use.
            membership.leave();
            membership.end();
        });
    }
}

#[async_trait]
impl Consumer for Member {
    async fn next(&mut self) -> Result<Notice, Error> {
        loop {
            if let Some(taken) = self.shared.order(membership::Membership::take) {
                return taken;
            }
            self.shared.news().await;
        }
    }

    fn seek(&mut self, partition: &TopicPartition, offset: u64) -> Result<(), Error> {
        let offset = within_bounds(partition, offset)?;
        self.shared.order(|membership| membership.seek(partition, offset))
    }

    fn pause(&mut self, partition: &TopicPartition) -> Result<(), Error> {
        self.shared.order(|membership| membership.pause(partition, true))
    }

    fn resume(&mut self, partition: &TopicPartition) -> Result<(), Error> {
        self.shared.order(|membership| membership.pause(partition, false))
    }

    async fn commit(&mut self, partition: &TopicPartition, next: u64) -> Result<(), Error> {
        let next = within_bounds(partition, next)?;
        self.shared.look(|membership| membership.may_commit(partition))?;
        let answered = self.desk.commit(partition.clone(), next)?;
        let error = match timeout(self.timeout, answered).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => error,
            Ok(Err(_gone)) => Error::Closed,
            Err(_elapsed) => Error::Unavailable {
                reason: format!(
                    "a commit was not acknowledged within {} ms",
                    self.timeout.as_millis()
                ),
            },
        };
        // It may have failed because the partition is another's by now.
        self.shared.look(|membership| membership.may_commit(partition))?;
        Err(error)
    }

    fn release(&mut self, partitions: &[TopicPartition]) {
        self.shared.order(|membership| membership.release(partitions));
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.shared.order(membership::Membership::leave);
        self.desk.look();
        if let (Ok(runtime), Some(threads)) = (tokio::runtime::Handle::try_current(), self.threads.take()) {
            // A process that ends at once would be a member until its session times out.
            runtime.spawn_blocking(move || threads.recv_timeout(LEAVE_TIMEOUT));
        }
    }
}

/// The brokers count with a sign.
fn within_bounds(partition: &TopicPartition, offset: u64) -> Result<u64, Error> {
    match i64::try_from(offset) {
        Ok(_) => Ok(offset),
        Err(_) => Err(Error::OffsetOutOfRange {
            partition: partition.to_string(),
            offset,
            start: 0,
            end: i64::MAX.unsigned_abs(),
        }),
    }
}
