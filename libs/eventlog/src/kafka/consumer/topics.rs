//! The topics of a consumer, under the names that services use and those that brokers know.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::context::Context;
use crate::kafka::error::is_unknown;
use crate::record::TopicPartition;

pub(super) struct Topics(Vec<Topic>);

pub(super) struct Topic {
    /// As services call it.
    pub(super) name: Arc<str>,
    /// As brokers do.
    pub(super) wire: String,
}

impl Topics {
    pub(super) fn new(topics: Vec<Topic>) -> Self {
        Self(topics)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.0.iter()
    }

    /// The partition that brokers call so; none if the topic is not one of these.
    pub(super) fn partition(&self, wire: &str, partition: i32) -> Option<TopicPartition> {
        let topic = self.0.iter().find(|topic| topic.wire == wire)?;
        let partition = u32::try_from(partition).ok()?;
        Some(TopicPartition::new(topic.name.clone(), partition))
    }

    pub(super) fn partitions(&self, list: &TopicPartitionList) -> Vec<TopicPartition> {
        let elements = list.elements();
        elements
            .iter()
            .filter_map(|element| self.partition(element.topic(), element.partition()))
            .collect()
    }

    pub(super) fn wire(&self, name: &str) -> Option<&str> {
        let topic = self.0.iter().find(|topic| &*topic.name == name)?;
        Some(&topic.wire)
    }

    /// These partitions as the client takes them.
    pub(super) fn list<'a>(
        &self,
        partitions: impl IntoIterator<Item = &'a TopicPartition>,
    ) -> TopicPartitionList {
        self.list_at(
            partitions
                .into_iter()
                .map(|partition| (partition, Offset::Invalid)),
        )
    }

    /// These partitions with their offsets. What is no partition of these topics is left out.
    pub(super) fn list_at<'a>(
        &self,
        partitions: impl IntoIterator<Item = (&'a TopicPartition, Offset)>,
    ) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (TopicPartition { topic, partition }, offset) in partitions {
            if let (Some(wire), Ok(partition)) = (self.wire(topic), i32::try_from(*partition)) {
                let mut element = list.add_partition(wire, partition);
                // An offset that the client can't take stays invalid, and is refused by the call it is for.
                let _ = element.set_offset(offset);
            }
        }
        list
    }
}

/// Whether brokers know a topic.
pub(super) fn exists(
    consumer: &BaseConsumer<Context>,
    wire: &str,
    timeout: Duration,
) -> Result<bool, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(wire), timeout)?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == wire) else {
        return Ok(false);
    };
    match found.error().map(RDKafkaErrorCode::from) {
        None => Ok(true),
        Some(code) if is_unknown(code) => Ok(false),
        Some(code) => Err(KafkaError::MetadataFetch(code)),
    }
}

/// The offset as the client takes it.
pub(super) fn offset(offset: u64) -> Offset {
    i64::try_from(offset).map_or(Offset::Invalid, Offset::Offset)
}
