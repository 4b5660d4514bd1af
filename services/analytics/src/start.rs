//! Where a partition goes on.

use domain::source::Source;
use enriched::check::check;
use eventlog::{Log, TopicPartition};
use store::{Position, Progress};

use crate::SERVICE;
use crate::error::Error;

/// Where a partition goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// Up to where every row is durable.
    pub(crate) stored: Option<Position>,
    /// The first record to read.
    pub(crate) offset: u64,
}

/// Where a partition goes on: behind what is durable, or at the begin where nothing is.
pub(crate) async fn of_partition(
    log: &dyn Log,
    progress: &dyn Progress,
    partition: &TopicPartition,
    source: Source,
) -> Result<Start, Error> {
    let stored = progress.position(SERVICE, source).await?;
    let bounds = check(log, SERVICE, partition, stored.as_slice()).await?;
    // The record before the position may be all that the log has removed.
    let offset = stored.map_or(bounds.start, |position| position.next_offset);
    Ok(Start { stored, offset })
}
