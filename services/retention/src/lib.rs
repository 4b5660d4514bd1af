//! Retention: reads enriched events and writes them to the store, each once.
//!
//! It promises:
//! - a fate whose origin is not greater than the greatest that was applied is skipped, so fates that are
//!   written again, and records that are read again, change nothing;
//! - rows are durable before the position that covers them, so a crash in between only repeats puts;
//! - a partition goes on at the position in the store, after the record before it was compared with what the
//!   position remembers of it: a partition that is not the one that was read stops this process;
//! - a record that does not decode, or that comes before the one of the origin before its own, stops this process
//!   with an error that names it. Nothing is skipped.
//!
//! The commits of the group are for metrics of lag only. It deletes nothing: rows go by their expiry.
//!
//! - [`config`]: settings; `start`: where a partition goes on; `fate`: enriched record -> fate, pure;
//!   `worker`: one partition.

pub mod config;
mod error;
mod fate;
pub mod metric_definitions;
mod start;
mod worker;

use std::sync::Arc;

use chassis::clock::Clock;
use domain::source::{FIRST_GENERATION, Lane, Source};
use domain::topic;
use eventlog::runner::{self, Processor};
use eventlog::{Log, TopicPartition};
use store::{Events, Progress};
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use error::Error;

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
    /// Takes the positions.
    pub progress: Arc<dyn Progress>,
    /// Says which rows are expired.
    pub clock: Arc<dyn Clock>,
    /// The generation of the topics.
    pub generation: u32,
}

/// Stores this process's share of the partitions until `shutdown`.
pub async fn run(config: Config, deps: Deps, shutdown: CancellationToken) -> Result<(), Error> {
    metric_definitions::describe();
    let options = config.runner_options();
    let (log, group) = (deps.log.clone(), group(deps.generation));
    let processor = Arc::new(processor(&config, deps));
    runner::run(
        log,
        &group,
        &[topic::enriched(LANE)],
        processor,
        options,
        shutdown,
    )
    .await?;
    Ok(())
}

/// What makes the workers of partitions, for a runner or for a test that takes its part.
pub fn processor(config: &Config, deps: Deps) -> impl Processor + use<> {
    worker::Retainer::new(deps, config)
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
