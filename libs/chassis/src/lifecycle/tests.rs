//! Lives of small processes, in paused time and without real signals.

use super::*;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

const GRACE: Duration = Duration::from_secs(30);

/// A source that has these signals waiting, and never another.
fn signals(count: usize) -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(count.max(1));
    (0..count).for_each(|_| sender.try_send(()).unwrap());
    receiver
}

const OK: Result<(), Infallible> = Ok(());

#[tokio::test(start_paused = true)]
async fn the_first_signal_drains() {
    let result = supervise(GRACE, signals(1), async |tasks: Tasks| {
        let shutdown = tasks.shutdown().clone();
        tasks.spawn("worker", async move {
            shutdown.drain.cancelled().await;
            assert!(!shutdown.abort.is_cancelled());
            sleep(GRACE / 2).await;
            OK
        });
        OK
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_grace_period_aborts() {
    let began = Instant::now();
    let result = supervise(GRACE, signals(1), async |tasks: Tasks| {
        tasks.spawn("stuck", pending::<Result<(), Infallible>>());
        OK
    })
    .await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "aborted at the end of the grace period; unfinished: stuck"
    );
    assert_eq!(began.elapsed().as_secs(), (GRACE + ABORT_PATIENCE).as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_aborts_at_once() {
    let began = Instant::now();
    let stopped = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stopped);
    let result = supervise(GRACE, signals(2), async move |tasks: Tasks| {
        let abort = tasks.shutdown().abort.clone();
        tasks.spawn("slow", async move {
            abort.cancelled().await;
            seen.store(true, Ordering::SeqCst);
            OK
        });
        OK
    })
    .await;
    assert!(
        matches!(
            result,
            Err(Error::Aborted {
                cause: Abort::Signal,
                ..
            })
        ),
        "{result:?}"
    );
    assert!(stopped.load(Ordering::SeqCst));
    assert!(began.elapsed() < ABORT_PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_ends_the_whole_and_is_named() {
    let result = supervise(GRACE, signals(0), async |tasks: Tasks| {
        let drain = tasks.shutdown().drain.clone();
        tasks.spawn("other", async move {
            drain.cancelled().await;
            OK
        });
        tasks.spawn("broken", async { Err("disk is full") });
        OK
    })
    .await;
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "task `broken` failed");
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "disk is full"
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_ends_the_whole_and_is_named() {
    let result = supervise(GRACE, signals(0), async |tasks: Tasks| {
        tasks.spawn("broken", async {
            assert_eq!(1 + 1, 3, "arithmetic");
            OK
        });
        OK
    })
    .await;
    let message = result.unwrap_err().to_string();
    assert!(
        message.starts_with("task `broken` panicked:") && message.contains("arithmetic"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_early_ends_the_whole_and_is_named() {
    let result = supervise(GRACE, signals(0), async |tasks: Tasks| {
        tasks.spawn("brief", async { OK });
        OK
    })
    .await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "task `brief` ended before the shutdown"
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_failure_is_reported_even_when_the_drain_is_cut_short() {
    let result = supervise(GRACE, signals(0), async |tasks: Tasks| {
        tasks.spawn("stuck", pending::<Result<(), Infallible>>());
        tasks.spawn("broken", async { Err("disk is full") });
        OK
    })
    .await;
    assert_eq!(result.unwrap_err().to_string(), "task `broken` failed");
}

#[tokio::test(start_paused = true)]
async fn one_signal_during_a_drain_that_began_by_itself_does_not_abort() {
    let result = supervise(GRACE, signals(0), async |tasks: Tasks| {
        tasks.shutdown().drain.cancel();
        tasks.spawn("worker", async {
            sleep(GRACE / 2).await;
            OK
        });
        OK
    })
    .await;
    assert!(result.is_ok(), "{result:?}");

    let (sender, receiver) = mpsc::channel(1);
    let result = supervise(GRACE, receiver, async |tasks: Tasks| {
        tasks.shutdown().drain.cancel();
        tasks.spawn("worker", async move {
            sleep(GRACE / 4).await;
            sender.send(()).await.unwrap();
            sleep(GRACE / 4).await;
            OK
        });
        OK
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_drains_what_it_had_started() {
    let (ended, mut end) = oneshot::channel();
    let result = supervise(GRACE, signals(0), async |tasks: Tasks| {
        let drain = tasks.shutdown().drain.clone();
        tasks.spawn("worker", async move {
            drain.cancelled().await;
            ended.send(()).unwrap();
            OK
        });
        Err("no broker")
    })
    .await;
    assert!(matches!(result, Err(Error::Start(_))), "{result:?}");
    assert_eq!(end.try_recv(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_is_aborted() {
    let result = supervise(GRACE, signals(1), async |_| {
        pending::<Result<(), Infallible>>().await
    })
    .await;
    assert!(
        matches!(
            result,
            Err(Error::Aborted {
                cause: Abort::Grace,
                ..
            })
        ),
        "{result:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_attending_task_lives_through_the_drain_and_ends_with_it() {
    let (alive, gone) = oneshot::channel::<()>();
    let result = supervise(GRACE, signals(1), async |tasks: Tasks| {
        let drain = tasks.shutdown().drain.clone();
        tasks.attend("ops", async move {
            pending::<()>().await;
            drop(alive);
            OK
        });
        tasks.spawn("worker", async move {
            drain.cancelled().await;
            sleep(GRACE / 2).await;
            OK
        });
        OK
    })
    .await;
    assert!(result.is_ok(), "{result:?}");
    assert!(gone.await.is_err(), "dropped with the task");
}

#[test]
fn aborting_drains_and_draining_does_not_abort() {
    let shutdown = Shutdown::new();
    shutdown.drain.cancel();
    assert!(!shutdown.abort.is_cancelled());

    let shutdown = Shutdown::new();
    shutdown.abort.cancel();
    assert!(shutdown.drain.is_cancelled());
}
