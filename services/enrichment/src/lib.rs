//! Enrichment: reads accepted events, finds out about them, writes their fates to the enriched topic.
//!
//! It promises:
//! - the fate of an accepted record goes to the partition of the same number, with the same key and the
//!   accepted offset as its `origin`;
//! - fates are appended in the order of their origins and without gaps, beginning at or below the committed
//!   offset, so every prefix of an enriched partition has every origin up to its greatest;
//! - an offset is committed after its fate was acknowledged.
//!
//! It does not promise that a fate is written once. After a crash, a rebalance or a failed append fates are
//! written again, by this process or by the next owner of the partition, perhaps by both at once. That is
//! harmless: a fate is a function of its accepted record and of those shortly before it, and readers skip an origin that
//! is not greater than the greatest they have applied. Because of the prefixes they lose nothing by it.
//!
//! A record that repeats an earlier one of its partition (`domain::dedup`) gets a marker, an empty value with the header
//! `fate: duplicate`. What is remembered for it is read again from the log when a partition is taken on.
//!
//! A record that does not decode can never be enriched. It gets a marker, an empty value with the header
//! `fate: dead`, an error in the log of this process and a count. There is no topic of dead letters yet: the
//! accepted topic keeps the bytes for as long as it keeps anything.
//!
//! - [`config`]: settings; `fate`: accepted record -> fate, pure; `start`: where a partition goes on; `rebuild`: what
//!   it remembers there; `stretch`: records that are read again; `worker`: one partition; `appender`: the sequence of
//!   appends that the workers share.

mod appender;
pub mod config;
mod error;
mod fate;
pub mod metric_definitions;
mod rebuild;
mod start;
mod stretch;
mod worker;

use std::sync::Arc;

use chassis::random::Random;
use domain::source::{FIRST_GENERATION, Lane};
use domain::topic;
use eventlog::Log;
use eventlog::runner::{self, Processor};
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use error::Error;

/// The consumer group. Its commits say how far this service has come.
pub const GROUP: &str = "enrichment";

/// The lane that is enriched.
const LANE: Lane = Lane::Standard;

/// What the service works on.
pub struct Deps {
    /// Has the accepted and the enriched topic.
    pub log: Arc<dyn Log>,
    /// The generation of the topics.
    pub generation: u32,
    /// Makes the key of the hashes by which repeated events are found.
    pub random: Arc<dyn Random>,
}

/// Enriches this process's share of the partitions until `shutdown`.
///
/// Refuses to start when the two topics differ in their number of partitions.
pub async fn run(config: Config, deps: Deps, shutdown: CancellationToken) -> Result<(), Error> {
    metric_definitions::describe();
    start::check_partitions(&*deps.log).await?;
    let options = config.runner_options();
    let (log, group) = (deps.log.clone(), group(deps.generation));
    let processor = Arc::new(processor(&config, deps));
    runner::run(
        log,
        &group,
        &[topic::accepted(LANE)],
        processor,
        options,
        shutdown,
    )
    .await?;
    Ok(())
}

/// What makes the workers of partitions, for a runner or for a test that takes its part.
pub fn processor(config: &Config, deps: Deps) -> impl Processor + use<> {
    worker::Enricher::new(config, deps)
}

/// The group of a generation: commits to topics that are gone must not be taken for commits to these.
fn group(generation: u32) -> String {
    match generation {
        FIRST_GENERATION => GROUP.to_owned(),
        later => format!("{GROUP}.g{later}"),
    }
}

#[cfg(test)]
mod tests;
