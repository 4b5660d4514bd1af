//! The results of calls, out of the outcomes of their records.

use std::collections::HashMap;

use super::calls::{Delivered, Outcome};
use super::metadata::Metadata;
use crate::metric_definitions as definitions;
use crate::port::{Appended, Error};
use crate::record::TopicPartition;

/// Makes the results of one call, and asks the brokers where it must, once for each partition.
pub(super) struct Results<'a> {
    metadata: &'a Metadata,
    /// What an offset that was not told is.
    untold: Untold,
    ends: HashMap<&'a TopicPartition, Result<u64, Error>>,
    missing: HashMap<&'a TopicPartition, Error>,
}

/// What a repeated batch is that was delivered without an offset.
///
/// The client takes it for delivered when a later one was, though a broker that knew nothing of the client may have
/// taken the later one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Untold {
    /// In the log or not, so it is not acknowledged.
    Doubtful,
    /// In the log, because no two batches are on their way at a time. The last offset of the partition stands in for
    /// its own, which is that or a lower one.
    There,
}

impl<'a> Results<'a> {
    pub(super) fn new(metadata: &'a Metadata, untold: Untold) -> Self {
        Self {
            metadata,
            untold,
            ends: HashMap::new(),
            missing: HashMap::new(),
        }
    }

    /// One result for each outcome; the records went to these partitions.
    pub(super) async fn of(
        mut self,
        to: &'a [TopicPartition],
        outcomes: Vec<Outcome>,
    ) -> Vec<Result<Appended, Error>> {
        let mut results = Vec::with_capacity(outcomes.len());
        for (partition, outcome) in to.iter().zip(outcomes) {
            results.push(match outcome {
                Ok(Delivered {
                    offset: Some(offset),
                    appended_at_ms,
                }) => Ok(Appended {
                    offset,
                    appended_at_ms,
                }),
                Ok(delivered) => self.placed(partition, delivered).await,
                Err(Error::UnknownPartition { .. }) => Err(self.missing(partition).await),
                Err(error) => Err(error),
            });
        }
        count(to, &results);
        results
    }

    async fn placed(
        &mut self,
        partition: &'a TopicPartition,
        delivered: Delivered,
    ) -> Result<Appended, Error> {
        if self.untold == Untold::Doubtful {
            return Err(Error::Unavailable {
                reason: format!("the brokers do not say whether {partition} has the record"),
            });
        }
        if !self.ends.contains_key(partition) {
            let bounds = self.metadata.bounds(partition).await;
            self.ends.insert(partition, bounds.map(|bounds| bounds.end));
        }
        let end = self.ends[partition].clone()?;
        Ok(Appended {
            offset: end.saturating_sub(1),
            appended_at_ms: delivered.appended_at_ms,
        })
    }

    /// A partition that the client does not know. It asks once, and a broker that has just started may be behind.
    async fn missing(&mut self, partition: &'a TopicPartition) -> Error {
        if !self.missing.contains_key(partition) {
            let error = self.metadata.confirm_missing(partition).await;
            self.missing.insert(partition, error);
        }
        self.missing[partition].clone()
    }
}

/// Counts what was acknowledged, once for each run of records to one topic.
fn count(to: &[TopicPartition], results: &[Result<Appended, Error>]) {
    let mut rest = results;
    for run in to.chunk_by(|one, next| one.topic == next.topic) {
        let (these, others) = rest.split_at(run.len().min(rest.len()));
        rest = others;
        let appended = these.iter().filter(|result| result.is_ok()).count() as u64;
        if let Some(first) = run.first().filter(|_| appended > 0) {
            metrics::counter!(definitions::APPENDED_RECORDS, "topic" => first.topic.to_string())
                .increment(appended);
        }
    }
}
