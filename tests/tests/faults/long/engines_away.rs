//! Engines that are away for a quarter of a minute, under load.

use std::time::Duration;

use e2e::system::{DEADLINE, addresses_of};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, sleep_until};

use crate::ground::Ground;
use crate::load::Load;
use crate::{audit, outage};

const AWAY: Duration = Duration::from_secs(15);

async fn loaded() -> (Ground, Load) {
    let ground = Ground::start().await;
    let load = Load::start(addresses_of(ground.system.gateway()), ground.system.demo_key());
    load.progresses(400).await;
    (ground, load)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn kafka_away_is_told_at_once_and_loses_nothing() {
    let (mut ground, load) = loaded().await;
    for killed in [false, true] {
        let back = Instant::now() + AWAY;
        block_in_place(|| {
            if killed {
                ground.kafka.kill();
            } else {
                ground.kafka.stop();
            }
        });
        outage::is_told_quickly(&ground, 4).await;
        sleep_until(back).await;
        block_in_place(|| ground.kafka.restart());
        outage::is_over(&ground).await;
        load.progresses(400).await;
    }
    let known = load.stop().await;
    audit::nothing_is_lost_doubled_or_invented(&ground, &known).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cassandra_away_stops_no_producer_and_loses_nothing() {
    let (mut ground, load) = loaded().await;
    let back = Instant::now() + AWAY;
    block_in_place(|| ground.cassandra.stop());
    load.progresses(400).await;
    let retention = ground.system.of(e2e::distributed::Role::Retention);
    let begin = Instant::now();
    while retention.is_ready().await {
        assert!(begin.elapsed() < DEADLINE, "retention says that it is ready");
        sleep(Duration::from_millis(50)).await;
    }
    let refused = ground.client().await.get("/api/v1/ingestion/events").await;
    assert_eq!(
        refused.status, 503,
        "an outage is not an empty answer: {refused:?}"
    );
    sleep_until(back).await;
    block_in_place(|| ground.cassandra.restart());
    outage::is_over(&ground).await;
    let known = load.stop().await;
    audit::nothing_is_lost_doubled_or_invented(&ground, &known).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_away_changes_nothing_but_health() {
    let (mut ground, load) = loaded().await;
    let health = |ground: &Ground| {
        let url = format!(
            "http://{}/api/v1/ingestion/health",
            addresses_of(ground.system.gateway()).http
        );
        async move { reqwest::get(url).await.unwrap().text().await.unwrap() }
    };
    block_in_place(|| ground.redis.kill());
    let before = load.known.refusals();
    let begin = Instant::now();
    while !health(&ground).await.contains("redis") || !tells_of_trouble(&health(&ground).await) {
        assert!(
            begin.elapsed() < DEADLINE,
            "health does not tell: {}",
            health(&ground).await
        );
        sleep(Duration::from_millis(50)).await;
    }
    load.progresses(800).await;
    assert!(ground.system.gateway().is_ready().await, "Redis is not needed");
    assert_eq!(load.known.refusals(), before, "a call was refused");
    block_in_place(|| ground.redis.restart());
    let begin = Instant::now();
    while tells_of_trouble(&health(&ground).await) {
        assert!(
            begin.elapsed() < DEADLINE,
            "Redis is back: {}",
            health(&ground).await
        );
        sleep(Duration::from_millis(50)).await;
    }
    let known = load.stop().await;
    audit::nothing_is_lost_doubled_or_invented(&ground, &known).await;
}

/// Whether the check of Redis has failed.
fn tells_of_trouble(health: &str) -> bool {
    let health: serde_json::Value = serde_json::from_str(health).unwrap();
    let checks = health["checks"].as_array().unwrap();
    let redis = checks.iter().find(|check| check["name"] == "redis");
    redis.is_some_and(|check| check["status"] != serde_json::json!("ok"))
}
