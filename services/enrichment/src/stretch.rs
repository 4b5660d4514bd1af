//! Records of a partition that are read again: those from one offset to another, as far as log retention has left them.

use std::ops::Range;
use std::time::Duration;

use eventlog::{Error, Log, Read, Record, TopicPartition};

const READ_BYTES: usize = 1 << 20;

/// Records that are read one chunk after the other.
pub(crate) struct Stretch<'a> {
    log: &'a dyn Log,
    partition: &'a TopicPartition,
    /// What is not read yet.
    offsets: Range<u64>,
}

impl<'a> Stretch<'a> {
    /// All that have these offsets. The partition must reach to the end of them.
    pub(crate) fn new(log: &'a dyn Log, partition: &'a TopicPartition, offsets: Range<u64>) -> Self {
        Self {
            log,
            partition,
            offsets,
        }
    }

    /// The next records, in order; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Vec<Record>, Error> {
        while !self.offsets.is_empty() {
            let next = self.offsets.start;
            let read = self.log.read(self.partition, next, READ_BYTES, Duration::ZERO);
            let Read {
                mut records,
                next: behind,
            } = match read.await {
                // Log retention has been here.
                Err(Error::OffsetOutOfRange { start, .. }) if start > next => {
                    self.offsets.start = start;
                    continue;
                }
                other => other?,
            };
            if behind == next {
                let reason = format!("record {next} of {} can't be read back", self.partition);
                return Err(Error::Unavailable { reason });
            }
            self.offsets.start = behind;
            records.truncate(records.partition_point(|record| record.offset < self.offsets.end));
            if !records.is_empty() {
                return Ok(records);
            }
        }
        Ok(Vec::new())
    }
}
