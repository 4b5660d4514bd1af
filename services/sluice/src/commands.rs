//! What each command does, one file each.

mod bootstrap;
mod completions;
mod config;
mod delete;
mod get;
mod index;
mod keys;
mod migrate;
pub(crate) mod openapi;
mod ready;
mod role;
mod search;
mod send;
mod standalone;
mod stats;
mod tenants;

use std::process::ExitCode;

use crate::cli::Command;
use crate::roles::Role;

/// Runs a command to its end. An error means exit code 1, or 2 if it is a [`Usage`](crate::cli::Usage).
pub(crate) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Standalone(args) => standalone::run(args).await?,
        Command::Gateway(args) => role::run(Role::Gateway, args).await?,
        Command::Enrichment(args) => role::run(Role::Enrichment, args).await?,
        Command::Analytics(args) => role::run(Role::Analytics, args).await?,
        Command::Retention(args) => role::run(Role::Retention, args).await?,
        Command::Query(args) => role::run(Role::Query, args).await?,
        Command::Migrate(args) => migrate::run(args).await?,
        Command::Index { command } => index::run(command).await?,
        Command::Ready(args) => ready::run(args).await?,
        Command::Send(args) => return send::run(args).await,
        Command::Search(args) => return search::run(args).await,
        Command::Stats(args) => stats::run(args).await?,
        Command::Get(args) => get::run(args).await?,
        Command::Delete(args) => delete::run(args).await?,
        Command::Tenants { command } => tenants::run(command).await?,
        Command::Keys { command } => keys::run(command).await?,
        Command::Config { command } => config::run(command)?,
        Command::Openapi => openapi::run()?,
        Command::Completions { shell } => completions::run(shell)?,
    }
    Ok(ExitCode::SUCCESS)
}
