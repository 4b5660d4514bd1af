//! The program `engines`: what a command gets from it, and how both end.
//!
//! Kafka and Cassandra are named beforehand, so that only Redis starts; nobody connects to the others.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const DEADLINE: Duration = Duration::from_secs(30);

fn run(script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engines"));
    command.args(["run", "--", "sh", "-c", script]);
    command
        .env("SLUICE_TEST_KAFKA", "a:1")
        .env("SLUICE_TEST_CQL", "b:2")
        .env_remove("SLUICE_TEST_REDIS");
    command
}

/// Runs a command that tells the address of Redis, then waits for the end of its input.
fn run_until_told() -> (Child, String) {
    let mut command = run("echo $SLUICE_TEST_REDIS; exec cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let said = child.stdout.take().expect("it is a pipe");
    let mut line = String::new();
    BufReader::new(said)
        .read_line(&mut line)
        .expect("the command says something");
    let address = line.trim().to_owned();
    TcpStream::connect(&address).expect("Redis listens");
    (child, address)
}

#[test]
fn a_command_gets_the_addresses_and_gives_its_exit_code() {
    let output = run("echo $SLUICE_TEST_KAFKA $SLUICE_TEST_CQL $SLUICE_TEST_REDIS; exit 7")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let redis = told.trim().strip_prefix("a:1 b:2 127.0.0.1:").unwrap();
    assert!(redis.parse::<u16>().is_ok());
    assert_eq!(output.status.code(), Some(7));
    assert!(
        TcpStream::connect(format!("127.0.0.1:{redis}")).is_err(),
        "it was ended"
    );
}

#[test]
fn a_command_that_does_not_exist_is_a_failure() {
    let mut command = run("");
    let output = command.env("PATH", "/nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_signal_ends_the_command_and_the_engines() {
    let (mut child, redis) = run_until_told();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
    assert!(TcpStream::connect(redis).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_program_leaves_no_engine_behind() {
    let (mut child, redis) = run_until_told();
    child.kill().unwrap();
    child.wait().unwrap();
    let begin = Instant::now();
    while TcpStream::connect(&redis).is_ok() {
        assert!(begin.elapsed() < DEADLINE, "redis is still there");
    }
}
