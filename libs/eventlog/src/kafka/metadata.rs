//! What the brokers say of topics: how many partitions they have, and which offsets.
//!
//! The client's calls block, so they run on threads that may; how many at a time has a bound, and every answer comes
//! within the request timeout.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::config::Config;
use super::connection::{Listener, Names, client_config};
use super::error::{Doing, code, is_unknown};
use crate::port::{Bounds, Error};
use crate::record::TopicPartition;

/// Questions that may be open at a time.
const MAX_OPEN: usize = 16;
/// A topic that was just made is not known to all brokers at once: an unknown one is asked for again for so long.
const UNKNOWN_TOPIC_WAIT: Duration = Duration::from_secs(1);
/// How long it takes until a question is asked again.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the client is listened to at a time, and how often in a row.
const LISTEN: Duration = Duration::from_millis(1);
const MAX_SAID: usize = 1_000;

type Client = BaseConsumer<Listener>;

/// What a topic looks like.
pub(super) struct Shape {
    pub(super) partitions: u32,
    /// Copies of the partition that has the fewest.
    pub(super) replication: u32,
    /// Whether every partition has a leader.
    pub(super) has_leaders: bool,
}

/// Asks the brokers about topics.
pub(super) struct Metadata {
    client: Arc<Client>,
    names: Names,
    timeout: Duration,
    /// Partitions of the topics that were found.
    counts: Mutex<HashMap<String, u32>>,
    open: Arc<Semaphore>,
}

impl Metadata {
    /// Makes the client, which reads certificates. Contacts nobody.
    pub(super) fn new(config: &Config) -> KafkaResult<Self> {
        let mut client = client_config(config);
        client
            // Only what was committed counts as the end.
            .set("isolation.level", "read_committed")
            .set(
                "socket.timeout.ms",
                config.request_timeout.as_millis().to_string(),
            );
        Ok(Self {
            client: Arc::new(client.create_with_context(Listener::default())?),
            names: Names::new(config),
            timeout: config.request_timeout,
            counts: Mutex::default(),
            open: Arc::new(Semaphore::new(MAX_OPEN)),
        })
    }

    /// Takes what the client has to say, so that it does not pile up.
    pub(super) fn listen(&self) {
        listen(&self.client);
    }

    /// What the topic looks like, as the brokers say now; none if they know none of this name.
    pub(super) async fn shape(&self, topic: &str) -> Result<Option<Shape>, Error> {
        let doing = Doing {
            verb: "look up",
            to: &topic,
        };
        let wire = self.names.topic(topic);
        self.ask(doing, move |client, timeout| shape(client, &wire, timeout))
            .await
    }

    /// Partitions of the topic, as the brokers say now.
    pub(super) async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        let began = Instant::now();
        loop {
            if let Some(Shape { partitions, .. }) = self.shape(topic).await? {
                self.counts().insert(topic.to_owned(), partitions);
                return Ok(partitions);
            }
            self.forget(topic);
            if began.elapsed() > UNKNOWN_TOPIC_WAIT {
                return Err(Error::UnknownPartition {
                    partition: topic.to_owned(),
                });
            }
            sleep(PAUSE).await;
        }
    }

    /// Refuses a partition that is not there. Asks the brokers only about topics that were not found yet.
    pub(super) async fn check(&self, partition: &TopicPartition) -> Result<(), Error> {
        let known = self.counts().get(&*partition.topic).copied();
        // A topic may have got more partitions since.
        let count = match known.filter(|count| partition.partition < *count) {
            Some(count) => count,
            None => self.partitions(&partition.topic).await?,
        };
        if partition.partition < count {
            return Ok(());
        }
        Err(Error::UnknownPartition {
            partition: partition.to_string(),
        })
    }

    /// The error for a partition that a client did not know: it may be there all the same.
    pub(super) async fn confirm_missing(&self, partition: &TopicPartition) -> Error {
        self.forget(&partition.topic);
        match self.check(partition).await {
            Err(error) => error,
            Ok(()) => Error::Unavailable {
                reason: format!("{partition} was unknown to a broker for a moment"),
            },
        }
    }

    /// The offsets that the partition has now.
    pub(super) async fn bounds(&self, partition: &TopicPartition) -> Result<Bounds, Error> {
        self.check(partition).await?;
        let doing = Doing {
            verb: "ask for the offsets of",
            to: partition,
        };
        let wire = self.names.topic(&partition.topic);
        let number = i32::try_from(partition.partition).map_err(|_too_large| doing.unknown())?;
        let bounds = self
            .ask(doing, move |client, timeout| {
                bounds(client, &wire, number, timeout)
            })
            .await;
        if matches!(bounds, Err(Error::UnknownPartition { .. })) {
            self.forget(&partition.topic);
        }
        bounds
    }

    /// The topic is not what it was.
    fn forget(&self, topic: &str) {
        self.counts().remove(topic);
    }

    /// Asks, again and again while the brokers are about to agree on a leader.
    async fn ask<T: Send + 'static>(
        &self,
        doing: Doing<'_, impl Display>,
        question: impl Fn(&Client, Duration) -> KafkaResult<T> + Clone + Send + 'static,
    ) -> Result<T, Error> {
        let until = Instant::now() + self.timeout;
        let context = self.client.context();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let error = match timeout(left, self.ask_once(left, question.clone())).await {
                Ok(Ok(Ok(answer))) => {
                    context.works();
                    return Ok(answer);
                }
                Ok(Ok(Err(error))) => error,
                Ok(Err(closed)) => return Err(closed),
                Err(_elapsed) => {
                    return Err(doing.failed_with(RDKafkaErrorCode::OperationTimedOut, context.cause()));
                }
            };
            let may_pass = code(&error).is_some_and(is_passing);
            if !may_pass || Instant::now() + PAUSE >= until {
                return Err(doing.failed(&error, context.cause()));
            }
            sleep(PAUSE).await;
        }
    }

    /// Asks on a thread that may block.
    async fn ask_once<T: Send + 'static>(
        &self,
        allowed: Duration,
        question: impl FnOnce(&Client, Duration) -> KafkaResult<T> + Send + 'static,
    ) -> Result<KafkaResult<T>, Error> {
        let permit = self
            .open
            .clone()
            .acquire_owned()
            .await
            .map_err(|_never| Error::Closed)?;
        let client = self.client.clone();
        let answer = spawn_blocking(move || {
            let _permit = permit;
            let answer = question(&client, allowed);
            if answer.is_err() {
                listen(&client);
            }
            answer
        });
        answer.await.map_err(|_stopping| Error::Closed)
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a client says before it is asked anything is in its queue, several things for one call.
fn listen(client: &Client) {
    for _ in 0..MAX_SAID {
        if client.poll(LISTEN).is_none() {
            return;
        }
    }
}

/// Whether the answer may be another one as soon as the brokers agree. A partition that was found is not unknown.
fn is_passing(code: RDKafkaErrorCode) -> bool {
    is_unknown(code)
        || matches!(
            code,
            RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::ReplicaNotAvailable
                | RDKafkaErrorCode::FencedLeaderEpoch
                | RDKafkaErrorCode::UnknownLeaderEpoch
                | RDKafkaErrorCode::BrokerTransportFailure
        )
}

fn shape(client: &Client, topic: &str, timeout: Duration) -> KafkaResult<Option<Shape>> {
    let metadata = client.fetch_metadata(Some(topic), timeout)?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Ok(None);
    };
    // Without a look at the partitions: of an unknown topic there are none to look at.
    match found.error().map(RDKafkaErrorCode::from) {
        None => {}
        Some(code) if is_unknown(code) => return Ok(None),
        Some(code) => return Err(KafkaError::MetadataFetch(code)),
    }
    let partitions = found.partitions();
    let fewest = partitions
        .iter()
        .map(|partition| partition.replicas().len())
        .min();
    Ok(Some(Shape {
        partitions: u32::try_from(partitions.len()).unwrap_or(u32::MAX),
        replication: u32::try_from(fewest.unwrap_or_default()).unwrap_or(u32::MAX),
        has_leaders: partitions.iter().all(|partition| partition.leader() >= 0),
    }))
}

fn bounds(client: &Client, topic: &str, partition: i32, timeout: Duration) -> KafkaResult<Bounds> {
    let (start, end) = client.fetch_watermarks(topic, partition, timeout)?;
    let offset = |offset: i64| {
        u64::try_from(offset).map_err(|_negative| KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset))
    };
    Ok(Bounds {
        start: offset(start)?,
        end: offset(end)?,
    })
}
