//! Runs a command beside the three engines, or keeps them for a developer.
//!
//! What it has to say goes to stderr; stdout belongs to the command, or to the lines that a shell may take.

mod session;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "\
Real Kafka, Cassandra and Redis, on this machine and without Docker

usage: engines run [--throughput] -- COMMAND [ARGS...]
                         starts the three, runs COMMAND with their addresses in SLUICE_TEST_KAFKA,
                         SLUICE_TEST_CQL and SLUICE_TEST_REDIS, and ends them; what is set already is used
       engines up        starts the three, prints how to connect, and ends them on Ctrl-C
       engines fetch     fetches the jars of Kafka and Cassandra, so that the others need no network

--throughput tunes the Java engines for speed and not for a quick start
";

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&str> = args.iter().map_while(|arg| arg.to_str()).collect();
    let result = match words.as_slice() {
        ["run", "--", _, ..] => session::run(engines::Tuning::Start, &args[2..]),
        ["run", "--throughput", "--", _, ..] => session::run(engines::Tuning::Throughput, &args[3..]),
        ["up"] => session::up(),
        ["fetch"] => session::fetch(),
        ["help" | "--help" | "-h"] => {
            let _ = io::stdout().write_all(USAGE.as_bytes());
            return ExitCode::SUCCESS;
        }
        _ => {
            let _ = io::stderr().write_all(USAGE.as_bytes());
            return ExitCode::from(64);
        }
    };
    result.unwrap_or_else(|error| {
        session::say(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}
