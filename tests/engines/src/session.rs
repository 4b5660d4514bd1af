//! What the program does between its start and its end, signals included.
//!
//! The engines end after the command, whatever ends it: a command that still writes must not see them go.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use engines::{Ports, Trio, Tuning};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{self, SignalKind};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// How long a command may take to end after a signal, before the next stronger one.
const GRACE: Duration = Duration::from_secs(15);

/// Says something to whoever watches.
pub(crate) fn say(what: &str) {
    let _ = writeln!(io::stderr(), "engines: {what}");
}

/// Fetches the jars and prints where they are.
pub(crate) fn fetch() -> Result<ExitCode> {
    for dir in engines::fetch()? {
        writeln!(io::stdout(), "{}", dir.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a command beside the engines; its exit code is ours.
pub(crate) fn run(tuning: Tuning, command: &[OsString]) -> Result<ExitCode> {
    runtime()?.block_on(async {
        let mut signals = Signals::listen()?;
        let trio = match start(Ports::default(), tuning, &mut signals).await? {
            Ok(trio) => trio,
            Err(signal) => return Ok(signal.exit_code()),
        };
        let (program, args) = command.split_first().context("a command has a program")?;
        let mut child = Command::new(program);
        child.args(args).envs(trio.variables());
        let child = child
            .spawn()
            .with_context(|| format!("starting {}", Path::new(program).display()))?;
        let status = watch_over(child, &mut signals).await?;
        ended(trio).await?;
        Ok(exit_code(status))
    })
}

/// Keeps the engines until a signal comes.
pub(crate) fn up() -> Result<ExitCode> {
    runtime()?.block_on(async {
        let mut signals = Signals::listen()?;
        let trio = match start(Ports::STANDARD, Tuning::Throughput, &mut signals).await? {
            Ok(trio) => trio,
            Err(signal) => return Ok(signal.exit_code()),
        };
        let dir = TempDir::with_prefix("sluice-settings-")?;
        let config = dir.path().join("sluice.toml");
        fs::write(&config, settings(&trio)?)?;
        print_how_to_connect(&trio, &config)?;
        signals.next().await;
        say("ending");
        ended(trio).await?;
        Ok(ExitCode::SUCCESS)
    })
}

fn runtime() -> Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")
}

/// The engines, or the signal that came before they were there.
async fn start(ports: Ports, tuning: Tuning, signals: &mut Signals) -> Result<Result<Trio, Ending>> {
    say("starting Kafka, Cassandra and Redis");
    let given_up = Arc::new(AtomicBool::new(false));
    let given_up_here = Arc::clone(&given_up);
    let mut starting = spawn_blocking(move || Trio::start(ports, tuning, &given_up_here));
    tokio::select! {
        trio = &mut starting => Ok(Ok(trio??)),
        signal = signals.next() => {
            given_up.store(true, Ordering::Relaxed);
            // What was started is ended there, and its folders removed.
            let _ = starting.await;
            Ok(Err(signal))
        }
    }
}

/// Ends the engines, outside of the thread that takes signals.
async fn ended(trio: Trio) -> Result<()> {
    Ok(spawn_blocking(move || drop(trio)).await?)
}

/// Waits for the end of a command; what asks us to end, it is asked too.
async fn watch_over(mut child: Child, signals: &mut Signals) -> Result<ExitStatus> {
    let pid = Pid::from_child(&child);
    // It stays a zombie until the end of this function, so that its id is no other process's.
    let leave = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    let mut ending = spawn_blocking(move || waitid(WaitId::Pid(pid), leave));
    let asked = tokio::select! {
        _ = &mut ending => return Ok(child.wait()?),
        signal = signals.next() => signal,
    };
    let steps: &[Option<Signal>] = match asked {
        // Ctrl-C in a terminal reaches the command by itself, and a second one would ask for haste.
        Ending::Interrupt => &[None, Some(Signal::TERM), Some(Signal::KILL)],
        Ending::Terminate => &[Some(Signal::TERM), Some(Signal::KILL)],
    };
    for step in steps {
        if let Some(signal) = *step {
            let _ = kill_process(pid, signal);
        }
        tokio::select! {
            _ = &mut ending => break,
            _ = signals.next() => {}
            () = sleep(GRACE) => {}
        }
    }
    Ok(child.wait()?)
}

/// The code of a command, as a shell gives it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    let code = code.and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

fn print_how_to_connect(trio: &Trio, config: &Path) -> Result<()> {
    let mut out = io::stdout();
    for (name, address) in trio.variables() {
        writeln!(out, "export {name}={address}")?;
    }
    out.flush()?;
    let [kafka, cql, redis] = trio.addresses();
    let config = config.display();
    say(&format!(
        "Kafka {kafka}, Cassandra {cql}, Redis {redis}; what they hold goes when they end

  tests on them, with the lines above in another shell:
    cargo nextest run -p CRATE

  the roles on them, each in a shell of its own:
    sluice migrate --config {config}
    sluice keys bootstrap --config {config}
    sluice gateway --config {config}
    sluice enrichment --config {config}
    sluice retention --config {config}
    sluice query --config {config}

  Ctrl-C ends them"
    ));
    Ok(())
}

/// Settings of every role for these engines, with a pepper of their own, which ends with their data.
fn settings(trio: &Trio) -> Result<String> {
    let [kafka, cql, redis] = trio.addresses();
    let mut secret = [[0; 16]; 2];
    File::open("/dev/urandom")?.read_exact(secret.as_flattened_mut())?;
    let [one, other] = secret.map(u128::from_ne_bytes);
    Ok(format!(
        "dev = true

[auth]
pepper = \"local {one:032x}{other:032x}\"

[kafka]
brokers = \"{kafka}\"
replication = 1
min_insync = 1

[cql]
nodes = \"{cql}\"
replication_factor = 1

[redis]
address = \"{redis}\"
"
    ))
}

/// What asks the program to end.
#[derive(Clone, Copy)]
enum Ending {
    Interrupt,
    Terminate,
}

impl Ending {
    fn exit_code(self) -> ExitCode {
        match self {
            Self::Interrupt => ExitCode::from(130),
            Self::Terminate => ExitCode::from(143),
        }
    }
}

struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Ending {
        tokio::select! {
            _ = self.interrupt.recv() => Ending::Interrupt,
            _ = self.terminate.recv() => Ending::Terminate,
        }
    }
}
