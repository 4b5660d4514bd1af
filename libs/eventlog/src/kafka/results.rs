//! The results of calls, out of the outcomes of their records.

use std::collections::HashMap;

use super::calls::{Delivered, Outcome};
use super::metadata::Metadata;
use crate::metric_definitions as definitions;
use crate::port::{Appended, Error};
use crate::record::TopicPartition;

/// Results of independent records.
///
/// The client takes a repeated batch for delivered when a later one was, though a broker that knew nothing of the
/// client may have taken the later one alone. So what has no offset is not acknowledged: it may be in the log or not.
pub(super) fn of_independent(to: &[TopicPartition], outcomes: Vec<Outcome>) -> Vec<Result<Appended, Error>> {
    let result = |(partition, outcome): (&TopicPartition, Outcome)| {
        let Delivered {
            offset,
            appended_at_ms,
        } = outcome?;
        match offset {
            Some(offset) => Ok(Appended {
                offset,
                appended_at_ms,
            }),
            None => Err(Error::Unavailable {
                reason: format!("the brokers do not say whether {partition} has the record"),
            }),
        }
    };
    let results: Vec<_> = to.iter().zip(outcomes).map(result).collect();
    count(to, &results);
    results
}

/// Results of records of a sequence, of which no two batches are on their way at a time. A repeated one without an
/// offset is there, then; the last offset of its partition stands in for its own, which is that or a lower one.
pub(super) async fn of_sequence(
    metadata: &Metadata,
    to: &[TopicPartition],
    outcomes: Vec<Outcome>,
) -> Vec<Result<Appended, Error>> {
    let mut ends = HashMap::new();
    let mut results = Vec::with_capacity(outcomes.len());
    for (partition, outcome) in to.iter().zip(outcomes) {
        results.push(match outcome {
            Ok(delivered) => placed(metadata, partition, delivered, &mut ends).await,
            Err(error) => Err(error),
        });
    }
    count(to, &results);
    results
}

async fn placed<'a>(
    metadata: &Metadata,
    partition: &'a TopicPartition,
    delivered: Delivered,
    ends: &mut HashMap<&'a TopicPartition, u64>,
) -> Result<Appended, Error> {
    let appended_at_ms = delivered.appended_at_ms;
    let known = delivered.offset.or_else(|| ends.get(partition).copied());
    if let Some(offset) = known {
        return Ok(Appended {
            offset,
            appended_at_ms,
        });
    }
    let offset = metadata.bounds(partition).await?.end.saturating_sub(1);
    ends.insert(partition, offset);
    Ok(Appended {
        offset,
        appended_at_ms,
    })
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
