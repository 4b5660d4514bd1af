//! The partition runner over a log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{DEADLINE, Fixture, PARTITIONS, append, numbered, offsets, take_share, within};
use crate::port::{
    Appended, Bounds, Class, Consumer, Error as LogError, Fenced, Log, Notice, Read, Sequence,
};
use crate::record::{NewRecord, Record, TopicPartition};
use crate::runner::{self, Assignment, Backoff, Call, Failure, Options, Processor, Worker};

const READ_AHEAD_BYTES: usize = 64 << 10;

fn options() -> Options {
    Options {
        flush_every: Duration::from_millis(20),
        flush_bytes: 16 << 10,
        read_ahead_bytes: READ_AHEAD_BYTES,
        drain_within: Duration::from_secs(2),
        backoff: Backoff {
            first: Duration::from_millis(1),
            max: Duration::from_millis(5),
        },
        ..Options::default()
    }
}

/// What the workers of a service have done.
#[derive(Clone, Debug, Default)]
struct Seen {
    processed: BTreeMap<TopicPartition, Vec<u64>>,
    flushed: BTreeMap<TopicPartition, u64>,
    /// The offsets of each call of `process`, with whether it succeeded.
    calls: Vec<(Vec<u64>, bool)>,
    assigned: Vec<(TopicPartition, Option<u64>)>,
    /// The end of what stands at the gate.
    in_hand: Option<u64>,
}

impl Seen {
    fn flushed_records(&self) -> u64 {
        self.flushed.values().sum()
    }
}

type Fault = Box<dyn Fn(&TopicPartition, &[Record]) -> Result<(), Failure> + Send + Sync>;

/// A service that remembers what it did, and does what the case tells it to.
struct Service {
    seen: watch::Sender<Seen>,
    start: Option<u64>,
    fault: Fault,
    /// Workers of partition 0 take one permit for each call.
    gate: Arc<Semaphore>,
}

impl Service {
    fn new(
        fault: impl Fn(&TopicPartition, &[Record]) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Self {
        Self {
            seen: watch::Sender::default(),
            start: None,
            fault: Box::new(fault),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    fn healthy() -> Self {
        Self::new(|_, _| Ok(()))
    }

    fn with_closed_gate() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            ..Self::healthy()
        }
    }

    async fn until(&self, condition: impl FnMut(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.subscribe();
        within(seen.wait_for(condition))
            .await
            .expect("the service lives")
            .clone()
    }
}

struct Recorder {
    service: Arc<Service>,
    partition: TopicPartition,
    unflushed: Option<u64>,
}

#[async_trait]
impl Processor for Arc<Service> {
    async fn assigned(
        &self,
        partition: &TopicPartition,
        committed: Option<u64>,
    ) -> Result<Assignment, Failure> {
        self.seen
            .send_modify(|seen| seen.assigned.push((partition.clone(), committed)));
        let worker = Recorder {
            service: self.clone(),
            partition: partition.clone(),
            unflushed: None,
        };
        Ok(Assignment {
            worker: Box::new(worker),
            start: self.start.or(committed).unwrap_or(0),
        })
    }
}

#[async_trait]
impl Worker for Recorder {
    async fn process(&mut self, records: &[Record]) -> Result<(), Failure> {
        if self.partition.partition == 0 {
            let end = records.last().map(|record| record.offset + 1);
            self.service.seen.send_modify(|seen| seen.in_hand = end);
            self.service
                .gate
                .acquire()
                .await
                .map_err(Failure::fatal)?
                .forget();
        }
        let result = (self.service.fault)(&self.partition, records);
        let offsets = offsets(records);
        self.service.seen.send_modify(|seen| {
            seen.calls.push((offsets.clone(), result.is_ok()));
            if result.is_ok() {
                self.unflushed = offsets.last().map(|last| last + 1);
                seen.processed
                    .entry(self.partition.clone())
                    .or_default()
                    .extend(offsets);
            }
        });
        result
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        if let Some(next) = self.unflushed.take() {
            self.service.seen.send_modify(|seen| {
                seen.flushed.insert(self.partition.clone(), next);
            });
        }
        Ok(())
    }
}

struct Running {
    service: Arc<Service>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), runner::Error>>,
}

impl Running {
    fn start(fixture: &Fixture, service: Service) -> Self {
        Self::start_on(fixture.log.clone(), fixture, service)
    }

    fn start_on(log: Arc<dyn Log>, fixture: &Fixture, service: Service) -> Self {
        let service = Arc::new(service);
        let shutdown = CancellationToken::new();
        let (group, topic) = (fixture.group.clone(), fixture.topic.clone());
        let (processor, token) = (Arc::new(service.clone()), shutdown.clone());
        let task =
            tokio::spawn(
                async move { runner::run(log, &group, &[&topic], processor, options(), token).await },
            );
        Self {
            service,
            shutdown,
            task,
        }
    }

    async fn result(self) -> Result<(), runner::Error> {
        within(self.task).await.expect("the runner does not panic")
    }

    async fn stop(self) -> Result<(), runner::Error> {
        self.shutdown.cancel();
        self.result().await
    }
}

/// What the group has committed, by partition.
async fn committed(fixture: &Fixture) -> Vec<Option<u64>> {
    let mut consumer = fixture.consumer().await;
    let mut share = take_share(&mut *consumer, PARTITIONS as usize).await;
    share.sort();
    share.into_iter().map(|(_, committed)| committed).collect()
}

/// Every record of every partition is processed in order, flushed and committed.
pub async fn runner_processes_in_order_and_commits(fixture: Fixture) {
    let running = Running::start(&fixture, Service::healthy());
    for number in 0..PARTITIONS {
        append(&*fixture.log, numbered(&fixture.partition(number), 300, 100)).await;
    }
    let seen = running
        .service
        .until(|seen| seen.flushed_records() == 300 * u64::from(PARTITIONS))
        .await;
    for number in 0..PARTITIONS {
        assert_eq!(
            seen.processed[&fixture.partition(number)],
            (0..300).collect::<Vec<u64>>()
        );
    }
    running.stop().await.expect("the runner stops when it is told to");
    assert_eq!(committed(&fixture).await, vec![Some(300); PARTITIONS as usize]);
}

/// The processor knows better than the group where a partition goes on.
pub async fn runner_starts_where_the_processor_says(fixture: Fixture) {
    for number in 0..PARTITIONS {
        append(&*fixture.log, numbered(&fixture.partition(number), 10, 0)).await;
    }
    let running = Running::start(
        &fixture,
        Service {
            start: Some(7),
            ..Service::healthy()
        },
    );
    let to = fixture.partition(1);
    let seen = running
        .service
        .until(|seen| seen.flushed.get(&to) == Some(&10))
        .await;
    assert_eq!(seen.processed[&to], [7, 8, 9]);
    running.stop().await.expect("the runner stops when it is told to");
}

/// After a transient failure the same records come again, and none after them before.
pub async fn runner_repeats_a_transient_failure_with_the_same_records(fixture: Fixture) {
    let failures = AtomicU32::new(0);
    let running = Running::start(
        &fixture,
        Service::new(move |_, _| match failures.fetch_add(1, Ordering::Relaxed) {
            0..3 => Err(Failure::transient("not now")),
            _ => Ok(()),
        }),
    );
    let to = fixture.partition(1);
    append(&*fixture.log, numbered(&to, 20, 0)).await;
    let seen = running
        .service
        .until(|seen| seen.flushed.get(&to) == Some(&20))
        .await;
    assert_eq!(seen.processed[&to], (0..20).collect::<Vec<u64>>());
    let outcomes: Vec<bool> = seen
        .calls
        .iter()
        .take(4)
        .map(|(_, succeeded)| *succeeded)
        .collect();
    assert_eq!(outcomes, [false, false, false, true]);
    assert!(
        seen.calls[..4]
            .iter()
            .all(|(offsets, _)| *offsets == seen.calls[0].0),
        "{:?}",
        seen.calls
    );
    running.stop().await.expect("the runner stops when it is told to");
}

/// A poison or fatal failure ends the runner with an error; the record is not skipped.
pub async fn runner_stops_on_a_failure_for_good(fixture: Fixture) {
    let to = fixture.partition(1);
    append(&*fixture.log, numbered(&to, 10, 0)).await;
    for (class, failure) in [
        (Class::Poison, Failure::poison as fn(_) -> _),
        (Class::Fatal, Failure::fatal as fn(_) -> _),
    ] {
        let running = Running::start(
            &fixture,
            Service::new(move |_, records| {
                let bad = records.iter().any(|record| record.offset == 5);
                if bad { Err(failure("this one")) } else { Ok(()) }
            }),
        );
        match running.result().await.expect_err("the runner stops") {
            runner::Error::Worker {
                partition,
                call: Call::Process,
                failure,
            } => {
                assert_eq!((partition, failure.class()), (to.clone(), class));
            }
            other => panic!("expected the failure of the worker, got {other:?}"),
        }
    }
    assert!(committed(&fixture).await[1].is_none_or(|next| next <= 5));
}

/// A panic is an error of the runner, not a partition that stands still.
pub async fn runner_stops_when_a_worker_panics(fixture: Fixture) {
    let running = Running::start(&fixture, Service::new(|_, _| panic!("a broken worker")));
    append(&*fixture.log, numbered(&fixture.partition(2), 1, 0)).await;
    let error = running.result().await.expect_err("the runner stops");
    assert!(matches!(error, runner::Error::Panicked { .. }), "{error:?}");
}

/// A partition that is behind is paused within the read-ahead bound; the others do not notice.
pub async fn slow_partition_is_paused_while_others_go_on(fixture: Fixture) {
    let log = Arc::new(Counting {
        inner: fixture.log.clone(),
        delivered: Arc::default(),
    });
    let delivered = log.delivered.clone();
    let running = Running::start_on(log, &fixture, Service::with_closed_gate());
    let slow = fixture.partition(0);
    // Many times the bound, in both.
    let (calls, per_call) = (20, 50);
    for number in 0..PARTITIONS {
        for _ in 0..calls {
            append(
                &*fixture.log,
                numbered(&fixture.partition(number), per_call, 1_000),
            )
            .await;
        }
    }
    let all = (calls * per_call) as u64;
    let others = u64::from(PARTITIONS - 1) * all;
    running
        .service
        .until(|seen| seen.flushed_records() == others)
        .await;
    let (bytes, largest) = delivered.borrow().get(&slow).copied().unwrap_or_default();
    assert!(bytes >= READ_AHEAD_BYTES, "it reads ahead: {bytes} bytes");
    assert!(
        bytes <= READ_AHEAD_BYTES + largest,
        "{bytes} bytes were delivered, {largest} at once"
    );

    running.service.gate.add_permits(Semaphore::MAX_PERMITS);
    let seen = running
        .service
        .until(|seen| seen.flushed.get(&slow) == Some(&all))
        .await;
    assert_eq!(seen.processed[&slow], (0..all).collect::<Vec<u64>>());
    running.stop().await.expect("the runner stops when it is told to");
}

/// Shutdown lets the call in hand finish, flushes and commits it.
pub async fn shutdown_finishes_what_is_in_hand_and_commits(fixture: Fixture) {
    let running = Running::start(&fixture, Service::with_closed_gate());
    let to = fixture.partition(0);
    append(&*fixture.log, numbered(&to, 5, 0)).await;
    let in_hand = running.service.until(|seen| seen.in_hand.is_some()).await.in_hand;
    running.shutdown.cancel();
    let service = running.service.clone();
    tokio::task::yield_now().await;
    service.gate.add_permits(1);
    running
        .result()
        .await
        .expect("the runner stops when it is told to");
    assert_eq!(committed(&fixture).await[0], in_hand);
}

/// A drain that takes too long is given up, without a commit of what was not flushed.
pub async fn stuck_worker_is_abandoned_without_commit(fixture: Fixture) {
    let running = Running::start(&fixture, Service::with_closed_gate());
    append(&*fixture.log, numbered(&fixture.partition(0), 5, 0)).await;
    running.service.until(|seen| seen.in_hand.is_some()).await;
    running
        .stop()
        .await
        .expect("the runner stops although a worker is stuck");
    assert_eq!(committed(&fixture).await[0], None);
}

/// A second runner gets half of the partitions; together they process everything that was not committed.
pub async fn second_runner_takes_over_a_share(fixture: Fixture) {
    for number in 0..PARTITIONS {
        append(&*fixture.log, numbered(&fixture.partition(number), 100, 0)).await;
    }
    let first = Running::start(&fixture, Service::healthy());
    first
        .service
        .until(|seen| seen.flushed_records() == 100 * u64::from(PARTITIONS))
        .await;
    let second = Running::start(&fixture, Service::healthy());
    let share = second
        .service
        .until(|seen| seen.assigned.len() == PARTITIONS as usize / 2)
        .await
        .assigned;
    assert!(
        share.iter().all(|(_, committed)| *committed == Some(100)),
        "{share:?}"
    );
    for number in 0..PARTITIONS {
        append(&*fixture.log, numbered(&fixture.partition(number), 50, 0)).await;
    }
    let moved: Vec<_> = share.iter().map(|(partition, _)| partition.clone()).collect();
    for number in 0..PARTITIONS {
        let partition = fixture.partition(number);
        let (owner, from) = if moved.contains(&partition) {
            (&second, 100)
        } else {
            (&first, 0)
        };
        let seen = owner
            .service
            .until(|seen| seen.flushed.get(&partition) == Some(&150))
            .await;
        assert_eq!(seen.processed[&partition], (from..150).collect::<Vec<u64>>());
    }
    first.stop().await.expect("the runner stops when it is told to");
    second
        .service
        .until(|seen| seen.assigned.len() == PARTITIONS as usize)
        .await;
    second.stop().await.expect("the runner stops when it is told to");
}

/// Bytes delivered and the largest delivery, by partition.
type Delivered = Arc<watch::Sender<BTreeMap<TopicPartition, (usize, usize)>>>;

/// A log that counts what its consumers are delivered.
struct Counting {
    inner: Arc<dyn Log>,
    delivered: Delivered,
}

#[async_trait]
impl Log for Counting {
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, LogError>> {
        self.inner.append(records).await
    }

    async fn sequence(&self) -> Result<Arc<dyn Sequence>, LogError> {
        self.inner.sequence().await
    }

    async fn fence(&self, name: &str) -> Result<Box<dyn Fenced>, LogError> {
        self.inner.fence(name).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.inner.partitions(topic).await
    }

    async fn bounds(&self, partition: &TopicPartition) -> Result<Bounds, LogError> {
        self.inner.bounds(partition).await
    }

    async fn read(
        &self,
        partition: &TopicPartition,
        from: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Read, LogError> {
        self.inner
            .read(partition, from, max_bytes, wait.min(DEADLINE))
            .await
    }

    async fn consumer(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, LogError> {
        let inner = self.inner.consumer(group, topics).await?;
        Ok(Box::new(CountingConsumer {
            inner,
            delivered: self.delivered.clone(),
        }))
    }
}

struct CountingConsumer {
    inner: Box<dyn Consumer>,
    delivered: Delivered,
}

#[async_trait]
impl Consumer for CountingConsumer {
    async fn next(&mut self) -> Result<Notice, LogError> {
        let notice = self.inner.next().await?;
        if let Notice::Records(partition, records) = &notice {
            let bytes = records.iter().map(Record::bytes).sum::<usize>();
            self.delivered.send_modify(|delivered| {
                let (total, largest) = delivered.entry(partition.clone()).or_default();
                *total += bytes;
                *largest = (*largest).max(bytes);
            });
        }
        Ok(notice)
    }

    fn seek(&mut self, partition: &TopicPartition, offset: u64) -> Result<(), LogError> {
        self.inner.seek(partition, offset)
    }

    fn pause(&mut self, partition: &TopicPartition) -> Result<(), LogError> {
        self.inner.pause(partition)
    }

    fn resume(&mut self, partition: &TopicPartition) -> Result<(), LogError> {
        self.inner.resume(partition)
    }

    async fn commit(&mut self, partition: &TopicPartition, next: u64) -> Result<(), LogError> {
        self.inner.commit(partition, next).await
    }

    fn release(&mut self, partitions: &[TopicPartition]) {
        self.inner.release(partitions);
    }
}
