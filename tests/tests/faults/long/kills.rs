//! `kill -9` of roles at random, under load.

use std::time::Duration;

use e2e::distributed::Role;
use e2e::system::addresses_of;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;

use crate::audit;
use crate::ground::Ground;
use crate::load::Load;

const KILLS: u32 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_kills_of_random_roles_lose_and_double_nothing() {
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0);
    println!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mut ground = Ground::start().await;
    let load = Load::start(addresses_of(ground.system.gateway()), ground.system.demo_key());
    load.progresses(200).await;
    for _ in 0..KILLS {
        let role = Role::ALL[random.random_range(0..Role::ALL.len())];
        let index = ground.system.index(role);
        ground.system.process(index).kill();
        sleep(Duration::from_millis(random.random_range(0..2_000))).await;
        ground.system.spawn(index).await;
        // Some are killed again before they are ready.
        sleep(Duration::from_millis(random.random_range(0..5_000))).await;
    }
    ground.system.start_all().await;
    load.progresses(200).await;
    let known = load.stop().await;
    audit::nothing_is_lost_doubled_or_invented(&ground, &known).await;
}
