//! The program `sluice`: every role, all of them in one process, and the command line.

mod cli;
mod client;
mod commands;
mod control_plane;
mod output;
mod pepper;
mod roles;
mod secret_file;
mod send;
mod standalone;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Usage};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to be told that the terminal is gone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match commands::run(cli.command).await {
        Ok(code) => code,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::say(&format!("sluice: {}", output::error_text(&error)));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}
