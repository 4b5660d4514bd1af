//! Where a partition goes on, and what must be so before it may.

use std::time::Duration;

use domain::topic;
use eventlog::{Log, TopicPartition};

use crate::LANE;
use crate::error::Error;

/// Partition n is enriched into partition n, so both topics need the same number.
pub(crate) fn check_partitions(log: &dyn Log) -> Result<(), Error> {
    let (accepted, enriched) = (topic::accepted(LANE), topic::enriched(LANE));
    let (accepted_partitions, enriched_partitions) = (log.partitions(accepted)?, log.partitions(enriched)?);
    if accepted_partitions == enriched_partitions {
        return Ok(());
    }
    Err(Error::UnequalPartitions {
        accepted,
        accepted_partitions,
        enriched,
        enriched_partitions,
    })
}

/// The first accepted offset to enrich: the commit, or the begin where there is none.
pub(crate) async fn of_partition(
    log: &dyn Log,
    accepted: &TopicPartition,
    enriched: &TopicPartition,
    committed: Option<u64>,
) -> Result<u64, Error> {
    check_partitions(log)?;
    // Fates first: what is accepted in between can't be taken for what is missing.
    let last_origin = last_origin(log, enriched).await?;
    let bounds = log.bounds(accepted).await?;
    if let Some(origin) = last_origin.filter(|origin| *origin >= bounds.end) {
        return Err(Error::FateOfTheFuture {
            partition: accepted.clone(),
            end: bounds.end,
            origin,
        });
    }
    let start = committed.unwrap_or(bounds.start);
    if (bounds.start..=bounds.end).contains(&start) {
        return Ok(start);
    }
    Err(Error::CommitOutOfRange {
        partition: accepted.clone(),
        committed: start,
        start: bounds.start,
        end: bounds.end,
    })
}

/// The origin of the last enriched record, if log retention has left one.
async fn last_origin(log: &dyn Log, enriched: &TopicPartition) -> Result<Option<u64>, Error> {
    let bounds = log.bounds(enriched).await?;
    if bounds.start == bounds.end {
        return Ok(None);
    }
    let records = match log.read(enriched, bounds.end - 1, 1, Duration::ZERO).await {
        Err(eventlog::Error::OffsetOutOfRange { .. }) => return Ok(None),
        other => other?,
    };
    let origin = records
        .first()
        .and_then(|record| record.header(topic::HEADER_ORIGIN));
    Ok(origin.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()))
}
