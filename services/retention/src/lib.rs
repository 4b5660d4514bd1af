//! Retention: reads enriched events and writes them, and the index to search them by, to the store, each once.
//!
//! It promises:
//! - a fate whose origin is not greater than the greatest that was applied is skipped, so fates that are
//!   written again, and records that are read again, change nothing;
//! - rows are durable before the position that covers them, so a crash in between only repeats puts;
//! - each event that is stored is in the index before the position that covers it is: in a fresh segment, and since it
//!   was sealed in a listed unit;
//! - a partition goes on at the position in the store, after the record before it was compared with what the
//!   position remembers of it: a partition that is not the one that was read stops this process;
//! - a record that does not decode, or that comes before the one of the origin before its own, stops this process
//!   with an error that names it. Nothing is skipped.
//!
//! The commits of the group are for metrics of lag only. It deletes nothing: rows go by their expiry.
//!
//! - [`config`]: settings; `start`: where a partition goes on; `worker`: one partition.
//! - `batch`, `unsealed`: events -> segments of the index, and which are in memory, pure; `fresh`: those in the
//!   store; `units`, `seal`: from segments to units.
//! - [`merge`]: from several units to one; `recent`: what it need not read back; `merger`: the task that does it; [`rebuild`]: the index from the rows.

mod batch;
pub mod config;
mod error;
mod fresh;
pub mod merge;
mod merger;
pub mod metric_definitions;
pub mod rebuild;
mod recent;
mod seal;
mod start;
mod units;
mod unsealed;
mod worker;

use std::sync::Arc;

use chassis::clock::Clock;
use chassis::random::Random;
use domain::source::{FIRST_GENERATION, Lane, Source};
use domain::topic;
use eventlog::runner::{self, Processor};
use eventlog::{Log, TopicPartition};
use store::{Events, Index, Progress};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use error::Error;
pub use recent::Recent;

use crate::merger::{Merger, Queue};
use crate::worker::Retainer;

/// The name of this service in the store's progress, and of its consumer group.
pub const SERVICE: &str = store::STORING_SERVICE;

/// The lane that is stored.
const LANE: Lane = Lane::Standard;

/// What the service works on.
pub struct Deps {
    /// Has the enriched topic.
    pub log: Arc<dyn Log>,
    /// Takes the rows.
    pub events: Arc<dyn Events>,
    /// Takes the index.
    pub index: Arc<dyn Index>,
    /// Takes the positions.
    pub progress: Arc<dyn Progress>,
    /// Says which rows are expired.
    pub clock: Arc<dyn Clock>,
    /// Names what is written only once.
    pub random: Arc<dyn Random>,
    /// The generation of the topics.
    pub generation: u32,
}

/// Stores this process's share of the partitions until `shutdown`.
pub async fn run(config: Config, deps: Deps, shutdown: CancellationToken) -> Result<(), Error> {
    metric_definitions::describe();
    let options = config.runner_options();
    let (log, group) = (deps.log.clone(), group(deps.generation));
    // Dropped with this, whatever ends it.
    let mut merging = JoinSet::new();
    let recent = Arc::new(Recent::new(config.index.recent.as_usize()));
    let queue = if config.index.merge {
        let (merger, queue) = Merger::new(&deps, &config.index, recent.clone());
        merging.spawn(merger.run());
        queue
    } else {
        Queue::default()
    };
    let processor = Arc::new(Retainer::new(deps, &config, queue, recent));
    let topics = [topic::enriched(LANE)];
    let running = runner::run(log, &group, &topics, processor, options, shutdown);
    tokio::pin!(running);
    loop {
        tokio::select! {
            result = &mut running => return Ok(result?),
            Some(ended) = merging.join_next() => tracing::error!(?ended, "units are merged no more"),
        }
    }
}

/// What makes the workers of partitions, for a runner or for a test that takes its part. Nothing is merged; small units
/// that are written are in `recent`, for whoever merges them.
pub fn processor(config: &Config, deps: Deps, recent: Arc<Recent>) -> impl Processor + use<> {
    Retainer::new(deps, config, Queue::default(), recent)
}

/// The group of a generation: commits to topics that are gone must not be taken for commits to these.
fn group(generation: u32) -> String {
    match generation {
        FIRST_GENERATION => SERVICE.to_owned(),
        later => format!("{SERVICE}.g{later}"),
    }
}

/// The source that an enriched partition is.
fn source(partition: &TopicPartition, generation: u32) -> Source {
    Source {
        lane: LANE,
        generation,
        partition: partition.partition,
    }
}

#[cfg(test)]
mod tests;
