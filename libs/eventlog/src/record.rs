//! What is appended to a log and what is read from it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Number of the partition, from 0.
    pub partition: u32,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: u32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// Headers of a record, in the order they were given. Names may repeat.
pub type Headers = Vec<(Arc<str>, Bytes)>;

/// A record to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Where it goes. The partition is always explicit.
    pub to: TopicPartition,
    /// What it is about. In a compacted topic the last record of a key stays.
    pub key: Bytes,
    /// The content. In a compacted topic an empty one removes its key: those who are a day behind may not see it
    /// any more. Elsewhere empty is a value like any other.
    pub value: Bytes,
    /// Values that can be read without decoding the content.
    pub headers: Headers,
}

impl NewRecord {
    /// Bytes that this record takes in buffers: key, value and headers.
    pub fn bytes(&self) -> usize {
        self.key.len() + self.value.len() + headers_bytes(&self.headers)
    }
}

/// A record as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Position in its partition; the next record has a greater one.
    pub offset: u64,
    /// When the log took it, in milliseconds since the Unix epoch, given by the log and never changed.
    /// It may step back between two records.
    pub appended_at_ms: i64,
    /// What it is about.
    pub key: Bytes,
    /// The content.
    pub value: Bytes,
    /// Values that can be read without decoding the content.
    pub headers: Headers,
}

impl Record {
    /// The last header of this name.
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        self.headers
            .iter()
            .rev()
            .find(|(key, _)| &**key == name)
            .map(|(_, value)| value)
    }

    /// Bytes that this record takes in buffers: key, value and headers.
    pub fn bytes(&self) -> usize {
        self.key.len() + self.value.len() + headers_bytes(&self.headers)
    }
}

fn headers_bytes(headers: &Headers) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len()).sum()
}
