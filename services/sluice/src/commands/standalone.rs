//! `sluice standalone`: settings, telemetry, and the life of the process.

use anyhow::Context;
use chassis::lifecycle::{ProcessSignals, supervise};
use chassis::{config, telemetry};

use crate::cli::Standalone;
use crate::standalone::assembly::Assembly;
use crate::standalone::config::{Config, overrides};

pub(super) async fn run(args: Standalone) -> anyhow::Result<()> {
    let settings = &args.settings;
    let config: Config = config::load(settings.config.as_deref(), &overrides(settings))?;
    let telemetry = telemetry::init(&config.telemetry).context("starting telemetry")?;
    let signals = ProcessSignals::listen().context("listening for signals")?;
    let grace = config.shutdown_grace.duration();
    let assembly = Assembly {
        config,
        dir: args.data_dir,
        program: std::env::args().next().unwrap_or_else(|| "sluice".to_owned()),
        metrics: telemetry.metrics(),
    };
    let result = supervise(grace, signals, |tasks| assembly.start(tasks)).await;
    telemetry.flush();
    Ok(result?)
}
