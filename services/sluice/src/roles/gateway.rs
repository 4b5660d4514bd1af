//! The role that takes events in, and passes reads on to query.

use std::sync::Arc;
use std::time::Duration;

use chassis::lifecycle::Tasks;
use chassis::{listen, random};
use domain::source::Lane;
use domain::topic;
use gateway::forward;

use super::Role;
use super::engines;
use super::process::Process;
use super::sockets::Api;
use super::starting::Starting;
use crate::commands::openapi;

/// Starts it.
pub(super) async fn start(process: Process, tasks: Tasks) -> anyhow::Result<()> {
    let listen = process.config.listen.gateway.clone();
    let api = Api::bind("listen.gateway", &listen).await?;
    let ops = listen::bind("listen.gateway.ops", listen.ops).await?;
    edge::metric_definitions::describe();
    let base = process.open(tasks, ops, Some(&api))?;
    let starting = Starting::on(&api, base.readiness.clone(), Arc::new(random::System))?;
    base.watch_redis()?;
    let query = base.readiness.register_informational(Role::Query.name());
    let watch = forward::watch(&base.config.forward, query)?;
    base.tasks.spawn("query probe", watch.run(base.drain()));
    let kafka = base.readiness.register(engines::KAFKA);
    let log = base
        .kafka(kafka, topic::accepted(Lane::Standard), Duration::ZERO)
        .await?;
    let plane = base.control_plane(&log).await?;
    let reads = forward::http(&base.config.forward, &plane.access)?;
    let grpc_reads = forward::grpc(&base.config.forward, &plane.access)?;
    let deps = gateway::Deps {
        log,
        generation: plane.view.state().generation(),
        writer: plane.writer(),
        access: plane.access,
        view: plane.view,
        sealer: plane.sealer,
        clock: plane.clock,
        random: plane.random,
        readiness: base.readiness.clone(),
        http: api.http,
        grpc: api.grpc,
        reads,
        grpc_reads,
        openapi: openapi::document()?,
    };
    let role = gateway::run(base.config.gateway.clone(), deps, base.drain());
    drop(starting);
    base.work(role);
    Ok(())
}
