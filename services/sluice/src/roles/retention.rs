//! The role that stores events: from Kafka to the store.

use std::sync::Arc;
use std::time::Duration;

use chassis::clock;
use chassis::lifecycle::Tasks;
use chassis::listen;
use chassis::random;
use domain::source::Lane;
use domain::topic;

use super::engines;
use super::process::Process;

/// Starts it.
pub(super) async fn start(process: Process, tasks: Tasks) -> anyhow::Result<()> {
    let ops = listen::bind("listen.retention.ops", process.config.listen.retention.ops).await?;
    let base = process.open(tasks, ops, None)?;
    let (kafka, cassandra) = (
        base.readiness.register(engines::KAFKA),
        base.readiness.register(engines::CASSANDRA),
    );
    let log = base
        .kafka(kafka, topic::enriched(Lane::Standard), Duration::ZERO)
        .await?;
    let generation = base.generation(&log).await?;
    let store = Arc::new(base.cassandra(cassandra).await?);
    let deps = retention::Deps {
        log,
        events: store.clone(),
        index: store.clone(),
        progress: store,
        clock: Arc::new(clock::System),
        random: Arc::new(random::System),
        generation,
    };
    let role = retention::run(base.config.retention.clone(), deps, base.drain());
    base.work(role);
    Ok(())
}
