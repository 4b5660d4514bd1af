//! Where a partition goes on, and the proof that it is the partition that was read before.

use std::time::Duration;

use domain::source::Source;
use eventlog::{Bounds, Log, Record, TopicPartition};
use store::index::{Index, Mark};
use store::{Position, Progress};
use xxhash_rust::xxh3::xxh3_64;

use crate::SERVICE;
use crate::error::Error;

/// Where a partition goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// How far rows are stored.
    pub(crate) stored: Option<Position>,
    /// How far the index is sealed.
    pub(crate) mark: Option<Mark>,
    /// The first record to read.
    pub(crate) offset: u64,
    /// Whether the log has no longer all that is not sealed.
    pub(crate) lacks_unsealed: bool,
}

/// What is known of a partition before it is read.
struct Known<'a> {
    log: &'a dyn Log,
    partition: &'a TopicPartition,
    bounds: Bounds,
    stored: Option<Position>,
    mark: Option<Mark>,
}

/// Where a partition goes on: behind what is sealed, for what is stored and not sealed is read again.
///
/// Without any position that is the begin of the partition. With one, the record before it must be the one that the
/// position was stored with, unless log retention has removed just that one. A log that lacks records which are stored
/// and not sealed is refused but with `skip_unsealed`.
pub(crate) async fn of_partition(
    log: &dyn Log,
    (progress, index): (&dyn Progress, &dyn Index),
    partition: &TopicPartition,
    source: Source,
    skip_unsealed: bool,
) -> Result<Start, Error> {
    let known = Known {
        log,
        partition,
        stored: progress.position(SERVICE, source).await?,
        mark: index.mark(source).await?,
        bounds: log.bounds(partition).await?,
    };
    known.check().await?;
    let next = known.unsealed();
    let lacks_unsealed = next < known.bounds.start;
    if lacks_unsealed && !skip_unsealed {
        return Err(Error::UnsealedRemoved {
            partition: partition.clone(),
            start: known.bounds.start,
            next,
        });
    }
    Ok(Start {
        stored: known.stored,
        mark: known.mark,
        offset: next.max(known.bounds.start),
        lacks_unsealed,
    })
}

/// The checksum of a record that a position remembers.
pub(crate) fn checksum(record: &Record) -> u64 {
    xxh3_64(&record.value)
}

impl Known<'_> {
    fn positions(&self) -> impl Iterator<Item = Position> {
        let sealed = self.mark.map(|mark| mark.position);
        sealed
            .into_iter()
            .chain(self.stored.filter(|stored| Some(*stored) != sealed))
    }

    /// Behind all that is sealed. A partition without a mark that has a position was begun before there was an index.
    fn unsealed(&self) -> u64 {
        match (self.mark, self.stored) {
            (Some(mark), _) => mark.position.next_offset,
            (None, Some(_)) => 0,
            (None, None) => self.bounds.start,
        }
    }

    async fn check(&self) -> Result<(), Error> {
        for position in self.positions() {
            if position.next_offset > self.bounds.end {
                return Err(Error::PositionAboveEnd {
                    partition: self.partition.clone(),
                    end: self.bounds.end,
                    next: position.next_offset,
                });
            }
        }
        self.check_kept(self.bounds.start)?;
        for position in self
            .positions()
            .filter(|position| position.next_offset > self.bounds.start)
        {
            self.compare(&position).await?;
        }
        Ok(())
    }

    /// Whether the log still has all that is not stored.
    fn check_kept(&self, start: u64) -> Result<(), Error> {
        // Rows come before the mark.
        match self.positions().map(|position| position.next_offset).max() {
            Some(next) if next < start => Err(Error::RecordsRemoved {
                partition: self.partition.clone(),
                start,
                next,
            }),
            _ => Ok(()),
        }
    }

    async fn compare(&self, position: &Position) -> Result<(), Error> {
        let partition = self.partition;
        let offset = position.next_offset - 1;
        let records = match self.log.read(partition, offset, 1, Duration::ZERO).await {
            // Log retention has been here since the bounds were read.
            Err(eventlog::Error::OffsetOutOfRange { start, .. }) if start > offset => {
                return self.check_kept(start);
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
}
