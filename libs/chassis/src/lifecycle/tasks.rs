//! Named tasks: who is running, and who ended the whole first.

use super::{Error, Shutdown};
use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::{AbortHandle, JoinError, JoinHandle};
use tokio_util::task::TaskTracker;

/// Any error of a task; `anyhow::Error` converts into it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Starts the tasks of a process; a cheap handle that tasks may keep.
#[derive(Clone, Debug)]
pub struct Tasks {
    shutdown: Shutdown,
    tracker: TaskTracker,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    next_id: u64,
    running: BTreeMap<u64, Running>,
    first_failure: Option<Error>,
}

#[derive(Debug)]
struct Running {
    name: String,
    attends: bool,
    abort: AbortHandle,
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self {
            shutdown: Shutdown::new(),
            tracker: TaskTracker::new(),
            state: Arc::default(),
        }
    }

    /// The tokens that tell tasks when to stop. Cancelling `drain` asks the whole to end well.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Starts a task that runs until the drain and then finishes by itself; the process ends after it has.
    pub fn spawn<F, E>(&self, name: impl Into<String>, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        let watch = self.start(name.into(), false, task);
        self.tracker.spawn(watch);
    }

    /// Starts a task that serves the others, such as the ops server: it runs through the drain and is dropped
    /// when all tasks of [`spawn`](Self::spawn) have ended.
    pub fn attend<F, E>(&self, name: impl Into<String>, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        let watch = self.start(name.into(), true, task);
        tokio::spawn(watch);
    }

    /// Waits until every task of `spawn` has ended; to be called once the drain has begun.
    pub(super) async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Names of the tasks of `spawn` that are still running.
    pub(super) fn unfinished(&self) -> Vec<String> {
        let state = self.state();
        state
            .running
            .values()
            .filter(|running| !running.attends)
            .map(|running| running.name.clone())
            .collect()
    }

    /// Drops every task that is still running.
    pub(super) fn drop_all(&self) {
        self.state()
            .running
            .values()
            .for_each(|running| running.abort.abort());
    }

    /// What went wrong first, if anything did.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.state().first_failure.take()
    }

    fn start<F, E>(&self, name: String, attends: bool, task: F) -> impl Future<Output = ()> + Send + 'static
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        // Locked across the spawn, so that the task can't end before it is entered.
        let mut state = self.state();
        let id = state.next_id;
        state.next_id += 1;
        tracing::debug!(task = name, "task started");
        let handle = tokio::spawn(task);
        state.running.insert(
            id,
            Running {
                name,
                attends,
                abort: handle.abort_handle(),
            },
        );
        drop(state);
        let tasks = self.clone();
        async move { tasks.watch(id, handle).await }
    }

    async fn watch<E: Into<BoxError>>(self, id: u64, handle: JoinHandle<Result<(), E>>) {
        let end = handle.await;
        let mut state = self.state();
        let Some(Running { name, .. }) = state.running.remove(&id) else {
            return;
        };
        let Some(error) = failure(name, end, self.shutdown.drain.is_cancelled()) else {
            return;
        };
        if state.first_failure.is_none() {
            state.first_failure = Some(error);
        } else {
            // Only the first is returned, and so logged by whoever gets it.
            tracing::warn!(error = error.chain(), "another task did not end well");
        }
        drop(state);
        self.shutdown.drain.cancel();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure<E: Into<BoxError>>(
    name: String,
    end: Result<Result<(), E>, JoinError>,
    draining: bool,
) -> Option<Error> {
    match end {
        Ok(Ok(())) if draining => None,
        Ok(Ok(())) => Some(Error::EndedEarly { name }),
        Ok(Err(error)) => Some(Error::Failed {
            name,
            source: error.into(),
        }),
        Err(stopped) => {
            // Otherwise it was dropped by us.
            let panic = stopped.try_into_panic().ok()?;
            Some(Error::Panicked {
                name,
                message: panic_message(&*panic),
            })
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
