//! A process's life: named tasks run until a signal, then drain, then are aborted if they take too long.
//!
//! - The first SIGTERM or SIGINT **drains**: [`Shutdown::drain`] is cancelled, tasks finish what they hold.
//! - A second signal, or the end of the grace period, **aborts**: [`Shutdown::abort`] is cancelled, and tasks
//!   that have not ended [`ABORT_PATIENCE`] later are dropped.
//! - A task that fails, panics, or ends before the drain takes the whole down, and the result names it.
//!
//! It restarts nothing: the orchestrator starts the process again.

mod shutdown;
mod signals;
mod supervise;
mod tasks;

pub use shutdown::Shutdown;
pub use signals::{ProcessSignals, Signals};
pub use supervise::{ABORT_PATIENCE, supervise};
pub use tasks::{BoxError, Tasks};

/// Why a process did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The start itself failed.
    #[error("the start failed")]
    Start(#[source] BoxError),
    /// A task failed.
    #[error("task `{name}` failed")]
    Failed {
        /// The task.
        name: String,
        /// What it failed with.
        #[source]
        source: BoxError,
    },
    /// A task panicked.
    #[error("task `{name}` panicked: {message}")]
    Panicked {
        /// The task.
        name: String,
        /// What it said.
        message: String,
    },
    /// A task ended although nobody had asked for it.
    #[error("task `{name}` ended before the shutdown")]
    EndedEarly {
        /// The task.
        name: String,
    },
    /// The drain was cut short.
    #[error("aborted {cause}; unfinished: {}", unfinished.join(", "))]
    Aborted {
        /// What cut it short.
        cause: Abort,
        /// The tasks that had not ended by then; none when it was the start.
        unfinished: Vec<String>,
    },
}

impl Error {
    /// The message and those of its causes, on one line.
    fn chain(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        causes.fold(self.to_string(), |text, cause| format!("{text}: {cause}"))
    }
}

/// What cut a drain short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abort {
    /// A second signal.
    Signal,
    /// The end of the grace period.
    Grace,
}

impl std::fmt::Display for Abort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Signal => "by a second signal",
            Self::Grace => "at the end of the grace period",
        })
    }
}

#[cfg(test)]
mod tests;
