//! Analytics: reads enriched events and counts them in windows of time, each once.
//!
//! It promises:
//! - a row holds what its source has up to one origin, and that origin: an event is folded into it when its origin is
//!   greater, so records that are read again change nothing;
//! - a row is written with a stamp that only grows with what is folded into it, so of two workers of one partition,
//!   one of which has woken up late, the one that has come further wins;
//! - the position of the source is written when every row that an origin up to it has changed is durable;
//! - a partition goes on at its position, after the record before it was compared with what the position remembers of
//!   it. A record that can't be read stops this process with an error that names it. Nothing is skipped.
//!
//! Windows are those of the time of the event. Rows of minutes are written about once a second, those of hours less
//! often. What a partition holds in memory is bounded; what is asked for again is read from the store.
//!
//! It does not know who asks: rows of several sources are summed up by those who read them.
//!
//! - [`config`]: settings; `start`: where a partition goes on; `worker`: one partition; `windows`: what it has in
//!   memory, pure; `rows`: its rows in the store.

pub mod config;
mod error;
pub mod metric_definitions;
mod rows;
mod start;
mod windows;
mod worker;

use std::sync::Arc;

use chassis::clock::Clock;
use domain::source::{FIRST_GENERATION, Lane, Source};
use domain::topic;
use eventlog::runner::{self, Processor};
use eventlog::{Log, TopicPartition};
use store::{Progress, Rollups};
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use error::Error;

use crate::worker::Counter;

/// The name of this service in the store's progress, and of its consumer group.
pub const SERVICE: &str = store::COUNTING_SERVICE;

/// The lane that is counted.
const LANE: Lane = Lane::Standard;

/// What the service works on.
pub struct Deps {
    /// Has the enriched topic.
    pub log: Arc<dyn Log>,
    /// Takes the rows.
    pub rollups: Arc<dyn Rollups>,
    /// Takes the positions.
    pub progress: Arc<dyn Progress>,
    /// Says which rows are expired, and how long they live.
    pub clock: Arc<dyn Clock>,
    /// The generation of the topics.
    pub generation: u32,
}

/// Counts the events of this process's share of the partitions until `shutdown`.
pub async fn run(config: Config, deps: Deps, shutdown: CancellationToken) -> Result<(), Error> {
    metric_definitions::describe();
    let options = config.runner_options();
    let (log, group) = (deps.log.clone(), group(deps.generation));
    let processor = Arc::new(processor(&config, deps));
    let topics = [topic::enriched(LANE)];
    runner::run(log, &group, &topics, processor, options, shutdown).await?;
    Ok(())
}

/// What makes the workers of partitions, for a runner or for a test that takes its part.
pub fn processor(config: &Config, deps: Deps) -> impl Processor + use<> {
    Counter::new(deps, config)
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
