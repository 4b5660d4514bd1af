//! The role that gives each event its context: from Kafka to Kafka.

use std::sync::Arc;
use std::time::Duration;

use chassis::lifecycle::Tasks;
use chassis::listen;
use chassis::random;
use domain::source::Lane;
use domain::topic;

use super::engines;
use super::process::Process;

/// Starts it.
pub(super) async fn start(process: Process, tasks: Tasks) -> anyhow::Result<()> {
    let ops = listen::bind("listen.enrichment.ops", process.config.listen.enrichment.ops).await?;
    let base = process.open(tasks, ops, None)?;
    let kafka = base.readiness.register(engines::KAFKA);
    let log = base
        .kafka(kafka, topic::accepted(Lane::Standard), Duration::ZERO)
        .await?;
    let generation = base.generation(&log).await?;
    let deps = enrichment::Deps {
        log,
        generation,
        random: Arc::new(random::System),
    };
    let role = enrichment::run(base.config.enrichment.clone(), deps, base.drain());
    base.work(role);
    Ok(())
}
