//! The accepted and the enriched topic, each an embedded log of its own, so that one can be made anew without the
//! other.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use chassis::clock::{Clock, Manual};
use domain::source::Lane;
use domain::topic;
use eventlog::embedded::{Config, Embedded, Retention, TopicConfig};
use eventlog::{
    Appended, Bounds, Consumer, Error, Fenced, Log, NewRecord, Read, Record, Sequence, TopicPartition,
};
use tempfile::TempDir;

const LANE: Lane = Lane::Standard;
/// How long records are kept when age counts.
pub(crate) const KEEP: Duration = Duration::from_hours(1);
const READ_BYTES: usize = 1 << 20;

/// Accepted partition `number`.
pub(crate) fn accepted(number: u32) -> TopicPartition {
    TopicPartition::new(topic::accepted(LANE), number)
}

/// Enriched partition `number`.
pub(crate) fn enriched(number: u32) -> TopicPartition {
    TopicPartition::new(topic::enriched(LANE), number)
}

/// Both topics.
pub(crate) struct Topics {
    accepted: RwLock<Topic>,
    enriched: RwLock<Topic>,
    clock: Arc<Manual>,
    partitions: u32,
}

struct Topic {
    log: Arc<Embedded>,
    _dir: TempDir,
}

impl Topic {
    fn new(name: &str, partitions: u32, clock: Arc<Manual>) -> Self {
        let topic = TopicConfig {
            name: name.to_owned(),
            partitions,
            retention: Retention::Age(KEEP),
        };
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new(vec![topic], Arc::new(move || clock.now_ms()));
        let log = Arc::new(Embedded::open(dir.path(), config).unwrap());
        Self { log, _dir: dir }
    }
}

impl Topics {
    pub(crate) fn new(partitions: u32, clock: &Arc<Manual>) -> Self {
        let topic = |name| RwLock::new(Topic::new(name, partitions, clock.clone()));
        Self {
            accepted: topic(topic::accepted(LANE)),
            enriched: topic(topic::enriched(LANE)),
            clock: clock.clone(),
            partitions,
        }
    }

    fn topic(&self, name: &str) -> Result<&RwLock<Topic>, Error> {
        if name == topic::accepted(LANE) {
            Ok(&self.accepted)
        } else if name == topic::enriched(LANE) {
            Ok(&self.enriched)
        } else {
            let partition = name.to_owned();
            Err(Error::UnknownPartition { partition })
        }
    }

    fn log(&self, name: &str) -> Result<Arc<Embedded>, Error> {
        Ok(self.topic(name)?.read().unwrap().log.clone())
    }

    /// Deletes a topic and makes another of the same name.
    pub(crate) fn make_anew(&self, name: &str) {
        self.clock.advance(1);
        let anew = Topic::new(name, self.partitions, self.clock.clone());
        *self.topic(name).unwrap().write().unwrap() = anew;
    }

    /// Removes the records that are old by now.
    pub(crate) fn remove_old(&self, name: &str) {
        self.log(name).unwrap().enforce_retention().unwrap();
    }

    /// All records that a partition has from `from` on.
    pub(crate) async fn records(&self, partition: &TopicPartition, from: u64) -> Vec<Record> {
        let mut records: Vec<Record> = Vec::new();
        loop {
            let next = records.last().map_or(from, |last| last.offset + 1);
            let read = self
                .read(partition, next, READ_BYTES, Duration::ZERO)
                .await
                .unwrap();
            let more = read.records;
            if more.is_empty() {
                return records;
            }
            records.extend(more);
        }
    }
}

#[async_trait]
impl Log for Topics {
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        let Some(first) = records.first() else {
            return Vec::new();
        };
        let log = self.log(&first.to.topic).unwrap();
        log.append(records).await
    }

    async fn sequence(&self) -> Result<Arc<dyn Sequence>, Error> {
        self.log(topic::enriched(LANE))?.sequence().await
    }

    async fn fence(&self, name: &str) -> Result<Box<dyn Fenced>, Error> {
        self.log(topic::accepted(LANE))?.fence(name).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, Error> {
        self.log(topic)?.partitions(topic).await
    }

    async fn bounds(&self, partition: &TopicPartition) -> Result<Bounds, Error> {
        self.log(&partition.topic)?.bounds(partition).await
    }

    async fn read(
        &self,
        partition: &TopicPartition,
        from: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Read, Error> {
        self.log(&partition.topic)?
            .read(partition, from, max_bytes, wait)
            .await
    }

    async fn consumer(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, Error> {
        self.log(topics[0])?.consumer(group, topics).await
    }
}
