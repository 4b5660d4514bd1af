//! One engine as a process: started, waited for, paused, killed, started again, and its log read.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::folder::Folder;
use crate::spawner;

/// How long a start or an end may take on a busy machine.
const DEADLINE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(20);
/// Lines of the log that a failure shows.
const TAIL: usize = 60;

/// Whether the engine answers; it gets what was logged since its last start.
pub(crate) type Ready = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// The start of an engine that another has made useless.
#[derive(Debug)]
pub(crate) struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the start was given up")
    }
}

impl Error for GivenUp {}

/// A process with a folder of its own. It is killed when dropped, and its folder removed.
pub(crate) struct Process {
    name: &'static str,
    words: Vec<OsString>,
    ready: Ready,
    child: Option<Child>,
    /// Length of the log when the process was started last.
    log_start: usize,
    log: PathBuf,
    dir: Folder,
}

impl Process {
    /// A process that is not started yet: `words` are its program and arguments.
    pub(crate) fn new(name: &'static str, words: Vec<OsString>, dir: Folder, ready: Ready) -> Self {
        Self {
            name,
            words,
            ready,
            child: None,
            log_start: 0,
            log: dir.path().join(format!("{name}.log")),
            dir,
        }
    }

    /// Starts it and waits until it answers, or until `given_up`.
    pub(crate) fn start(&mut self, given_up: &AtomicBool) -> Result<()> {
        assert!(self.child.is_none(), "{} is running", self.name);
        let log = File::options().create(true).append(true).open(&self.log)?;
        self.log_start = self.log().len();
        let program = self.words[0].display();
        let child = spawner::spawn(&self.words, &log).with_context(|| format!("starting {program}"))?;
        self.child = Some(child);

        let begin = Instant::now();
        while !self.answers() {
            if let Some(status) = self.has_ended()? {
                bail!("{} ended while starting: {status}\n{}", self.name, self.tail());
            }
            if given_up.load(Ordering::Relaxed) {
                bail!(GivenUp);
            }
            if begin.elapsed() > DEADLINE {
                bail!(
                    "{} did not answer within {DEADLINE:?}\n{}",
                    self.name,
                    self.tail()
                );
            }
            poll();
        }
        Ok(())
    }

    fn answers(&self) -> bool {
        let log = self.log();
        (self.ready)(log.get(self.log_start..).unwrap_or_default())
    }

    /// Ends it at once, as a power cut of the process would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both can only fail because it has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn stop(&mut self) {
        if self.child.is_none() {
            return;
        }
        self.signal(Signal::TERM);
        // A paused process would only take the request when it goes on.
        self.signal(Signal::CONT);
        let begin = Instant::now();
        while self.has_ended().expect("a child can be waited for").is_none() {
            assert!(
                begin.elapsed() < DEADLINE,
                "{} did not stop\n{}",
                self.name,
                self.tail()
            );
            poll();
        }
    }

    /// Stops it where it is: its connections stay open, and nothing answers.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a paused process go on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Starts it again with the same ports and data; one that runs is stopped first.
    pub(crate) fn restart(&mut self) {
        self.stop();
        let never = AtomicBool::new(false);
        self.start(&never).unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.running().id()
    }

    /// All that it has logged.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Its folder.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    fn running(&self) -> &Child {
        let name = self.name;
        self.child
            .as_ref()
            .unwrap_or_else(|| panic!("{name} is not running"))
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(self.running());
        // It fails only for a child that has ended, which whoever waits for it learns by waiting.
        let _ = kill_process(pid, signal);
    }

    fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else {
            return Ok(None);
        };
        let status = child.try_wait()?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a child's end and its log have no event to wait on, and callers are plain threads"
)]
fn poll() {
    thread::sleep(POLL);
}

/// What all engines can, each holding its `process`.
macro_rules! engine {
    ($engine:ident) => {
        impl $engine {
            /// Ends it at once, as a power cut of the process would.
            pub fn kill(&mut self) {
                self.process.kill();
            }

            /// Asks it to end and waits until it has.
            pub fn stop(&mut self) {
                self.process.stop();
            }

            /// Stops it where it is: its connections stay open, and nothing answers.
            pub fn pause(&self) {
                self.process.pause();
            }

            /// Lets a paused one go on.
            pub fn resume(&self) {
                self.process.resume();
            }

            /// Starts it again on the same port with the same data, and waits until it answers.
            ///
            /// One that runs is stopped first.
            pub fn restart(&mut self) {
                self.process.restart();
            }

            /// Its process id. It must be running.
            pub fn pid(&self) -> u32 {
                self.process.pid()
            }

            /// All that it has logged.
            pub fn log(&self) -> String {
                self.process.log()
            }

            /// Its folder, with its configuration, data and log.
            pub fn dir(&self) -> &std::path::Path {
                self.process.dir()
            }
        }
    };
}
pub(crate) use engine;
