//! From the start of a process to its end.

use super::{Abort, BoxError, Error, Signals, Tasks};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

/// How long tasks have, after the abort, to end before they are dropped.
pub const ABORT_PATIENCE: Duration = Duration::from_secs(1);

/// Runs what `start` starts until it is asked to stop or something goes wrong.
///
/// `start` connects, binds and spawns its tasks, then returns. `Ok` means that every task drained within `grace`;
/// an error says what went wrong first, or what cut the drain short.
pub async fn supervise<S, F, Fut, E>(grace: Duration, mut signals: S, start: F) -> Result<(), Error>
where
    S: Signals,
    F: FnOnce(Tasks) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    let tasks = Tasks::new();
    let mut life = pin!(live(&tasks, start(tasks.clone())));
    let result = tokio::select! {
        started = &mut life => started,
        cause = out_of_time(grace, &mut signals, &tasks) => {
            let unfinished = tasks.unfinished();
            tracing::warn!(%cause, ?unfinished, "aborting");
            tasks.shutdown().abort.cancel();
            // A start that fails because it is aborted is no news.
            let _ = timeout(ABORT_PATIENCE, &mut life).await;
            Err(Error::Aborted { cause, unfinished })
        }
    };
    tasks.drop_all();
    let Some(failure) = tasks.take_failure() else {
        return result;
    };
    if let Err(start @ Error::Start(_)) = result {
        tracing::warn!(error = start.chain(), "the start failed too");
    }
    Err(failure)
}

async fn live<E: Into<BoxError>>(
    tasks: &Tasks,
    start: impl Future<Output = Result<(), E>>,
) -> Result<(), Error> {
    let started = start.await.map_err(|error| Error::Start(error.into()));
    let drain = &tasks.shutdown().drain;
    if started.is_err() {
        drain.cancel();
    }
    drain.cancelled().await;
    tasks.ended().await;
    started
}

/// Begins the drain at the first signal and tells when it has to be cut short.
async fn out_of_time(grace: Duration, signals: &mut impl Signals, tasks: &Tasks) -> Abort {
    let drain = &tasks.shutdown().drain;
    let signalled = tokio::select! {
        () = signals.next() => true,
        () = drain.cancelled() => false,
    };
    drain.cancel();
    tracing::info!(
        grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX),
        signalled,
        "draining"
    );
    tokio::select! {
        () = tokio::time::sleep(grace) => Abort::Grace,
        () = second_signal(signals, signalled) => Abort::Signal,
    }
}

/// When the drain began by itself, the first signal only asks for what is under way.
async fn second_signal(signals: &mut impl Signals, had_first: bool) {
    if !had_first {
        signals.next().await;
    }
    signals.next().await;
}
