//! A broker that is killed, paused and started again under appends, sequences and reads.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engines::Kafka as Broker;
use eventlog::kafka::{Config, Kafka, Retention, TopicSpec};
use eventlog::{Appended, Class, Error, Log, NewRecord, Sequence, TopicPartition};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::{Instant, sleep, timeout};

const TOPIC: &str = "events";
const PARTITIONS: u32 = 3;
const DEADLINE: Duration = Duration::from_mins(1);
/// What a busy machine may add to a timeout.
const SLACK: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(2);
const MAX_IN_FLIGHT_BYTES: usize = 4 << 20;

type Results = Vec<Result<Appended, Error>>;

fn config(broker: &Broker) -> Config {
    Config {
        delivery_timeout: TIMEOUT,
        request_timeout: TIMEOUT,
        max_record_bytes: 64 << 10,
        max_in_flight_bytes: MAX_IN_FLIGHT_BYTES,
        ..Config::new(broker.address())
    }
}

async fn start() -> (Broker, Kafka) {
    let broker = block_in_place(Broker::start);
    let log = Kafka::connect(config(&broker)).unwrap();
    let topic = TopicSpec {
        name: TOPIC.to_owned(),
        partitions: PARTITIONS,
        retention: Retention::Age(Duration::from_hours(1)),
    };
    log.create_topics(&[topic], 1, 1).await.unwrap();
    (broker, log)
}

fn partition(number: u32) -> TopicPartition {
    TopicPartition::new(TOPIC, number)
}

fn record(to: u32, number: usize) -> NewRecord {
    NewRecord {
        to: partition(to),
        key: Bytes::from_static(b"key"),
        value: number.to_string().into(),
        headers: Vec::new(),
    }
}

/// The numbers in a partition, in order.
async fn numbers(log: &dyn Log, number: u32) -> Vec<usize> {
    let partition = partition(number);
    let bounds = eventually(|| log.bounds(&partition)).await;
    let (mut next, mut numbers) = (bounds.start, Vec::new());
    while next < bounds.end {
        let read = log.read(&partition, next, 1 << 20, DEADLINE).await.unwrap();
        next = read.next;
        let number = |value: &Bytes| std::str::from_utf8(value).unwrap().parse::<usize>().unwrap();
        numbers.extend(read.records.iter().map(|record| number(&record.value)));
    }
    numbers
}

/// The first success of a call that may fail for now.
async fn eventually<T, F: Future<Output = Result<T, Error>>>(call: impl Fn() -> F) -> T {
    let succeeded = timeout(DEADLINE, async {
        loop {
            match call().await {
                Ok(answer) => return answer,
                Err(error) => assert_eq!(error.class(), Class::Transient, "{error}"),
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
    succeeded.await.unwrap()
}

async fn append_one(log: &Kafka, number: usize) -> Result<Appended, Error> {
    log.append(vec![record(0, number)]).await.remove(0)
}

/// The error of a call, which must come in time.
async fn fails_within<T>(allowed: Duration, call: impl Future<Output = Result<T, Error>>) -> Error {
    let began = Instant::now();
    let error = call.await.err().expect("the brokers are away");
    assert!(
        began.elapsed() < allowed + SLACK,
        "{:?}: {error}",
        began.elapsed()
    );
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    error
}

/// Every call but those of groups, while nobody answers.
async fn every_call_fails_in_time(log: &Kafka) {
    fails_within(TIMEOUT, append_one(log, 0)).await;
    fails_within(TIMEOUT, log.bounds(&partition(0))).await;
    fails_within(TIMEOUT, log.partitions(TOPIC)).await;
    fails_within(2 * TIMEOUT, log.read(&partition(1), 0, 1, Duration::ZERO)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_fail_in_time_while_the_broker_is_away_and_work_again_after() {
    let (mut broker, log) = start().await;
    append_one(&log, 1).await.unwrap();

    block_in_place(|| broker.kill());
    every_call_fails_in_time(&log).await;
    // What was given up makes room: nothing grows, however long the outage.
    let large = vec![record(0, 0); MAX_IN_FLIGHT_BYTES / 100];
    assert!(matches!(
        log.append([large.clone(), large.clone()].concat()).await[0],
        Err(Error::Full { .. })
    ));
    for _ in 0..3 {
        let room = async {
            loop {
                match log.append(large.clone()).await.remove(0) {
                    Err(Error::Unavailable { reason }) => return reason,
                    Err(Error::Full { .. }) => sleep(Duration::from_millis(50)).await,
                    other => panic!("{other:?}"),
                }
            }
        };
        let reason = timeout(DEADLINE, room).await.unwrap();
        assert!(reason.contains("events/0"), "{reason}");
    }

    block_in_place(|| broker.restart());
    let appended = eventually(|| append_one(&log, 2)).await;
    let there = numbers(&log, 0).await;
    assert_eq!(
        (there[0], there[usize::try_from(appended.offset).unwrap()]),
        (1, 2)
    );
    assert_eq!(log.partitions(TOPIC).await.unwrap(), PARTITIONS);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_fail_in_time_while_the_broker_hangs_and_work_again_after() {
    let (broker, log) = start().await;
    append_one(&log, 1).await.unwrap();
    assert_eq!(numbers(&log, 0).await, [1]);
    broker.pause();
    every_call_fails_in_time(&log).await;
    broker.resume();
    eventually(|| append_one(&log, 2)).await;
    let other = partition(1);
    assert_eq!(eventually(|| log.bounds(&other)).await.end, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn log_starts_while_the_brokers_are_away() {
    let (mut broker, log) = start().await;
    drop(log);
    block_in_place(|| broker.stop());
    let log = Kafka::connect(config(&broker)).unwrap();
    let error = fails_within(TIMEOUT, log.partitions(TOPIC)).await;
    assert!(error.to_string().contains(TOPIC), "{error}");
    block_in_place(|| broker.restart());
    assert_eq!(eventually(|| log.partitions(TOPIC)).await, PARTITIONS);
    eventually(|| append_one(&log, 1)).await;
}

/// Appends numbers to the partitions in turn, several calls at a time, from the first that was not acknowledged on.
struct Writer {
    log: Kafka,
    /// Numbers acknowledged, over all rounds: everything below.
    done: usize,
}

const CALL: usize = 30;
const CALLS: usize = 8;

impl Writer {
    /// Appends by one sequence until it breaks, and reports how far it came. What is acknowledged has no gaps.
    async fn write(&mut self, until: usize) -> Option<Error> {
        let sequence = self.log.sequence().await.unwrap();
        let mut calls: VecDeque<JoinHandle<Results>> = VecDeque::new();
        let mut next = self.done;
        loop {
            while calls.len() < CALLS && next < until && !sequence.is_broken() {
                calls.push_back(begin(&sequence, next).await);
                next += CALL;
            }
            let results = calls.pop_front()?.await.unwrap();
            let acknowledged = results.iter().take_while(|result| result.is_ok()).count();
            self.done += acknowledged;
            if let Some(Err(error)) = results.into_iter().nth(acknowledged) {
                return Some(error);
            }
        }
    }
}

/// Begins a call, and lets it go on by itself.
async fn begin(sequence: &Arc<dyn Sequence>, first: usize) -> JoinHandle<Results> {
    let records =
        (first..first + CALL).map(|number| record(u32::try_from(number).unwrap() % PARTITIONS, number));
    let (sequence, records): (_, Vec<NewRecord>) = (sequence.clone(), records.collect());
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let call = tokio::spawn(async move {
        let mut call = sequence.append(records);
        let first_poll = tokio::select! {
            biased;
            results = &mut call => Some(results),
            () = std::future::ready(()) => None,
        };
        let _ = begun.send(());
        match first_poll {
            Some(results) => results,
            None => call.await,
        }
    });
    has_begun.await.unwrap();
    call
}

/// Each partition has its numbers in order. A writer that goes on where acknowledgements ended may repeat some, but
/// passes over none.
async fn assert_no_gaps(log: &dyn Log, done: usize) {
    let step = PARTITIONS as usize;
    for number in 0..PARTITIONS {
        let first = number as usize;
        let mut next = first;
        for found in numbers(log, number).await {
            assert!(
                found <= next,
                "partition {number} has {found} where {next} is missing"
            );
            assert_eq!(found % step, first);
            next = next.max(found + step);
        }
        assert!(
            next >= done,
            "partition {number} ends before {next}, {done} were acknowledged"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sequence_outlives_a_broker_that_comes_back_in_time() {
    let (mut broker, log) = start().await;
    let sequence = log.sequence().await.unwrap();
    let before = begin(&sequence, 0).await.await.unwrap();
    assert!(before.iter().all(Result::is_ok), "{before:?}");
    block_in_place(|| broker.kill());
    let during = begin(&sequence, CALL).await;
    block_in_place(|| broker.restart());
    let during = timeout(DEADLINE, during).await.unwrap().unwrap();
    assert!(during.iter().all(Result::is_ok), "{during:?}");
    assert!(!sequence.is_broken());
    for number in 0..PARTITIONS {
        let expected: Vec<_> = (number as usize..2 * CALL).step_by(PARTITIONS as usize).collect();
        assert_eq!(numbers(&log, number).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sequence_that_stalls_breaks_in_time_and_leaves_no_gap() {
    let (mut broker, _log) = start().await;
    let stall = Duration::from_secs(3);
    let log = Kafka::connect(Config {
        stall,
        ..config(&broker)
    })
    .unwrap();
    let sequence = log.sequence().await.unwrap();
    let before = begin(&sequence, 0).await.await.unwrap();
    assert!(before.iter().all(Result::is_ok), "{before:?}");

    block_in_place(|| broker.kill());
    let began = Instant::now();
    let stalled = [begin(&sequence, CALL).await, begin(&sequence, 2 * CALL).await];
    for call in stalled {
        let results = timeout(DEADLINE, call).await.unwrap().unwrap();
        for result in results {
            assert_eq!(result.unwrap_err().class(), Class::Transient);
        }
    }
    assert!(
        (stall..stall + SLACK).contains(&began.elapsed()),
        "{:?}",
        began.elapsed()
    );
    assert!(sequence.is_broken());
    let refused = begin(&sequence, 3 * CALL).await.await.unwrap();
    assert!(matches!(refused[0], Err(Error::Broken { .. })), "{refused:?}");

    block_in_place(|| broker.restart());
    let mut writer = Writer { log, done: CALL };
    assert!(writer.write(10 * CALL).await.is_none());
    assert_no_gaps(&writer.log, 10 * CALL).await;
}

/// Calls that began at different times wait for a broker that hangs: some longer than a sequence waits, some not.
#[tokio::test(flavor = "multi_thread")]
async fn what_waited_shorter_does_not_pass_what_waited_too_long() {
    let (broker, _log) = start().await;
    let log = Kafka::connect(Config {
        stall: Duration::from_secs(2),
        ..config(&broker)
    })
    .unwrap();
    let mut done = 0;
    for pause in [2_300, 2_700, 3_100].map(Duration::from_millis) {
        let sequence = log.sequence().await.unwrap();
        let first = begin(&sequence, done).await.await.unwrap();
        assert!(first.iter().all(Result::is_ok), "{first:?}");
        let mut calls = VecDeque::new();
        broker.pause();
        let paused = Instant::now();
        while paused.elapsed() < pause {
            calls.push_back(begin(&sequence, done + (1 + calls.len()) * CALL).await);
            sleep(Duration::from_millis(50)).await;
        }
        broker.resume();
        let mut results = first;
        while let Some(call) = calls.pop_front() {
            results.extend(timeout(DEADLINE, call).await.unwrap().unwrap());
        }
        assert!(sequence.is_broken());
        done += results.iter().take_while(|result| result.is_ok()).count();
    }
    let mut writer = Writer { log, done };
    let until = done + 10 * CALL;
    assert!(writer.write(until).await.is_none());
    assert_no_gaps(&writer.log, until).await;
}

/// The broker dies in the middle of many appends, again and again, and stays away for longer than a sequence waits.
#[tokio::test(flavor = "multi_thread")]
async fn broken_sequences_leave_no_gap() {
    let (mut broker, _log) = start().await;
    let log = Kafka::connect(Config {
        stall: Duration::from_millis(700),
        ..config(&broker)
    })
    .unwrap();
    let mut writer = Writer { log, done: 0 };
    let mut breaks = 0;
    for round in 1..=6_u64 {
        let enough = writer.done + 100_000 * CALL;
        let mut writing = tokio::spawn(async move {
            let error = writer.write(enough).await;
            (writer, error)
        });
        let under_way = sleep(Duration::from_millis(700 + 130 * round));
        tokio::select! {
            // Not all sequences live until the next fault: a broker that has just started is slow.
            ended = &mut writing => writer = settled(ended.unwrap(), &mut breaks),
            () = under_way => {
                if round % 2 == 0 { block_in_place(|| broker.kill()) } else { broker.pause() }
                writer = settled(timeout(DEADLINE, writing).await.unwrap().unwrap(), &mut breaks);
                if round % 2 == 0 { block_in_place(|| broker.restart()) } else { broker.resume() }
            }
        }
    }
    assert!(breaks >= 3, "{breaks} of the sequences were broken");
    let until = writer.done + 20 * CALL;
    timeout(DEADLINE, async {
        while writer.done < until {
            writer.write(until).await;
        }
    })
    .await
    .unwrap();
    assert_no_gaps(&writer.log, until).await;
}

fn settled((writer, error): (Writer, Option<Error>), breaks: &mut u32) -> Writer {
    let error = error.expect("there is too much to write");
    assert_eq!(error.class(), Class::Transient, "{error}");
    *breaks += 1;
    writer
}
