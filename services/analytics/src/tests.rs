//! Stories over a log and a store in directories. `faulty`: a store of which one call fails.

mod faulty;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chassis::clock::{Clock, Manual};
use chassis::config::{ByteSize, Span};
use domain::enrich::Context;
use domain::event::{ApiRequest, Body, Event, Generic, Priority, Severity};
use domain::id::EventId;
use domain::record::Enriched;
use domain::retention::Class as RetentionClass;
use domain::rollup::{Grain, Rollup, Row, Window};
use domain::source::FIRST_GENERATION;
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::topic;
use eventlog::embedded::{self, Retention, TopicConfig};
use eventlog::runner::{Failure, Processor, Worker};
use eventlog::{Class, Log, NewRecord, Record, TopicPartition};
use proto::record::encode_enriched;
use store::{COUNTED_MINUTES, Progress, Rollups};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use self::faulty::{Fault, Faulty};
use crate::{Config, Deps, LANE, SERVICE, processor, run, source};

/// The begin of an hour.
const NOW: Millis = Millis::from_ms(1_699_999_200_000);
const MINUTE_MS: i64 = 60_000;
const READ_BYTES: usize = 1 << 20;
const DEADLINE: Duration = Duration::from_secs(30);

/// A log and a store, each in a directory of its own.
struct System {
    log: Arc<embedded::Embedded>,
    store: Arc<store::embedded::Embedded>,
    clock: Arc<Manual>,
    dirs: [TempDir; 2],
}

type Rows = BTreeMap<(Grain, i64, u8), Vec<u8>>;

fn open_log(dir: &TempDir, clock: Arc<Manual>) -> Arc<embedded::Embedded> {
    let enriched = TopicConfig {
        name: topic::enriched(LANE).to_owned(),
        partitions: 2,
        retention: Retention::Age(Duration::from_mins(1)),
    };
    let config = embedded::Config::new(vec![enriched], Arc::new(move || clock.now_ms()));
    Arc::new(embedded::Embedded::open(dir.path(), config).unwrap())
}

impl System {
    fn new() -> Self {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let clock = Arc::new(Manual::at(NOW.as_ms()));
        let store_config = store::embedded::Config::new(Arc::new(|| NOW));
        Self {
            log: open_log(&dirs[0], clock.clone()),
            store: Arc::new(store::embedded::Embedded::open(dirs[1].path(), store_config).unwrap()),
            clock,
            dirs,
        }
    }

    fn deps(&self) -> Deps {
        self.deps_on(Faulty::new(&self.store, None, Fault::Lost))
    }

    fn deps_on(&self, store: Arc<Faulty>) -> Deps {
        Deps {
            log: self.log.clone(),
            rollups: store.clone(),
            progress: store,
            clock: self.clock.clone(),
            generation: FIRST_GENERATION,
        }
    }

    async fn append(&self, records: impl IntoIterator<Item = NewRecord>) {
        for result in self.log.append(records.into_iter().collect()).await {
            result.unwrap();
        }
    }

    /// A worker where it begins, with the records from there on.
    async fn assigned(&self, deps: Deps, config: &Config) -> Result<(Box<dyn Worker>, Vec<Record>), Failure> {
        let assignment = processor(config, deps).assigned(&partition(), None).await?;
        let read = self
            .log
            .read(&partition(), assignment.start, READ_BYTES, Duration::ZERO)
            .await
            .unwrap();
        Ok((assignment.worker, read.records))
    }

    /// Counts what is in the log as one assignment would, a few records at a time, and gives the partition up.
    async fn count_all(&self, deps: Deps, config: &Config) -> Result<(), Failure> {
        let (mut worker, records) = self.assigned(deps, config).await?;
        for records in records.chunks(4) {
            worker.process(records).await?;
            worker.flush().await?;
        }
        worker.close().await
    }

    async fn position(&self, service: &str) -> Option<u64> {
        let source = source(&partition(), FIRST_GENERATION);
        let position = self.store.position(service, source).await.unwrap();
        position.map(|position| position.next_offset)
    }

    /// All rows of the source.
    async fn rows(&self) -> Rows {
        let mut rows = Rows::new();
        for grain in Grain::ALL {
            let first = Window::of(grain, NOW.minus_ms(24 * 60 * MINUTE_MS)).number;
            let end = Window::of(grain, NOW.plus_ms(24 * 60 * MINUTE_MS)).number;
            for rollup in Rollup::ALL {
                let tenant = tenant();
                let found = self.store.rollups_in(&tenant, rollup, grain, first..end);
                for (window, _, state) in found.await.unwrap() {
                    rows.insert((grain, window.number, rollup.number()), state.to_vec());
                }
            }
        }
        rows
    }

    async fn refusal(&self) -> String {
        let Err(failure) = self.assigned(self.deps(), &at_once()).await else {
            panic!("the partition is taken");
        };
        assert_eq!(failure.class(), Class::Fatal);
        failure.to_string()
    }
}

/// Everything is written with each flush.
fn at_once() -> Config {
    Config {
        hours_every: Span::from_ms(0),
        ..Config::default()
    }
}

/// Hours and the position are written only in the end.
fn late_hours() -> Config {
    Config {
        hours_every: Span::from_secs(24 * 60 * 60),
        ..Config::default()
    }
}

fn partition() -> TopicPartition {
    TopicPartition::new(topic::enriched(LANE), 1)
}

fn tenant() -> TenantId {
    TenantId::parse("demo").unwrap()
}

/// An event of every kind in turn, one each half minute.
fn enriched(origin: u8) -> Enriched {
    let body = if origin.is_multiple_of(2) {
        Body::Generic(Generic {
            name: "tested".to_owned(),
        })
    } else {
        Body::ApiRequest(ApiRequest {
            method: "GET".to_owned(),
            path: "/carts".to_owned(),
            status_code: 200,
            duration_ms: f64::from(origin),
            route: Some("/carts".to_owned()),
            request_bytes: None,
            response_bytes: Some(u64::from(origin)),
            client_ip: None,
            user_agent: None,
            query: None,
        })
    };
    let time = NOW.plus_ms(i64::from(origin) * MINUTE_MS / 2);
    let event = Event {
        id: EventId::made(time, [origin; 10]),
        service: Some("checkout".to_owned()),
        environment: None,
        release: None,
        user_id: Some(format!("u{}", origin % 3)),
        session_id: None,
        trace_id: None,
        span_id: None,
        severity: Severity::Info,
        external_id: None,
        priority: Priority::Standard,
        attributes: None,
        body,
    };
    Enriched {
        tenant: tenant(),
        received_at: NOW,
        event,
        context: Context::default(),
        class: RetentionClass::Days30,
        expires_at: NOW.plus_ms(RetentionClass::Days30.life_ms()),
        revision: 0,
    }
}

fn record(origin: &str, value: Bytes) -> NewRecord {
    NewRecord {
        to: partition(),
        key: Bytes::new(),
        value,
        headers: vec![(
            topic::HEADER_ORIGIN.into(),
            Bytes::copy_from_slice(origin.as_bytes()),
        )],
    }
}

fn fate(origin: u8) -> NewRecord {
    record(&origin.to_string(), encode_enriched(enriched(origin)))
}

fn marker(origin: u8) -> NewRecord {
    record(&origin.to_string(), Bytes::new())
}

/// The rows of these origins, folded one after the other.
fn folded(origins: impl IntoIterator<Item = u8>) -> Rows {
    let mut rows: BTreeMap<(Grain, i64, u8), Row> = BTreeMap::new();
    for origin in origins {
        let event = enriched(origin);
        for grain in Grain::ALL {
            for rollup in Rollup::of(&event) {
                let number = Window::of(grain, event.event.time()).number;
                rows.entry((grain, number, rollup.number()))
                    .or_insert_with(|| Row::new(rollup))
                    .fold(&event, origin.into(), NOW);
            }
        }
    }
    rows.into_iter().map(|(key, row)| (key, row.encode())).collect()
}

#[tokio::test]
async fn every_event_is_counted_in_its_minute_and_its_hour() {
    let system = System::new();
    system.append((0..20).map(fate)).await;
    system.count_all(system.deps(), &at_once()).await.unwrap();
    assert_eq!(system.rows().await, folded(0..20));
    assert_eq!(system.position(SERVICE).await, Some(20));
}

#[tokio::test]
async fn markers_and_repeated_origins_count_nothing() {
    let system = System::new();
    let records = [fate(0), marker(1), fate(2), fate(0), fate(2), fate(3), marker(3)];
    system.append(records).await;
    system.count_all(system.deps(), &at_once()).await.unwrap();
    assert_eq!(system.rows().await, folded([0, 2, 3]));
    assert_eq!(system.position(SERVICE).await, Some(7));
}

#[tokio::test]
async fn minutes_are_ahead_of_the_position_and_what_is_read_again_changes_nothing() {
    let system = System::new();
    system.append((0..9).map(fate)).await;
    let (mut worker, records) = system.assigned(system.deps(), &late_hours()).await.unwrap();
    worker.process(&records).await.unwrap();
    worker.flush().await.unwrap();
    assert_eq!(system.position(COUNTED_MINUTES).await, Some(9));
    assert_eq!(system.position(SERVICE).await, None);
    let minutes = |rows: Rows| -> Rows {
        rows.into_iter()
            .filter(|((grain, ..), _)| *grain == Grain::Minute)
            .collect()
    };
    assert_eq!(system.rows().await, minutes(folded(0..9)));
    // Killed. What follows reads everything again.
    drop(worker);
    system.append((9..12).map(fate)).await;
    system.count_all(system.deps(), &at_once()).await.unwrap();
    assert_eq!(system.rows().await, folded(0..12));
}

#[tokio::test]
async fn a_worker_that_wakes_up_late_takes_nothing_back() {
    let system = System::new();
    system.append((0..4).map(fate)).await;
    let (mut sleeper, records) = system.assigned(system.deps(), &at_once()).await.unwrap();
    sleeper.process(&records).await.unwrap();
    system.append((4..9).map(fate)).await;
    system.count_all(system.deps(), &at_once()).await.unwrap();
    sleeper.flush().await.unwrap();
    sleeper.close().await.unwrap();
    assert_eq!(system.rows().await, folded(0..9));
    assert_eq!(system.position(SERVICE).await, Some(9));
}

#[tokio::test]
async fn windows_that_were_dropped_come_back_as_they_were() {
    let system = System::new();
    // Back and forth between minutes, so that each comes back.
    let order = [0, 10, 20, 1, 11, 21, 2, 12, 22];
    let records = (0..).zip(order).map(|(origin, number): (u8, u8)| {
        let value = encode_enriched(enriched(number));
        record(&origin.to_string(), value)
    });
    system.append(records).await;
    let tiny = Config {
        windows: ByteSize::bytes(1),
        ..late_hours()
    };
    system.count_all(system.deps(), &tiny).await.unwrap();
    let small = system.rows().await;

    let other = System::new();
    let records = (0..).zip(order).map(|(origin, number): (u8, u8)| {
        let value = encode_enriched(enriched(number));
        record(&origin.to_string(), value)
    });
    other.append(records).await;
    other.count_all(other.deps(), &at_once()).await.unwrap();
    assert_eq!(small, other.rows().await);
    assert_eq!(small.len(), other.rows().await.len());
}

#[tokio::test]
async fn whatever_call_fails_each_event_is_counted_once() {
    for fault in [Fault::Lost, Fault::Half, Fault::Unheard] {
        for config in [at_once(), late_hours()] {
            let mut number = 0;
            loop {
                let system = System::new();
                system.append((0..6).map(fate)).await;
                let faulty = Faulty::new(&system.store, Some(number), fault);
                let first = system.count_all(system.deps_on(faulty.clone()), &config).await;
                if !faulty.has_failed() {
                    first.unwrap();
                    break;
                }
                // What follows a failure is a crash here: the runner would only try again.
                system.append((6..8).map(fate)).await;
                system.count_all(system.deps(), &config).await.unwrap();
                assert_eq!(system.rows().await, folded(0..8), "{fault:?} {number}");
                number += 1;
            }
            assert!(number > 4, "{number} calls");
        }
    }
}

#[tokio::test]
async fn a_call_that_failed_is_made_again_with_the_same_records() {
    for fault in [Fault::Lost, Fault::Half, Fault::Unheard] {
        for number in 0..12 {
            let system = System::new();
            system.append((0..6).map(fate)).await;
            let faulty = Faulty::new(&system.store, Some(number), fault);
            let deps = system.deps_on(faulty.clone());
            let (mut worker, records) = system.assigned(deps, &at_once()).await.unwrap();
            for records in records.chunks(2) {
                if worker.process(records).await.is_err() {
                    worker.process(records).await.unwrap();
                }
                if worker.flush().await.is_err() {
                    worker.flush().await.unwrap();
                }
            }
            assert_eq!(system.rows().await, folded(0..6), "{fault:?} {number}");
            assert_eq!(system.position(SERVICE).await, Some(6));
        }
    }
}

#[tokio::test]
async fn what_comes_before_a_record_that_cannot_be_read_is_counted() {
    let system = System::new();
    let broken = record("3", Bytes::from_static(b"\xff\xff"));
    system.append((0..3).map(fate).chain([broken, fate(4)])).await;
    let (mut worker, records) = system.assigned(system.deps(), &at_once()).await.unwrap();
    let failure = worker.process(&records).await.unwrap_err();
    assert_eq!(failure.class(), Class::Poison);
    assert!(failure.to_string().contains("record 3 of"), "{failure}");
    assert_eq!(system.rows().await, folded(0..3));
    assert_eq!(system.position(SERVICE).await, Some(3));
}

#[tokio::test]
async fn a_missing_origin_stops_the_partition() {
    let system = System::new();
    system.append([fate(0), fate(2)]).await;
    let (mut worker, records) = system.assigned(system.deps(), &at_once()).await.unwrap();
    let failure = worker.process(&records).await.unwrap_err();
    assert_eq!(failure.class(), Class::Fatal);
    assert!(failure.to_string().contains("there is none of 1"), "{failure}");
    assert_eq!(system.rows().await, folded(0..1));
}

#[tokio::test]
async fn a_topic_that_was_made_anew_is_refused() {
    let mut system = System::new();
    system.append((0..3).map(fate)).await;
    system.count_all(system.deps(), &at_once()).await.unwrap();
    system.dirs[0] = tempfile::tempdir().unwrap();
    system.log = open_log(&system.dirs[0], system.clock.clone());
    assert!(system.refusal().await.contains("ends at 0"));
    system.append([fate(0), fate(1), fate(9)]).await;
    assert!(system.refusal().await.contains("checksum"));
}

#[tokio::test]
async fn a_row_of_another_build_is_refused_by_its_name() {
    let system = System::new();
    system.append([fate(0)]).await;
    let key = store::rollups::RollupKey {
        tenant: tenant(),
        window: Window::of(Grain::Hour, NOW),
        rollup: Rollup::Events,
        source: source(&partition(), FIRST_GENERATION),
    };
    let row = store::rollups::RollupRow {
        key,
        stamp: 1,
        state: Bytes::from_static(b"\xff"),
    };
    system.store.put_rollups(&[row], NOW).await.unwrap();
    let (mut worker, records) = system.assigned(system.deps(), &at_once()).await.unwrap();
    let failure = worker.process(&records).await.unwrap_err();
    assert_eq!(failure.class(), Class::Fatal);
    assert!(
        failure.to_string().contains("the events of demo in the hour"),
        "{failure}"
    );
}

#[tokio::test]
async fn it_counts_what_comes_in_until_it_is_told_to_stop() {
    let system = System::new();
    let config = Config {
        flush_every: Span::from_ms(5),
        flush_apart: Span::from_ms(5),
        ..late_hours()
    };
    let shutdown = CancellationToken::new();
    let faulty = Faulty::new(&system.store, None, Fault::Lost);
    let mut minutes = faulty.minutes();
    let running = tokio::spawn(run(config, system.deps_on(faulty), shutdown.clone()));
    system.append((0..10).map(fate)).await;
    let seen = minutes.wait_for(|origin| *origin == Some(9));
    tokio::time::timeout(DEADLINE, seen).await.unwrap().unwrap();
    assert_eq!(system.position(SERVICE).await, None);
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(system.rows().await, folded(0..10));
    assert_eq!(system.position(SERVICE).await, Some(10));
}
