//! A few of each fault on one system, in every run of the tests.

use std::time::Duration;

use e2e::distributed::Role;
use e2e::system::addresses_of;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::ground::Ground;
use crate::load::Load;
use crate::{audit, outage};

const AWAY: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn kills_and_outages_lose_and_double_nothing() {
    let mut ground = Ground::start().await;
    let load = Load::start(addresses_of(ground.system.gateway()), ground.system.demo_key());
    load.progresses(200).await;

    for role in Role::ALL {
        let index = ground.system.index(role);
        ground.system.process(index).kill();
        sleep(Duration::from_millis(300)).await;
        ground.system.spawn(index).await;
        ground.system.process(index).ready().await;
        load.progresses(200).await;
    }

    block_in_place(|| ground.kafka.stop());
    outage::is_told_quickly(&ground, 2).await;
    block_in_place(|| ground.kafka.restart());
    outage::is_over(&ground).await;
    load.progresses(200).await;

    block_in_place(|| ground.cassandra.stop());
    load.progresses(200).await;
    sleep(AWAY).await;
    block_in_place(|| ground.cassandra.restart());
    outage::is_over(&ground).await;

    block_in_place(|| ground.redis.stop());
    load.progresses(200).await;
    assert!(ground.system.gateway().is_ready().await, "Redis is not needed");
    block_in_place(|| ground.redis.restart());

    let known = load.stop().await;
    audit::nothing_is_lost_doubled_or_invented(&ground, &known).await;
    assert!(ground.system.stop_all().await, "a role did not drain");
}
