//! Consumers that stand still for longer than their session, and wake up when another one has their partitions.

use std::time::Duration;

use e2e::distributed::Role;
use e2e::system::addresses_of;
use tokio::time::sleep;

use crate::audit;
use crate::ground::Ground;
use crate::load::Load;

/// Several times the session timeout of the tests.
const FROZEN: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_consumer_that_wakes_up_late_changes_nothing() {
    let mut ground = Ground::start().await;
    let load = Load::start(addresses_of(ground.system.gateway()), ground.system.demo_key());
    for role in [Role::Enrichment, Role::Analytics, Role::Retention] {
        load.progresses(400).await;
        let sleeper = ground.system.index(role);
        ground.system.process(sleeper).freeze();
        // Its partitions go to this one.
        let successor = ground.system.add(role);
        ground.system.spawn(successor).await;
        sleep(FROZEN).await;
        load.progresses(400).await;
        ground.system.process(sleeper).thaw();
        load.progresses(400).await;
        ground.system.process(sleeper).ready().await;
    }
    let known = load.stop().await;
    audit::nothing_is_lost_doubled_or_invented(&ground, &known).await;
}
