//! Two instances of each consumer, joining and leaving under load.

use std::time::Duration;

use e2e::distributed::Role;
use e2e::system::addresses_of;
use tokio::time::sleep;

use crate::audit;
use crate::ground::Ground;
use crate::load::Load;

const ROUNDS: u32 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn members_that_join_and_leave_lose_and_double_nothing() {
    let mut ground = Ground::start().await;
    let load = Load::start(addresses_of(ground.system.gateway()), ground.system.demo_key());
    load.progresses(200).await;
    let seconds = [Role::Enrichment, Role::Analytics, Role::Retention].map(|role| {
        let first = ground.system.index(role);
        [first, ground.system.add(role)]
    });
    for round in 0..ROUNDS {
        for [_, second] in seconds {
            ground.system.spawn(second).await;
        }
        for [_, second] in seconds {
            ground.system.process(second).ready().await;
        }
        sleep(Duration::from_secs(2)).await;
        load.progresses(200).await;
        for pair in seconds {
            // In turn the one and the other leave, as in a rolling upgrade.
            let leaver = pair[usize::from(round % 2 == 0)];
            ground.system.process(leaver).terminate();
            let status = ground.system.process(leaver).ended().await;
            assert!(status.success(), "a member left with {status}");
            if leaver == pair[0] {
                ground.system.spawn(leaver).await;
                ground.system.process(leaver).ready().await;
                ground.system.process(pair[1]).terminate();
                assert!(ground.system.process(pair[1]).ended().await.success());
            }
        }
        load.progresses(200).await;
    }
    let known = load.stop().await;
    audit::nothing_is_lost_doubled_or_invented(&ground, &known).await;
}
