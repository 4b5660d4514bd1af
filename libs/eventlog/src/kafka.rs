//! The log on Apache Kafka, over librdkafka. Nothing of either leaves this module.
//!
//! It promises what the port does, as far as the topics are as [`Kafka::check_topics`] wants them. Brokers that are
//! away are no reason not to start: calls fail as unavailable within their timeouts until the brokers are back.
//! Memory is bounded by [`Config`].
//!
//! - [`config`](Config): settings; `connection`: what all clients have in common, and names on the wire.
//! - `appends`: independent records; `sequence`: appends that break at the first failure; `producer`: the client of
//!   both, with its thread; `calls`: who waits for what; `results`: what a call is answered.
//! - `fenced`: appends under a name that has one writer at a time, all or none of a call.
//! - `metadata`: partitions and offsets; `readers` and `reader`: reading without a group.
//! - `consumer`: members of groups.
//! - `topics`: making topics and checking them.
//! - `error`: what the errors of the client mean.

mod appends;
mod calls;
mod config;
mod connection;
mod consumer;
mod error;
mod fenced;
mod metadata;
mod producer;
mod reader;
mod readers;
mod results;
mod sequence;
mod topics;

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;

use self::appends::Appends;
pub use self::config::{Config, Sasl, SaslMechanism, Security, Tls};
use self::fenced::Held;
use self::metadata::Metadata;
use self::readers::Readers;
use self::sequence::Ordered;
pub use self::topics::{Created, Demands, Retention, TopicError, TopicProblem, TopicSpec};
use crate::in_flight::InFlight;
use crate::port::{Appended, Bounds, Consumer, Error, Fenced, Log, Read, Sequence};
use crate::record::{NewRecord, TopicPartition};

/// How often clients that are not used are looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why there is no log with these settings.
#[derive(Clone, Debug, thiserror::Error)]
#[error("kafka settings: {reason}")]
pub struct ConnectError {
    /// Which setting, and what is wrong with it.
    pub reason: String,
}

/// A handle on the log. Clones share it. When the last one goes, what was given to it goes out in the background, for
/// a few seconds at most; a runtime that ends waits for that.
#[derive(Clone)]
pub struct Kafka(Arc<Inner>);

/// What the handles share, the sequences, and the holders of names.
struct Inner {
    config: Arc<Config>,
    in_flight: InFlight,
    appends: Appends,
    metadata: Arc<Metadata>,
    readers: Arc<Readers>,
    /// Gone with the log: that is what ends the thread that looks after idle clients.
    _alive: SyncSender<()>,
}

impl Kafka {
    /// Checks the settings and makes the first client. Waits for nobody: brokers may be away.
    pub fn connect(config: Config) -> Result<Self, ConnectError> {
        config.check()?;
        let config = Arc::new(config);
        let refused = |reason: String| ConnectError { reason };
        let metadata = Metadata::new(&config).map_err(|error| refused(error.to_string()))?;
        let metadata = Arc::new(metadata);
        let readers = Arc::new(Readers::new(config.clone(), metadata.clone()));
        let (alive, ended) = sync_channel::<()>(0);
        let (idle_metadata, idle_readers) = (metadata.clone(), readers.clone());
        let look = move || {
            while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                idle_metadata.listen();
                idle_readers.close_unused();
            }
        };
        thread::Builder::new()
            .name("kafka-idle".to_owned())
            .spawn(look)
            .map_err(|error| refused(format!("can't start a thread: {error}")))?;
        let in_flight = InFlight::new(config.max_in_flight_bytes);
        Ok(Self(Arc::new(Inner {
            appends: Appends::new(config.clone(), in_flight.clone(), metadata.clone()),
            config,
            in_flight,
            metadata,
            readers,
            _alive: alive,
        })))
    }
}

#[async_trait]
impl Log for Kafka {
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        self.0.appends.append(records).await
    }

    async fn sequence(&self) -> Result<Arc<dyn Sequence>, Error> {
        Ok(Arc::new(Ordered::open(self.0.clone()).await?))
    }

    async fn fence(&self, name: &str) -> Result<Box<dyn Fenced>, Error> {
        Ok(Box::new(Held::take(self.0.clone(), name).await?))
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        self.0.metadata.partitions(topic).await
    }

    async fn bounds(&self, partition: &TopicPartition) -> Result<Bounds, Error> {
        self.0.metadata.bounds(partition).await
    }

    async fn read(
        &self,
        partition: &TopicPartition,
        from: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Read, Error> {
        self.0.readers.read(partition, from, max_bytes, wait).await
    }

    async fn consumer(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, Error> {
        consumer::join(&self.0.config, group, topics).await
    }
}
