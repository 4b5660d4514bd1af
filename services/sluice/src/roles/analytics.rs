//! The role that counts events: from Kafka to the store.

use std::sync::Arc;
use std::time::Duration;

use chassis::clock;
use chassis::lifecycle::Tasks;
use chassis::listen;
use domain::source::Lane;
use domain::topic;

use super::engines;
use super::process::Process;

/// Starts it.
pub(super) async fn start(process: Process, tasks: Tasks) -> anyhow::Result<()> {
    let ops = listen::bind("listen.analytics.ops", process.config.listen.analytics.ops).await?;
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
    let deps = analytics::Deps {
        log,
        rollups: store.clone(),
        progress: store,
        clock: Arc::new(clock::System),
        generation,
    };
    let role = analytics::run(base.config.analytics.clone(), deps, base.drain());
    base.work(role);
    Ok(())
}
