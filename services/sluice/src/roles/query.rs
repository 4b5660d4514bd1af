//! The role that finds events and tells statistics of them: the store over HTTP and gRPC.

use std::sync::Arc;
use std::time::Duration;

use chassis::lifecycle::Tasks;
use chassis::{listen, random};
use domain::topic;

use super::engines;
use super::process::Process;
use super::sockets::Api;
use super::starting::Starting;

/// Without Kafka it knows of no change of keys, nor how fresh statistics are; for so long what it knows is good enough.
const KEYS_ARE_TRUSTED_FOR: Duration = Duration::from_secs(30);

/// Starts it.
pub(super) async fn start(process: Process, tasks: Tasks) -> anyhow::Result<()> {
    let listen = process.config.listen.query.clone();
    let api = Api::bind("listen.query", &listen).await?;
    let ops = listen::bind("listen.query.ops", listen.ops).await?;
    edge::metric_definitions::describe();
    let base = process.open(tasks, ops, Some(&api))?;
    let starting = Starting::on(&api, base.readiness.clone(), Arc::new(random::System))?;
    let (kafka, cassandra) = (
        base.readiness.register(engines::KAFKA),
        base.readiness.register(engines::CASSANDRA),
    );
    let log = base.kafka(kafka, topic::CONTROL, KEYS_ARE_TRUSTED_FOR).await?;
    let plane = base.control_plane(&log).await?;
    let store = Arc::new(base.cassandra(cassandra).await?);
    let deps = query::Deps {
        events: store.clone(),
        index: store.clone(),
        rollups: store.clone(),
        progress: store,
        log,
        generation: plane.view.state().generation(),
        access: plane.access,
        sealer: plane.sealer,
        clock: plane.clock,
        random: plane.random.clone(),
    };
    let service = query::Service::new(deps, base.config.query.clone());
    drop(starting);
    let listeners = query::Listeners {
        http: api.http,
        grpc: api.grpc,
        readiness: base.readiness.clone(),
    };
    let role = query::run(service, listeners, base.drain());
    base.work(role);
    Ok(())
}
