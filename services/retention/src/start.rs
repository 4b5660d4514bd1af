//! Where a partition goes on, and the proof that it is the partition that was read before.

use domain::source::Source;
use enriched::check::check;
use eventlog::{Log, TopicPartition};
use store::index::{Index, Mark};
use store::{Position, Progress};

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

/// Where a partition goes on: behind what is sealed, for what is stored and not sealed is read again.
///
/// Without any position that is the begin of the partition. A log that lacks records which are stored and not sealed is
/// refused but with `skip_unsealed`.
pub(crate) async fn of_partition(
    log: &dyn Log,
    (progress, index): (&dyn Progress, &dyn Index),
    partition: &TopicPartition,
    source: Source,
    skip_unsealed: bool,
) -> Result<Start, Error> {
    let stored = progress.position(SERVICE, source).await?;
    let mark = index.mark(source).await?;
    let sealed = mark.map(|mark| mark.position);
    let other = stored.filter(|stored| Some(*stored) != sealed);
    let positions: Vec<_> = sealed.into_iter().chain(other).collect();
    let bounds = check(log, SERVICE, partition, &positions).await?;
    // A partition without a mark that has a position was begun before there was an index.
    let next = match (sealed, stored) {
        (Some(sealed), _) => sealed.next_offset,
        (None, Some(_)) => 0,
        (None, None) => bounds.start,
    };
    let lacks_unsealed = next < bounds.start;
    if lacks_unsealed && !skip_unsealed {
        return Err(Error::UnsealedRemoved {
            partition: partition.clone(),
            start: bounds.start,
            next,
        });
    }
    Ok(Start {
        stored,
        mark,
        offset: next.max(bounds.start),
        lacks_unsealed,
    })
}
