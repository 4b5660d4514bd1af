//! Stories over a log and a store in directories. `start`: where a partition goes on, and when it is refused; `index`:
//! what is written of the search index, as `reader` finds it; `crashes`: whatever call of the store fails (`faulty`);
//! `merges`, `rebuilds`: what becomes of it later.

mod crashes;
mod faulty;
mod index;
mod merges;
mod reader;
mod rebuilds;
mod start;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chassis::clock::Manual;
use chassis::random;
use domain::cursor::Order;
use domain::enrich::Context;
use domain::event::{Body, Event, Generic, Priority, Severity};
use domain::id::{EventId, IdRange};
use domain::record::Enriched;
use domain::retention::Class as RetentionClass;
use domain::source::{FIRST_GENERATION, Source};
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::topic;
use eventlog::embedded::{self, Retention, TopicConfig};
use eventlog::runner::{Failure, Processor, Worker};
use eventlog::{Class, Log, NewRecord, Record, TopicPartition};
use proto::record::encode_enriched;
use store::{Events, Position, Progress, Scan};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::{Deps, LANE, Recent, SERVICE, processor, run, source};

const NOW: Millis = Millis::from_ms(1_700_000_000_000);
const DEADLINE: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 1 << 20;

/// A log and a store, each in a directory of its own.
struct System {
    log: Arc<embedded::Embedded>,
    store: store::embedded::Embedded,
    clock: Arc<Manual>,
    dirs: [TempDir; 2],
}

fn open_log(dir: &TempDir, partitions: u32, clock: Arc<Manual>) -> Arc<embedded::Embedded> {
    use chassis::clock::Clock;
    let enriched = TopicConfig {
        name: topic::enriched(LANE).to_owned(),
        partitions,
        retention: Retention::Age(Duration::from_mins(1)),
    };
    let config = embedded::Config::new(vec![enriched], Arc::new(move || clock.now_ms()));
    Arc::new(embedded::Embedded::open(dir.path(), config).unwrap())
}

/// Of which nothing is kept: everything is read back.
fn recent() -> Arc<Recent> {
    Arc::new(Recent::new(0))
}

impl System {
    fn new() -> Self {
        Self::with_partitions(2)
    }

    fn with_partitions(partitions: u32) -> Self {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let clock = Arc::new(Manual::at(NOW.as_ms()));
        let store_config = store::embedded::Config::new(Arc::new(|| NOW));
        Self {
            log: open_log(&dirs[0], partitions, clock.clone()),
            store: store::embedded::Embedded::open(dirs[1].path(), store_config).unwrap(),
            clock,
            dirs,
        }
    }

    /// The same store with a new, empty topic.
    fn with_topic_made_anew(mut self) -> Self {
        self.dirs[0] = tempfile::tempdir().unwrap();
        self.log = open_log(&self.dirs[0], 2, self.clock.clone());
        self
    }

    fn deps(&self) -> Deps {
        self.deps_with(Arc::new(self.store.clone()))
    }

    fn deps_with(&self, events: Arc<dyn Events>) -> Deps {
        Deps {
            log: self.log.clone(),
            events,
            index: Arc::new(self.store.clone()),
            progress: Arc::new(self.store.clone()),
            clock: self.clock.clone(),
            random: Arc::new(random::System),
            generation: FIRST_GENERATION,
        }
    }

    async fn append(&self, records: impl IntoIterator<Item = NewRecord>) {
        for result in self.log.append(records.into_iter().collect()).await {
            result.unwrap();
        }
    }

    async fn position(&self) -> Option<Position> {
        self.store
            .position(SERVICE, source(&partition(), FIRST_GENERATION))
            .await
            .unwrap()
    }

    /// A worker where it begins, with the records from there on.
    async fn assigned(&self, deps: Deps, config: &Config) -> Result<(Box<dyn Worker>, Vec<Record>), Failure> {
        let assignment = processor(config, deps, recent())
            .assigned(&partition(), None)
            .await?;
        let read = self
            .log
            .read(&partition(), assignment.start, READ_BYTES, Duration::ZERO)
            .await
            .unwrap();
        Ok((assignment.worker, read.records))
    }

    /// Stores what is in the log, as one assignment after another would.
    async fn store_all(&self) -> Result<(), Failure> {
        let (mut worker, records) = self.assigned(self.deps(), &Config::default()).await?;
        if !records.is_empty() {
            worker.process(&records).await?;
        }
        worker.flush().await
    }

    async fn refusal(&self) -> String {
        let Err(failure) = self.assigned(self.deps(), &Config::default()).await else {
            panic!("the partition is taken");
        };
        assert_eq!(failure.class(), Class::Fatal);
        failure.to_string()
    }

    /// Names of the stored events, in the order of their ids.
    async fn stored(&self) -> Vec<String> {
        let range = IdRange::of_times(Millis::EPOCH, Millis::MAX);
        let scan = self
            .store
            .ids(&tenant(), range, Order::OldestFirst, 1000)
            .await
            .unwrap();
        assert_eq!(scan.next, None);
        let found = self.store.fetch(&tenant(), &scan.ids, NOW).await.unwrap();
        found.into_iter().map(|event| name(&event)).collect()
    }
}

fn partition() -> TopicPartition {
    TopicPartition::new(topic::enriched(LANE), 1)
}

fn tenant() -> TenantId {
    TenantId::parse("demo").unwrap()
}

fn name(event: &Enriched) -> String {
    match &event.event.body {
        Body::Generic(body) => body.name.clone(),
        other => panic!("{other:?}"),
    }
}

fn enriched(origin: u8) -> Enriched {
    let event = Event {
        id: EventId::made(NOW.plus_ms(i64::from(origin)), [origin; 10]),
        service: None,
        environment: None,
        release: None,
        user_id: None,
        session_id: None,
        trace_id: None,
        span_id: None,
        severity: Severity::Info,
        external_id: None,
        priority: Priority::Standard,
        attributes: None,
        body: Body::Generic(Generic {
            name: format!("e{origin}"),
        }),
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

/// A store that refuses the given number of puts after writing them, and counts all.
struct Forgetful {
    store: store::embedded::Embedded,
    refusals: AtomicU32,
    puts: AtomicU32,
}

#[async_trait]
impl Events for Forgetful {
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), store::Error> {
        self.puts.fetch_add(1, Ordering::SeqCst);
        self.store.put(rows, now).await?;
        let refuse = |left: u32| left.checked_sub(1);
        match self
            .refusals
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuse)
        {
            Ok(_) => Err(store::Error::Unavailable {
                reason: "test".into(),
            }),
            Err(_) => Ok(()),
        }
    }

    async fn fetch_in(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        classes: &[RetentionClass],
        now: Millis,
    ) -> Result<Vec<Enriched>, store::Error> {
        self.store.fetch_in(tenant, ids, classes, now).await
    }

    async fn ids(
        &self,
        tenant: &TenantId,
        range: IdRange,
        order: Order,
        limit: usize,
    ) -> Result<Scan, store::Error> {
        self.store.ids(tenant, range, order, limit).await
    }

    async fn delete(&self, tenant: &TenantId, id: EventId, keep_until: Millis) -> Result<(), store::Error> {
        self.store.delete(tenant, id, keep_until).await
    }
}

/// A store whose positions can be waited for.
struct Watched {
    store: store::embedded::Embedded,
    origin: tokio::sync::watch::Sender<u64>,
}

#[async_trait]
impl Progress for Watched {
    async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, store::Error> {
        self.store.position(service, source).await
    }

    async fn advance(&self, service: &str, source: Source, position: Position) -> Result<(), store::Error> {
        self.store.advance(service, source, position).await?;
        self.origin.send_replace(position.origin);
        Ok(())
    }
}

#[tokio::test]
async fn every_enriched_event_is_stored() {
    let system = System::new();
    system.append((0..20).map(fate)).await;
    let progress = Arc::new(Watched {
        store: system.store.clone(),
        origin: tokio::sync::watch::Sender::new(0),
    });
    let mut origin = progress.origin.subscribe();
    let deps = Deps {
        progress,
        ..system.deps()
    };
    let shutdown = CancellationToken::new();
    let service = tokio::spawn(run(Config::default(), deps, shutdown.clone()));
    let reached = origin.wait_for(|origin| *origin == 19);
    tokio::time::timeout(DEADLINE, reached).await.unwrap().unwrap();
    shutdown.cancel();
    service.await.unwrap().unwrap();
    let expected: Vec<_> = (0..20).map(|number| format!("e{number}")).collect();
    assert_eq!(system.stored().await, expected);
}

#[tokio::test]
async fn a_fate_that_is_written_again_changes_nothing() {
    let system = System::new();
    system.append((0..3).map(fate)).await;
    system.store_all().await.unwrap();
    // Another value, as no enricher writes it, shows that it is the first that counts.
    let other = record("1", encode_enriched(enriched(77)));
    system.append([fate(0), other, fate(2)]).await;
    system.store_all().await.unwrap();
    assert_eq!(system.stored().await, ["e0", "e1", "e2"]);
    let position = system.position().await.unwrap();
    assert_eq!((position.next_offset, position.origin), (6, 2));
}

#[tokio::test]
async fn interleaved_writers_of_fates_store_each_event_once() {
    let system = System::new();
    // One enricher goes on at 2, one that was taken for dead at 0, one begins again at 3.
    for origin in [0, 1, 2, 0, 3, 1, 2, 3, 4, 3, 4, 5] {
        system.append([fate(origin)]).await;
        system.store_all().await.unwrap();
    }
    assert_eq!(system.stored().await, ["e0", "e1", "e2", "e3", "e4", "e5"]);
    assert_eq!(system.position().await.unwrap().origin, 5);
}

#[tokio::test]
async fn a_marker_counts_as_applied() {
    let system = System::new();
    system.append([fate(0), marker(1)]).await;
    system.store_all().await.unwrap();
    assert_eq!(system.position().await.unwrap().origin, 1);
    system.append([fate(1), fate(2)]).await;
    system.store_all().await.unwrap();
    assert_eq!(system.stored().await, ["e0", "e2"]);
}

#[tokio::test]
async fn records_that_were_stored_without_their_position_are_stored_again_to_the_same_effect() {
    let system = System::new();
    system.append((0..4).map(fate)).await;
    let (mut worker, records) = system.assigned(system.deps(), &Config::default()).await.unwrap();
    worker.process(&records[..2]).await.unwrap();
    worker.flush().await.unwrap();
    // It dies between rows and position.
    let rows: Vec<_> = (2..4).map(enriched).collect();
    system.store.put(&rows, NOW).await.unwrap();
    drop(worker);
    system.store_all().await.unwrap();
    assert_eq!(system.stored().await, ["e0", "e1", "e2", "e3"]);
    assert_eq!(system.position().await.unwrap().next_offset, 4);
}

#[tokio::test]
async fn a_store_that_fails_halfway_gets_the_rest_later() {
    let system = System::new();
    system.append((0..10).map(fate)).await;
    let store = Arc::new(Forgetful {
        store: system.store.clone(),
        refusals: AtomicU32::new(5),
        puts: AtomicU32::new(0),
    });
    let config = Config {
        put: chassis::config::ByteSize::bytes(200),
        ..Config::default()
    };
    let (mut worker, records) = system
        .assigned(system.deps_with(store.clone()), &config)
        .await
        .unwrap();
    while let Err(failure) = worker.process(&records).await {
        assert_eq!(failure.class(), Class::Transient);
        assert_eq!(system.position().await, None);
    }
    worker.flush().await.unwrap();
    assert!(store.puts.load(Ordering::SeqCst) > 6, "puts are bounded in bytes");
    assert_eq!(system.stored().await.len(), 10);
    assert_eq!(system.position().await.unwrap().origin, 9);
}

#[tokio::test]
async fn a_record_that_does_not_decode_stops_the_partition_behind_what_precedes_it() {
    for bad in [
        record("2", "no event".into()),
        record("+2", Bytes::new()),
        record("x", Bytes::new()),
    ] {
        let system = System::new();
        system.append([fate(0), fate(1), bad, fate(3)]).await;
        for _ in 0..2 {
            let failure = system.store_all().await.unwrap_err();
            assert_eq!(failure.class(), Class::Poison);
            assert!(
                failure
                    .to_string()
                    .contains("record 2 of sluice.enriched.standard/1"),
                "{failure}"
            );
            assert_eq!(system.stored().await, ["e0", "e1"]);
            assert_eq!(system.position().await.unwrap().next_offset, 2);
        }
    }
}

#[tokio::test]
async fn a_fate_without_the_one_before_it_stops_the_partition_behind_what_precedes_it() {
    let system = System::new();
    system.append([fate(4), fate(5), fate(7), fate(6)]).await;
    for _ in 0..2 {
        let failure = system.store_all().await.unwrap_err();
        assert_eq!(failure.class(), Class::Fatal);
        assert!(failure.to_string().contains("there is none of 6"), "{failure}");
        assert_eq!(system.stored().await, ["e4", "e5"]);
        assert_eq!(system.position().await.unwrap().next_offset, 2);
    }
}

#[tokio::test]
async fn a_topic_that_was_made_anew_is_refused() {
    let mut system = System::new();
    system.append((0..3).map(fate)).await;
    system.store_all().await.unwrap();
    system = system.with_topic_made_anew();
    assert!(system.refusal().await.contains("ends at 0"));

    system.append([fate(0), fate(1), fate(9), fate(10)]).await;
    assert!(system.refusal().await.contains("checksum"));

    system = system.with_topic_made_anew();
    system.clock.advance(1);
    system.append((0..3).map(fate)).await;
    assert!(system.refusal().await.contains("append time"));
    assert_eq!(system.stored().await, ["e0", "e1", "e2"]);
}

#[tokio::test]
async fn a_record_that_log_retention_removed_is_no_mismatch() {
    let system = System::new();
    system.append((0..3).map(fate)).await;
    system.store_all().await.unwrap();
    system.clock.advance(61_000);
    system.log.enforce_retention().unwrap();
    assert_eq!(system.log.bounds(&partition()).await.unwrap().start, 3);
    system.append([fate(3)]).await;
    system.store_all().await.unwrap();
    assert_eq!(system.stored().await, ["e0", "e1", "e2", "e3"]);
}

#[tokio::test]
async fn records_that_were_removed_before_they_were_stored_are_noticed() {
    let system = System::new();
    system.append((0..2).map(fate)).await;
    system.store_all().await.unwrap();
    system.append([fate(2)]).await;
    system.clock.advance(61_000);
    system.log.enforce_retention().unwrap();
    assert!(system.refusal().await.contains("begins at 3"));
}

#[tokio::test]
async fn a_deleted_event_that_is_stored_again_stays_deleted() {
    let system = System::new();
    system.append((0..3).map(fate)).await;
    let deleted = enriched(1).event.id;
    system
        .store
        .delete(&tenant(), deleted, NOW.plus_ms(1_000))
        .await
        .unwrap();
    system.store_all().await.unwrap();
    assert_eq!(system.stored().await, ["e0", "e2"]);
}
