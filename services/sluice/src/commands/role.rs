//! `sluice gateway`, `sluice enrichment`, `sluice analytics`, `sluice retention`, `sluice query`: settings, telemetry,
//! and the life of the process.

use anyhow::Context;
use chassis::lifecycle::{ProcessSignals, supervise};
use chassis::{config, telemetry};

use crate::cli::RunRole;
use crate::roles::Role;
use crate::roles::config::Config;
use crate::roles::process::Process;

pub(super) async fn run(role: Role, args: RunRole) -> anyhow::Result<()> {
    let config: Config = config::load(args.config.as_deref(), &[])?;
    config.check_needs_of(role)?;
    let telemetry = telemetry::init(&config.telemetry).context("starting telemetry")?;
    let signals = ProcessSignals::listen().context("listening for signals")?;
    let grace = config.shutdown_grace.duration();
    let process = Process {
        role,
        config,
        metrics: telemetry.metrics(),
        addresses_file: args.addresses_file,
    };
    let result = supervise(grace, signals, |tasks| process.start(tasks)).await;
    telemetry.flush();
    Ok(result?)
}
