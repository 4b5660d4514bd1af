//! Where a partition goes on, and the proof that it is the partition that was read before.

use std::time::Duration;

use domain::source::Source;
use eventlog::{Log, Record, TopicPartition};
use store::{Position, Progress};
use xxhash_rust::xxh3::xxh3_64;

use crate::SERVICE;
use crate::error::Error;

/// The stored position and the offset to go on at.
///
/// Without a position that is the begin of the partition. With one, the record before it must be the one that
/// the position was stored with, unless log retention has removed just that one.
pub(crate) async fn of_partition(
    log: &dyn Log,
    progress: &dyn Progress,
    partition: &TopicPartition,
    source: Source,
) -> Result<(Option<Position>, u64), Error> {
    let position = progress.position(SERVICE, source).await?;
    let bounds = log.bounds(partition).await?;
    let Some(position) = position else {
        return Ok((None, bounds.start));
    };
    let next = position.next_offset;
    if next > bounds.end {
        return Err(Error::PositionAboveEnd {
            partition: partition.clone(),
            end: bounds.end,
            next,
        });
    }
    check_kept(partition, bounds.start, next)?;
    if next > bounds.start {
        compare(log, partition, &position).await?;
    }
    Ok((Some(position), next))
}

/// The checksum of a record that a position remembers.
pub(crate) fn checksum(record: &Record) -> u64 {
    xxh3_64(&record.value)
}

/// Whether the log still has all that is not stored.
fn check_kept(partition: &TopicPartition, start: u64, next: u64) -> Result<(), Error> {
    if start <= next {
        return Ok(());
    }
    Err(Error::RecordsRemoved {
        partition: partition.clone(),
        start,
        next,
    })
}

async fn compare(log: &dyn Log, partition: &TopicPartition, position: &Position) -> Result<(), Error> {
    let offset = position.next_offset - 1;
    let records = match log.read(partition, offset, 1, Duration::ZERO).await {
        // Log retention has been here since the bounds were read.
        Err(eventlog::Error::OffsetOutOfRange { start, .. }) if start > offset => {
            return check_kept(partition, start, position.next_offset);
        }
        other => other?,
    };
    let Some(record) = records.first().filter(|record| record.offset == offset) else {
        let reason = format!("record {offset} of {partition} can't be read back");
        return Err(eventlog::Error::Unavailable { reason }.into());
    };
    let differs = if record.appended_at_ms != position.appended_at_ms {
        "append time"
    } else if checksum(record) != position.checksum {
        "checksum"
    } else {
        return Ok(());
    };
    Err(Error::OtherRecord {
        partition: partition.clone(),
        offset,
        differs,
    })
}
