//! Members that come and go while records flow.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use eventlog::{Log as _, TopicPartition};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::kafka::{DEADLINE, LONG_SESSION, Reader, Told, World, partition};

const PARTITIONS: u32 = 6;
const ROUNDS: usize = 6;

/// What all members have seen together.
#[derive(Default)]
struct Seen {
    /// Up to where each partition was delivered, without gaps.
    delivered: watch::Sender<BTreeMap<TopicPartition, u64>>,
    /// Who holds what.
    owners: Mutex<BTreeMap<TopicPartition, usize>>,
}

impl Seen {
    fn own(&self, partitions: &[TopicPartition], member: usize) {
        let mut owners = self.owners.lock().unwrap();
        for partition in partitions {
            let before = owners.insert(partition.clone(), member);
            assert_eq!(before, None, "{partition} has two owners");
        }
    }

    fn disown<'a>(&self, partitions: impl IntoIterator<Item = &'a TopicPartition>) {
        let mut owners = self.owners.lock().unwrap();
        for partition in partitions {
            owners.remove(partition);
        }
    }

    fn deliver(&self, partition: TopicPartition, range: std::ops::Range<u64>) {
        self.delivered.send_modify(|delivered| {
            let end = delivered.entry(partition).or_default();
            assert!(range.start <= *end, "{range:?} leaves a gap behind {end}");
            *end = range.end.max(*end);
        });
    }
}

/// Reads and commits until it is told to leave; then its partitions are free.
async fn member(number: usize, mut reader: Reader, seen: Arc<Seen>, leave: CancellationToken) {
    while let Some(told) = leave.run_until_cancelled(reader.told()).await {
        match told.unwrap() {
            Told::Assigned(partitions) => seen.own(&partitions, number),
            Told::Revoked(partitions) => {
                seen.disown(&partitions);
                reader.give_back(&partitions).await;
            }
            Told::Lost(partitions) => panic!("lost {partitions:?} without a fault"),
            Told::Records(partition, range) => {
                seen.deliver(partition.clone(), range);
                // A commit that fails is made up for by the next.
                let _ = reader.commit(&partition).await;
            }
        }
    }
    seen.disown(reader.next.keys());
}

struct Running {
    leave: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(number: usize, world: &World, seen: &Arc<Seen>) -> Running {
    let leave = CancellationToken::new();
    let reader = world.join().await;
    let task = tokio::spawn(member(number, reader, seen.clone(), leave.clone()));
    Running { leave, task }
}

async fn stop(Running { leave, task }: Running) {
    leave.cancel();
    task.await.unwrap();
}

async fn owns_something(member: usize, seen: &Seen) {
    let mut delivered = seen.delivered.subscribe();
    let owns = |_: &BTreeMap<_, _>| seen.owners.lock().unwrap().values().any(|owner| *owner == member);
    timeout(DEADLINE, delivered.wait_for(owns))
        .await
        .expect("a member gets its share")
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_is_delivered_in_order_while_members_come_and_go() {
    let world = Arc::new(World::shared(PARTITIONS, LONG_SESSION).await);
    let seen = Arc::new(Seen::default());
    let flows = Arc::new(AtomicBool::new(true));
    let (source, flowing) = (world.clone(), flows.clone());
    let appender = tokio::spawn(async move {
        let mut number = 0;
        while flowing.load(Ordering::Relaxed) {
            for to in 0..PARTITIONS {
                source.put(to, number..number + 10).await;
            }
            number += 10;
        }
    });

    let mut members = vec![start(0, &world, &seen).await];
    owns_something(0, &seen).await;
    for round in 1..=ROUNDS {
        members.push(start(round, &world, &seen).await);
        owns_something(round, &seen).await;
        // Now the oldest leaves, now nobody.
        if round % 3 != 0 {
            stop(members.remove(0)).await;
        }
    }
    flows.store(false, Ordering::Relaxed);
    appender.await.unwrap();

    let mut ends = BTreeMap::new();
    for number in 0..PARTITIONS {
        let end = world.log.bounds(&partition(number)).await.unwrap().end;
        assert!(end > 0);
        ends.insert(partition(number), end);
    }
    let mut delivered = seen.delivered.subscribe();
    timeout(DEADLINE, delivered.wait_for(|delivered| *delivered == ends))
        .await
        .expect("every record is delivered")
        .unwrap();
    for member in members {
        stop(member).await;
    }
}
