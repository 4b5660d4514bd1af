//! The proof that a partition is the one that was read before, and that it has all that was not read.

use std::time::Duration;

use eventlog::{Bounds, Log, Record, TopicPartition};
use store::Position;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Error;

/// The checksum of a record that a position remembers.
pub fn checksum(record: &Record) -> u64 {
    xxh3_64(&record.value)
}

/// Compares the record before each of a service's positions with what the position remembers of it, unless log
/// retention has removed just that one. What is behind the furthest position must still be there.
///
/// Answers the offsets that the partition has.
pub async fn check(
    log: &dyn Log,
    service: &'static str,
    partition: &TopicPartition,
    positions: &[Position],
) -> Result<Bounds, Error> {
    let known = Known {
        log,
        service,
        partition,
        positions,
    };
    let bounds = log.bounds(partition).await?;
    known.check(bounds).await?;
    Ok(bounds)
}

struct Known<'a> {
    log: &'a dyn Log,
    service: &'static str,
    partition: &'a TopicPartition,
    positions: &'a [Position],
}

impl Known<'_> {
    async fn check(&self, bounds: Bounds) -> Result<(), Error> {
        for position in self.positions {
            if position.next_offset > bounds.end {
                return Err(Error::PositionAboveEnd {
                    service: self.service,
                    partition: self.partition.clone(),
                    end: bounds.end,
                    next: position.next_offset,
                });
            }
        }
        self.check_kept(bounds.start)?;
        let kept = self
            .positions
            .iter()
            .filter(|position| position.next_offset > bounds.start);
        for position in kept {
            self.compare(position).await?;
        }
        Ok(())
    }

    /// Whether the log still has all that was not read.
    fn check_kept(&self, start: u64) -> Result<(), Error> {
        match self.positions.iter().map(|position| position.next_offset).max() {
            Some(next) if next < start => Err(Error::RecordsRemoved {
                service: self.service,
                partition: self.partition.clone(),
                start,
                next,
            }),
            _ => Ok(()),
        }
    }

    async fn compare(&self, position: &Position) -> Result<(), Error> {
        let partition = self.partition;
        let Some(offset) = position.next_offset.checked_sub(1) else {
            return Ok(());
        };
        let read = match self.log.read(partition, offset, 1, Duration::ZERO).await {
            // Log retention has been here since the bounds were read.
            Err(eventlog::Error::OffsetOutOfRange { start, .. }) if start > offset => {
                return self.check_kept(start);
            }
            other => other?,
        };
        let Some(record) = read.records.first().filter(|record| record.offset == offset) else {
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
            service: self.service,
            partition: partition.clone(),
            offset,
            differs,
        })
    }
}
