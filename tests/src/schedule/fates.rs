//! The enriched topic, in memory: any fate of any time can be appended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::source::Lane;
use domain::time::Millis;
use domain::topic;
use eventlog::{
    Appended, Bounds, Consumer, Error, Fenced, Log, NewRecord, Read, Record, Sequence, TopicPartition,
};

/// A partition of the topic.
pub fn enriched(number: u32) -> TopicPartition {
    TopicPartition::new(topic::enriched(Lane::Standard), number)
}

/// See the [module](self).
#[derive(Default)]
pub struct Fates(Mutex<BTreeMap<u32, Vec<Record>>>);

impl Fates {
    /// Appends the fate of an origin; an empty value is a marker.
    pub fn append(&self, partition: u32, origin: u64, value: Bytes, appended_at: Millis) {
        let mut partitions = self.0.lock().unwrap();
        let records = partitions.entry(partition).or_default();
        let mut headers = vec![(topic::HEADER_ORIGIN.into(), origin.to_string().into())];
        if value.is_empty() {
            headers.push((topic::HEADER_FATE.into(), topic::FATE_DEAD.into()));
        }
        records.push(Record {
            offset: records.len() as u64,
            appended_at_ms: appended_at.as_ms(),
            key: Bytes::new(),
            value,
            headers,
        });
    }

    /// At most `max` records from an offset on.
    pub fn records(&self, partition: u32, from: u64, max: usize) -> Vec<Record> {
        let partitions = self.0.lock().unwrap();
        let all = partitions.get(&partition).into_iter().flatten();
        all.filter(|record| record.offset >= from)
            .take(max)
            .cloned()
            .collect()
    }

    /// The offset behind the last record.
    pub fn end(&self, partition: u32) -> u64 {
        self.0
            .lock()
            .unwrap()
            .get(&partition)
            .map_or(0, |records| records.len() as u64)
    }
}

#[async_trait]
impl Log for Fates {
    async fn append(&self, _: Vec<NewRecord>) -> Vec<Result<Appended, Error>> {
        panic!("its readers append nothing")
    }

    async fn sequence(&self) -> Result<Arc<dyn Sequence>, Error> {
        panic!("its readers append nothing")
    }

    async fn fence(&self, _: &str) -> Result<Box<dyn Fenced>, Error> {
        panic!("its readers append nothing")
    }

    async fn partitions(&self, _: &str) -> Result<u32, Error> {
        panic!("nothing runs the partitions but the case")
    }

    async fn bounds(&self, partition: &TopicPartition) -> Result<Bounds, Error> {
        let end = self.end(partition.partition);
        Ok(Bounds { start: 0, end })
    }

    async fn read(
        &self,
        partition: &TopicPartition,
        from: u64,
        _: usize,
        _: Duration,
    ) -> Result<Read, Error> {
        let records = self.records(partition.partition, from, 1);
        let next = from + records.len() as u64;
        Ok(Read { records, next })
    }

    async fn consumer(&self, _: &str, _: &[&str]) -> Result<Box<dyn Consumer>, Error> {
        panic!("nothing runs the partitions but the case")
    }
}
