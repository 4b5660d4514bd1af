//! Processes learn of each other, and know how old their view is.

use std::sync::Arc;
use std::time::Duration;

use chassis::clock::Manual;
use chassis::lifecycle::Shutdown;
use chassis::ops::Readiness;
use chassis::random::Seeded;
use control::{BEAT_EVERY, Follower, STALE_AFTER, View};
use eventlog::Log;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::process::{NOW, PATIENCE, eventually, open};

struct Gateway {
    view: View,
    readiness: Readiness,
    stop: CancellationToken,
    beating: JoinHandle<()>,
}

async fn gateway(log: &Arc<dyn Log>, seed: u64) -> Gateway {
    let (clock, random) = (Arc::new(Manual::at(NOW.as_ms())), Arc::new(Seeded::new(seed)));
    let started = Follower::start_with_heart(Arc::clone(log), "gateway", clock, random).await;
    let (follower, heart) = started.unwrap();
    let view = follower.view();
    let readiness = Readiness::new(&Shutdown::new());
    let check = readiness.register("control");
    let stop = CancellationToken::new();
    tokio::spawn(follower.run(stop.clone()));
    let beating = tokio::spawn(heart.run(check, stop.clone()));
    Gateway {
        view,
        readiness,
        stop,
        beating,
    }
}

#[tokio::test]
async fn gateways_learn_of_each_others_number_and_a_good_bye_is_heard_at_once() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path(), 1);
    let one = gateway(&log, 1).await;
    let (two, three) = (gateway(&log, 2).await, gateway(&log, 3).await);
    for gateway in [&one, &two, &three] {
        eventually(|| *gateway.view.replicas().borrow() == 3).await;
    }
    three.stop.cancel();
    timeout(PATIENCE, three.beating).await.unwrap().unwrap();
    eventually(|| *one.view.replicas().borrow() == 2).await;
    one.stop.cancel();
    two.stop.cancel();
}

#[tokio::test]
async fn a_view_without_heartbeats_gets_old_and_one_that_beats_does_not() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path(), 1);
    let (clock, random) = (Arc::new(Manual::at(NOW.as_ms())), Arc::new(Seeded::new(1)));
    let (silent, _heart) = Follower::start_with_heart(Arc::clone(&log), "gateway", clock, random)
        .await
        .unwrap();
    let silent = silent.view();
    let beating = gateway(&log, 2).await;
    assert!(silent.current().is_ok());
    tokio::time::pause();
    advance(STALE_AFTER + Duration::from_millis(10)).await;
    // A process that was paused for so long knows it at once, before it has read anything.
    assert!(silent.current().is_err() && beating.view.current().is_err());
    tokio::time::resume();
    let deadline = Instant::now() + PATIENCE;
    while beating.view.current().is_err() {
        assert!(Instant::now() < deadline);
        sleep(BEAT_EVERY / 100).await;
    }
    eventually(|| beating.readiness.report().checks.iter().all(|check| check.ready)).await;
    assert!(silent.current().is_err());
    assert!(silent.state().tenants().count() == 0);
    beating.stop.cancel();
}
