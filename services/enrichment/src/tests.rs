//! Stories over a log in a directory. `start`: where a partition goes on, and when it is refused; `sequences`: what
//! becomes of a sequence that breaks; `repeats`: events that are sent again.

mod repeats;
mod sequences;
mod start;

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chassis::random;
use domain::event::{ApiRequest, Body, Event, Generic, Priority, Severity};
use domain::id::EventId;
use domain::record::{Accepted, Enriched};
use domain::retention::Class as RetentionClass;
use domain::source::FIRST_GENERATION;
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::topic;
use eventlog::embedded::{self, Embedded, Retention, TopicConfig};
use eventlog::runner::{Failure, Processor, Worker};
use eventlog::{
    Appended, Bounds, Class, Consumer, Error as LogError, Fenced, Log, NewRecord, Read, Record, Sequence,
    TopicPartition,
};
use proto::record::{decode_enriched, encode_accepted};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::worker::Enricher;
use crate::{Deps, Error, LANE, run};

const NOW: Millis = Millis::from_ms(1_700_000_000_000);
const DEADLINE: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 1 << 20;

// === the log ===

fn log_with(dir: &TempDir, partitions: [u32; 2], max_record_bytes: usize) -> Arc<dyn Log> {
    let names = [topic::accepted(LANE), topic::enriched(LANE)];
    let topics = names
        .into_iter()
        .zip(partitions)
        .map(|(name, partitions)| TopicConfig {
            name: name.to_owned(),
            partitions,
            retention: Retention::Age(Duration::from_hours(24)),
        });
    let mut config = embedded::Config::new(topics.collect(), Arc::new(|| NOW.as_ms()));
    config.max_record_bytes = max_record_bytes;
    Arc::new(Embedded::open(dir.path(), config).unwrap())
}

fn log(dir: &TempDir) -> Arc<dyn Log> {
    log_with(dir, [2, 2], 1 << 20)
}

fn accepted(partition: u32) -> TopicPartition {
    TopicPartition::new(topic::accepted(LANE), partition)
}

fn enriched(partition: u32) -> TopicPartition {
    TopicPartition::new(topic::enriched(LANE), partition)
}

async fn append(log: &dyn Log, partition: u32, values: impl IntoIterator<Item = Bytes>) {
    let new = |value| NewRecord {
        to: accepted(partition),
        key: "demo/u".into(),
        value,
        headers: Vec::new(),
    };
    for result in log.append(values.into_iter().map(new).collect()).await {
        result.unwrap();
    }
}

/// The first `count` records of a partition, waiting for them.
async fn read(log: &dyn Log, partition: &TopicPartition, count: usize) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    while records.len() < count {
        let from = records.last().map_or(0, |record| record.offset + 1);
        let read = log.read(partition, from, READ_BYTES, DEADLINE).await;
        let more = read.unwrap().records;
        assert!(!more.is_empty(), "{} of {count} records are there", records.len());
        records.extend(more);
    }
    records
}

fn origin(record: &Record) -> u64 {
    let digits = record.header(topic::HEADER_ORIGIN).unwrap();
    std::str::from_utf8(digits).unwrap().parse().unwrap()
}

async fn origins(log: &dyn Log, partition: u32) -> Vec<u64> {
    let end = log.bounds(&enriched(partition)).await.unwrap().end;
    let records = read(log, &enriched(partition), usize::try_from(end).unwrap()).await;
    records.iter().map(origin).collect()
}

/// Whether every prefix has every origin up to its greatest.
fn is_without_gaps(origins: &[u64]) -> bool {
    let mut next = 0;
    origins.iter().all(|origin| {
        let in_order = *origin <= next;
        next = next.max(origin + 1);
        in_order
    })
}

// === events ===

fn event(number: u8, body: Body) -> Event {
    Event {
        id: EventId::made(NOW.minus_ms(i64::from(number)), [number; 10]),
        service: Some("checkout".into()),
        environment: None,
        release: None,
        user_id: Some("u".into()),
        session_id: None,
        trace_id: None,
        span_id: None,
        severity: Severity::Info,
        external_id: None,
        priority: Priority::Standard,
        attributes: None,
        body,
    }
}

fn generic(number: u8) -> Event {
    event(number, Body::Generic(Generic { name: "x".into() }))
}

fn request(number: u8, path: String) -> Event {
    let body = ApiRequest {
        method: "GET".into(),
        path,
        status_code: 200,
        duration_ms: 1.5,
        route: None,
        request_bytes: None,
        response_bytes: None,
        client_ip: None,
        user_agent: Some("curl/8.0".into()),
        query: None,
    };
    event(number, Body::ApiRequest(body))
}

fn value(event: Event) -> Bytes {
    encode_accepted(Accepted {
        tenant: TenantId::parse("demo").unwrap(),
        received_at: NOW,
        event,
    })
}

fn generics(numbers: std::ops::Range<u8>) -> impl Iterator<Item = Bytes> {
    numbers.map(|number| value(generic(number)))
}

// === the service ===

fn deps(log: &Arc<dyn Log>) -> Deps {
    Deps {
        log: log.clone(),
        generation: FIRST_GENERATION,
        random: Arc::new(random::System),
    }
}

/// A worker on partition 0 that goes on at `committed`, with the records from there on.
async fn worker(
    log: &Arc<dyn Log>,
    config: &Config,
    committed: Option<u64>,
) -> (Box<dyn Worker>, Vec<Record>) {
    let assignment = Enricher::new(config, deps(log))
        .assigned(&accepted(0), committed)
        .await
        .unwrap();
    let read = log
        .read(&accepted(0), assignment.start, READ_BYTES, Duration::ZERO)
        .await
        .unwrap();
    (assignment.worker, read.records)
}

/// What the runner does: the same call again after each transient failure.
async fn flush_until_done(worker: &mut dyn Worker) -> Result<(), Failure> {
    loop {
        match worker.flush().await {
            Err(failure) if failure.class() == Class::Transient => {}
            other => return other,
        }
    }
}

async fn refusal(log: &Arc<dyn Log>, committed: Option<u64>) -> String {
    let assigned = Enricher::new(&Config::default(), deps(log))
        .assigned(&accepted(0), committed)
        .await;
    let Err(failure) = assigned else {
        panic!("the partition is taken")
    };
    assert_eq!(failure.class(), Class::Fatal);
    failure.to_string()
}

/// Small enough for two fates in a call.
fn small_appends() -> Config {
    Config {
        append: chassis::config::ByteSize::bytes(400),
        ..Config::default()
    }
}

/// What goes wrong with one append call.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nothing.
    None,
    /// Nothing is appended.
    Before,
    /// All is appended and nobody hears of it.
    After,
    /// All is appended, and only the first is acknowledged.
    AfterTheFirst,
    /// The first is not appended, the others are.
    Hole,
}

/// A log whose sequences' append calls go wrong in the given order, and well after that.
struct Faulty {
    log: Arc<dyn Log>,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    opened: AtomicU32,
    /// Reads that go well until one fails; none fails where it is 0.
    reads: AtomicU32,
}

/// One of its sequences, which is broken by the first call that goes wrong.
struct FaultySequence {
    log: Arc<dyn Log>,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    broken: AtomicBool,
}

#[async_trait]
impl Sequence for FaultySequence {
    async fn append(&self, mut records: Vec<NewRecord>) -> Vec<Result<Appended, LogError>> {
        assert!(!self.is_broken(), "a broken sequence is used");
        let fault = self.faults.lock().unwrap().pop_front().unwrap_or(Fault::None);
        let count = records.len();
        self.broken
            .store(!matches!(fault, Fault::None), Ordering::Release);
        match fault {
            Fault::None => return self.log.append(records).await,
            Fault::Before => {}
            Fault::After => drop(self.log.append(records).await),
            Fault::AfterTheFirst => {
                let mut results = self.log.append(records).await;
                results[1..].fill_with(unavailable);
                return results;
            }
            Fault::Hole => {
                records.remove(0);
                let results = self.log.append(records).await;
                return std::iter::once(unavailable()).chain(results).collect();
            }
        }
        (0..count).map(|_| unavailable()).collect()
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }
}

impl Faulty {
    fn around(log: &Arc<dyn Log>, faults: impl IntoIterator<Item = Fault>) -> Arc<dyn Log> {
        Arc::new(Self {
            log: log.clone(),
            faults: Arc::new(Mutex::new(faults.into_iter().collect())),
            opened: AtomicU32::new(0),
            reads: AtomicU32::new(0),
        })
    }
}

fn unavailable() -> Result<Appended, LogError> {
    Err(LogError::Unavailable {
        reason: "test".into(),
    })
}

#[async_trait]
impl Log for Faulty {
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, LogError>> {
        self.log.append(records).await
    }

    async fn sequence(&self) -> Result<Arc<dyn Sequence>, LogError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(FaultySequence {
            log: self.log.clone(),
            faults: self.faults.clone(),
            broken: AtomicBool::new(false),
        }))
    }

    async fn fence(&self, name: &str) -> Result<Box<dyn Fenced>, LogError> {
        self.log.fence(name).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.log.partitions(topic).await
    }

    async fn bounds(&self, partition: &TopicPartition) -> Result<Bounds, LogError> {
        self.log.bounds(partition).await
    }

    async fn read(
        &self,
        partition: &TopicPartition,
        from: u64,
        max_bytes: usize,
        wait: Duration,
    ) -> Result<Read, LogError> {
        let left = self
            .reads
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left == Ok(1) {
            return Err(LogError::Unavailable {
                reason: "test".into(),
            });
        }
        self.log.read(partition, from, max_bytes, wait).await
    }

    async fn consumer(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Consumer>, LogError> {
        self.log.consumer(group, topics).await
    }
}

// === stories ===

#[tokio::test]
async fn the_fate_of_an_accepted_event_is_in_the_partition_of_the_same_number() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(&dir);
    append(
        &*log,
        1,
        [value(generic(7)), value(request(8, "/users/17".into()))],
    )
    .await;
    let shutdown = CancellationToken::new();
    let deps = deps(&log);
    let service = tokio::spawn(run(Config::default(), deps, shutdown.clone()));
    let records = read(&*log, &enriched(1), 2).await;
    shutdown.cancel();
    service.await.unwrap().unwrap();

    let header =
        |record: &Record, name: &str| String::from_utf8(record.header(name).unwrap().to_vec()).unwrap();
    assert_eq!(log.bounds(&enriched(0)).await.unwrap().end, 0);
    assert_eq!(records.iter().map(origin).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(records[1].key, "demo/u");
    assert_eq!(header(&records[1], topic::HEADER_TENANT), "demo");
    assert_eq!(header(&records[1], topic::HEADER_KIND), "api_request");
    assert_eq!(header(&records[1], topic::HEADER_SEVERITY), "info");
    let found = decode_enriched(records[1].value.clone()).unwrap();
    assert_eq!(found.context.route.as_deref(), Some("/users/{number}"));
    let expected = Enriched {
        tenant: TenantId::parse("demo").unwrap(),
        received_at: NOW,
        event: request(8, "/users/17".into()),
        context: found.context.clone(),
        class: RetentionClass::Days30,
        expires_at: NOW.plus_ms(RetentionClass::Days30.life_ms()),
        revision: 0,
    };
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_service_goes_on_at_its_commit() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(&dir);
    for round in 1..=3_u8 {
        append(&*log, 0, generics(round * 10..round * 10 + 5)).await;
        let shutdown = CancellationToken::new();
        let deps = deps(&log);
        let service = tokio::spawn(run(Config::default(), deps, shutdown.clone()));
        read(&*log, &enriched(0), usize::from(round) * 5).await;
        shutdown.cancel();
        service.await.unwrap().unwrap();
    }
    assert_eq!(origins(&*log, 0).await, (0..15).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_record_that_does_not_decode_gets_a_marker() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(&dir);
    append(
        &*log,
        0,
        [value(generic(1)), "no event".into(), value(generic(2))],
    )
    .await;
    let (mut worker, records) = worker(&log, &Config::default(), None).await;
    worker.process(&records).await.unwrap();
    worker.flush().await.unwrap();

    let fates = read(&*log, &enriched(0), 3).await;
    assert_eq!(fates.iter().map(origin).collect::<Vec<_>>(), [0, 1, 2]);
    let markers: Vec<_> = fates.iter().filter(|fate| fate.value.is_empty()).collect();
    assert_eq!(markers.len(), 1);
    assert_eq!(markers[0].offset, 1);
    assert_eq!(markers[0].header(topic::HEADER_FATE).unwrap(), topic::FATE_DEAD);
}

#[tokio::test]
async fn failed_appends_leave_neither_a_gap_nor_a_loss() {
    for faults in [
        vec![Fault::Before],
        vec![Fault::After],
        vec![Fault::None, Fault::Before, Fault::After],
        vec![Fault::AfterTheFirst, Fault::AfterTheFirst, Fault::Before],
        vec![
            Fault::After,
            Fault::None,
            Fault::AfterTheFirst,
            Fault::Before,
            Fault::After,
        ],
    ] {
        let dir = tempfile::tempdir().unwrap();
        let log = log(&dir);
        append(&*log, 0, generics(0..9)).await;
        let (mut worker, records) =
            worker(&Faulty::around(&log, faults.clone()), &small_appends(), None).await;
        worker.process(&records).await.unwrap();
        flush_until_done(&mut *worker).await.unwrap();

        let origins = origins(&*log, 0).await;
        assert!(is_without_gaps(&origins), "{faults:?}: {origins:?}");
        let distinct: BTreeSet<u64> = origins.into_iter().collect();
        assert_eq!(distinct, (0..9).collect::<BTreeSet<u64>>(), "{faults:?}");
    }
}

#[tokio::test]
async fn a_log_that_goes_on_behind_a_failure_stops_the_service() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(&dir);
    append(&*log, 0, generics(0..4)).await;
    let (mut worker, records) = worker(&Faulty::around(&log, [Fault::Hole]), &Config::default(), None).await;
    worker.process(&records).await.unwrap();
    let failure = flush_until_done(&mut *worker).await.unwrap_err();
    assert_eq!(failure.class(), Class::Fatal);
    assert!(failure.to_string().contains("that of 0 failed"), "{failure}");
}

#[tokio::test]
async fn from_an_old_commit_the_same_fates_are_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(&dir);
    append(&*log, 0, generics(0..6)).await;
    for committed in [None, Some(2), Some(6), Some(4)] {
        let (mut worker, records) = worker(&log, &Config::default(), committed).await;
        worker.process(&records).await.unwrap();
        worker.flush().await.unwrap();
    }
    let fates = read(&*log, &enriched(0), 12).await;
    let origins: Vec<u64> = fates.iter().map(origin).collect();
    assert_eq!(origins, [0, 1, 2, 3, 4, 5, 2, 3, 4, 5, 4, 5]);
    for fate in &fates {
        let first = fates.iter().find(|first| origin(first) == origin(fate)).unwrap();
        assert_eq!((&fate.value, &fate.headers), (&first.value, &first.headers));
    }
}

#[tokio::test]
async fn a_fate_that_the_log_does_not_take_becomes_a_marker_and_no_other_does() {
    // Alone in its call, and among others that are refused with it.
    for config in [small_appends(), Config::default()] {
        let dir = tempfile::tempdir().unwrap();
        let log = log_with(&dir, [1, 1], 1024);
        let too_large = |number| value(request(number, format!("/{}", "a/".repeat(350))));
        let small = |number| value(generic(number));
        append(
            &*log,
            0,
            [small(1), too_large(2), small(3), too_large(4), small(5)],
        )
        .await;
        let (mut worker, records) = worker(&log, &config, None).await;
        worker.process(&records).await.unwrap();
        worker.flush().await.unwrap();

        let fates = read(&*log, &enriched(0), 5).await;
        let is_marker: Vec<_> = fates.iter().map(|fate| fate.value.is_empty()).collect();
        assert_eq!(is_marker, [false, true, false, true, false]);
        assert_eq!(fates.iter().map(origin).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }
}

#[tokio::test]
async fn a_stage_that_is_switched_off_finds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(&dir);
    append(&*log, 0, [value(request(1, "/users/17".into()))]).await;
    let mut config = Config::default();
    config.stages.route = false;
    let (mut worker, records) = worker(&log, &config, None).await;
    worker.process(&records).await.unwrap();
    worker.flush().await.unwrap();
    let fates = read(&*log, &enriched(0), 1).await;
    let context = decode_enriched(fates[0].value.clone()).unwrap().context;
    assert_eq!((context.route, context.client.is_some()), (None, true));
}

#[tokio::test]
async fn topics_with_unequal_partitions_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = log_with(&dir, [2, 3], 1 << 20);
    let refused = run(Config::default(), deps(&log), CancellationToken::new()).await;
    assert!(matches!(
        refused,
        Err(Error::UnequalPartitions {
            accepted_partitions: 2,
            enriched_partitions: 3,
            ..
        })
    ));
    assert!(refusal(&log, None).await.contains("the same number"));
}

#[tokio::test]
async fn an_accepted_topic_that_was_made_anew_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(&dir);
    append(&*log, 0, generics(0..3)).await;
    assert!(refusal(&log, Some(4)).await.contains("goes on at 4"));

    let fate_of_9 = NewRecord {
        to: enriched(0),
        key: Bytes::new(),
        value: Bytes::new(),
        headers: vec![(topic::HEADER_ORIGIN.into(), "9".into())],
    };
    log.append(vec![fate_of_9]).await[0].as_ref().unwrap();
    assert!(refusal(&log, Some(1)).await.contains("offset 9"));
}
