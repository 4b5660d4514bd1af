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
use std::thread;
use std::time::Duration;

use chassis::lifecycle::{ProcessSignals, Signals};
use clap::Parser;
use tokio::runtime::{self, Runtime};

use crate::cli::{Cli, Usage};

/// How long connections to the engines may take to close when all is done, such as leaving a group.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to be told that the terminal is gone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::say(&format!("sluice: starting threads: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run(cli));
    close(runtime, code)
}

async fn run(cli: Cli) -> ExitCode {
    match commands::run(cli.command).await {
        Ok(code) => code,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::say(&format!("sluice: {}", output::error_text(&error)));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

/// Waits until connections are closed, which an engine that is away holds up; a signal ends the wait.
fn close(runtime: Runtime, code: ExitCode) -> ExitCode {
    let (closed, is_closed) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        runtime.shutdown_timeout(CLOSE_PATIENCE);
        let _ = closed.send(());
    });
    let Ok(waiting) = runtime::Builder::new_current_thread().enable_all().build() else {
        return code;
    };
    waiting.block_on(async {
        let Ok(mut signals) = ProcessSignals::listen() else {
            return code;
        };
        tokio::select! {
            _ = is_closed => code,
            () = signals.next() => ExitCode::FAILURE,
        }
    })
}
