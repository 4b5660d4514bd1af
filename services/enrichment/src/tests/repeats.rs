//! Events that are sent again: what is taken for a repeat, whoever decides it and whenever it began.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use chassis::config::Span;
use domain::dedup::{Identity, Seen};
use domain::id::EventId;
use prost::Message;
use proto::v1;

use super::{
    Accepted, Arc, Bytes, CancellationToken, Class, Config, DEADLINE, Duration, Embedded, Enricher, Event,
    Faulty, LANE, Log, NOW, Processor, READ_BYTES, Record, Retention, TempDir, TenantId, TopicConfig,
    accepted, append, deps, embedded, encode_accepted, enriched, generic, generics, log, origin, read, run,
    topic, value, worker,
};
use crate::rebuild;

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
/// How long the log keeps records.
const KEEP: Duration = Duration::from_hours(2);

/// A log whose clock the test moves.
struct Timed {
    embedded: Arc<Embedded>,
    log: Arc<dyn Log>,
    clock: Arc<AtomicI64>,
    _dir: TempDir,
}

impl Timed {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let topics = [topic::accepted(LANE), topic::enriched(LANE)].map(|name| TopicConfig {
            name: name.to_owned(),
            partitions: 1,
            retention: Retention::Age(KEEP),
        });
        let clock = Arc::new(AtomicI64::new(NOW.as_ms()));
        let of_log = clock.clone();
        let config = embedded::Config::new(topics.into(), Arc::new(move || of_log.load(Ordering::Relaxed)));
        let embedded = Arc::new(Embedded::open(dir.path(), config).unwrap());
        Self {
            log: embedded.clone(),
            embedded,
            clock,
            _dir: dir,
        }
    }

    fn advance(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    async fn accept(&self, values: impl IntoIterator<Item = Bytes>) {
        append(&*self.log, 0, values).await;
    }
}

/// Of a second, with slices of 250 ms, and of 16 records.
fn small_window() -> Config {
    let mut config = Config::default();
    config.deduplicate.within = Span::from_secs(1);
    config.deduplicate.records = 16;
    config
}

fn with_external_id(number: u8, external_id: &str) -> Event {
    Event {
        external_id: Some(external_id.into()),
        ..generic(number)
    }
}

fn of_tenant(tenant: &str, event: Event) -> Bytes {
    encode_accepted(Accepted {
        tenant: TenantId::parse(tenant).unwrap(),
        received_at: NOW,
        event,
    })
}

/// What a fate is.
fn kind(fate: &Record) -> String {
    let Some(marker) = fate.header(topic::HEADER_FATE) else {
        assert!(!fate.value.is_empty());
        return "event".into();
    };
    assert!(fate.value.is_empty());
    String::from_utf8(marker.to_vec()).unwrap()
}

/// Has a process decide on all that it has not committed; what it decided.
async fn decided(log: &Arc<dyn Log>, config: &Config, committed: Option<u64>) -> Vec<String> {
    let before = log.bounds(&enriched(0)).await.unwrap().end;
    let (mut worker, records) = worker(log, config, committed).await;
    worker.process(&records).await.unwrap();
    worker.flush().await.unwrap();
    let fates = log
        .read(&enriched(0), before, READ_BYTES, DEADLINE)
        .await
        .unwrap()
        .records;
    assert_eq!(fates.len(), records.len());
    for (fate, record) in fates.iter().zip(&records) {
        assert_eq!((origin(fate), &fate.key), (record.offset, &record.key));
    }
    fates.iter().map(kind).collect()
}

#[tokio::test]
async fn a_repeat_gets_a_marker_in_its_place() {
    let timed = Timed::new();
    let (plain, named) = (value(generic(1)), value(with_external_id(2, "order-7")));
    // Under another id, and what came with that.
    let (renamed, other) = (with_external_id(3, "order-7"), with_external_id(3, "order-8"));
    timed
        .accept([plain.clone(), plain, named, value(renamed), value(other)])
        .await;
    timed.accept([value(with_external_id(4, "order-8"))]).await;
    assert_eq!(
        decided(&timed.log, &Config::default(), None).await,
        [
            "event",
            "duplicate",
            "event",
            "duplicate",
            "duplicate",
            "duplicate"
        ]
    );
}

#[tokio::test]
async fn tenants_do_not_meet() {
    let timed = Timed::new();
    let event = || with_external_id(1, "order-7");
    for tenant in ["demo", "other", "demo"] {
        timed.accept([of_tenant(tenant, event())]).await;
    }
    timed
        .accept([of_tenant("third", with_external_id(2, "order-7"))])
        .await;
    assert_eq!(
        decided(&timed.log, &Config::default(), None).await,
        ["event", "event", "duplicate", "event"]
    );
}

#[tokio::test]
async fn a_service_that_is_started_again_knows_what_was_there() {
    let dir = TempDir::new().unwrap();
    let log = log(&dir);
    for round in 1..=3 {
        append(&*log, 0, generics(0..5)).await;
        let shutdown = CancellationToken::new();
        let service = tokio::spawn(run(Config::default(), deps(&log), shutdown.clone()));
        let fates = read(&*log, &enriched(0), round * 5).await;
        shutdown.cancel();
        service.await.unwrap().unwrap();
        let events = fates.iter().filter(|fate| kind(fate) == "event").count();
        assert_eq!((events, fates.len()), (5, round * 5));
    }
}

#[tokio::test]
async fn it_is_remembered_since_it_was_last_seen_by_whichever_process() {
    let timed = Timed::new();
    let mut config = Config::default();
    config.deduplicate.within = Span::from_secs(60);
    // The second is dropped, and still the third is within a minute of it. The last comes after the window.
    let sent = [(0, "event"), (50, "duplicate"), (20, "duplicate"), (76, "event")];
    for (committed, (later, expected)) in (0..).zip(sent) {
        timed.advance(later * SECOND);
        timed.accept(generics(1..2)).await;
        let decided = decided(&timed.log, &config, Some(committed)).await;
        assert_eq!(decided, [expected], "after {later} s more");
    }
}

#[tokio::test]
async fn from_any_commit_on_the_same_is_decided() {
    let timed = Timed::new();
    let mut random: u64 = 1;
    for _ in 0..120 {
        random = random.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) + 1;
        let number = u8::try_from(random % 23).unwrap();
        let sent = match random >> 60 {
            0 => "no event".into(),
            1..4 => value(with_external_id(number, &(random % 7).to_string())),
            _ => value(generic(number)),
        };
        // Mostly onward, at times a step back, and at times far.
        let far = i64::from((random >> 50).is_multiple_of(32)) * 700;
        timed.advance(far + i64::try_from(random >> 40 & 0x7f).unwrap() - 20);
        timed.accept([sent]).await;
    }
    let all = decided(&timed.log, &small_window(), None).await;
    for kind in ["event", "duplicate", "dead"] {
        assert!(all.iter().any(|decided| decided == kind), "no {kind} in {all:?}");
    }
    for committed in 0..120_u8 {
        let rest = decided(&timed.log, &small_window(), Some(committed.into())).await;
        assert_eq!(rest, all[usize::from(committed)..], "from {committed} on");
    }
}

#[tokio::test]
async fn records_that_are_brought_again_are_not_their_own_repeats() {
    let timed = Timed::new();
    timed.accept(generics(0..3)).await;
    let (mut worker, records) = worker(&timed.log, &Config::default(), None).await;
    for records in [&records[..2], &records[..2], &records] {
        worker.process(records).await.unwrap();
    }
    worker.flush().await.unwrap();
    let fates = read(&*timed.log, &enriched(0), 3).await;
    assert_eq!(fates.iter().map(kind).collect::<Vec<_>>(), ["event"; 3]);
    assert_eq!(timed.log.bounds(&enriched(0)).await.unwrap().end, 3);
}

#[tokio::test]
async fn what_this_build_can_not_enrich_is_remembered_by_its_id() {
    let timed = Timed::new();
    let mut later = v1::AcceptedEvent::decode(value(generic(1))).unwrap();
    later.event.as_mut().unwrap().body = None;
    timed.accept([later.encode_to_vec().into()]).await;
    timed.accept(generics(1..2)).await;
    for committed in [0, 1] {
        let decided = decided(&timed.log, &Config::default(), Some(committed)).await;
        assert_eq!(decided.last().unwrap(), "duplicate");
    }
}

fn id(number: u32) -> EventId {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&number.to_be_bytes());
    EventId::made(NOW, random)
}

/// Appends events, 500 at a time in steps of a second.
async fn accept_many(timed: &Timed, numbers: std::ops::Range<u32>) {
    for begin in numbers.step_by(500) {
        timed.advance(SECOND);
        let event = |number| Event {
            id: id(number),
            ..generic(0)
        };
        timed
            .accept((begin..begin + 500).map(|number| value(event(number))))
            .await;
    }
}

#[tokio::test]
async fn of_a_long_past_only_what_counts_is_read() {
    let timed = Timed::new();
    accept_many(&timed, 0..20_000).await;
    timed.advance(HOUR);
    accept_many(&timed, 20_000..40_000).await;
    let window = Config::default().deduplicate.window();
    let demo = TenantId::parse("demo").unwrap();
    // Behind the hour 20,000 count, which are found by steps of at least 4,096; before it all do, for they took 40 s.
    for (start, expected, first) in [(40_000, 20_480, 20_000), (20_000, 20_000, 0), (400, 400, 0)] {
        let mut seen = Seen::new(window, [1; 16]);
        let read = rebuild::remember(&*timed.log, &accepted(0), start, window, &mut seen).await;
        assert_eq!(read.unwrap(), expected, "before {start}");

        let at = timed
            .log
            .read(&accepted(0), start - 1, 1, Duration::ZERO)
            .await
            .unwrap()
            .records[0]
            .appended_at_ms;
        let mut is_remembered = |number| {
            let identity = Identity {
                tenant: &demo,
                id: id(number),
                external_id: None,
            };
            seen.take(start, at, Some(identity))
        };
        let before_start = u32::try_from(start).unwrap() - 1;
        assert!(is_remembered(first) && is_remembered(before_start));
        assert!(first == 0 || !is_remembered(first - 1));
        assert!(!is_remembered(before_start + 1));
    }
}

#[tokio::test]
async fn a_past_that_the_log_has_removed_is_no_fault() {
    let timed = Timed::new();
    let mut config = Config::default();
    config.deduplicate.within = Span::from_secs(24 * 60 * 60);
    timed.accept(generics(0..4)).await;
    decided(&timed.log, &config, None).await;
    timed.advance(2 * HOUR + 1);
    timed.embedded.enforce_retention().unwrap();
    assert_eq!(timed.log.bounds(&accepted(0)).await.unwrap().start, 4);
    timed.accept(generics(3..5)).await;
    timed.accept(generics(3..4)).await;
    for (committed, expected) in [(4, vec!["event", "event", "duplicate"]), (6, vec!["duplicate"])] {
        assert_eq!(decided(&timed.log, &config, Some(committed)).await, expected);
    }
}

#[tokio::test]
async fn a_past_that_can_not_be_read_now_is_read_later() {
    let timed = Timed::new();
    timed.accept(generics(0..4)).await;
    decided(&timed.log, &Config::default(), None).await;
    let mut failed = 0;
    for reads in 1.. {
        let faulty: Arc<dyn Log> = Arc::new(Faulty {
            log: timed.log.clone(),
            faults: Arc::default(),
            opened: AtomicU32::new(0),
            reads: AtomicU32::new(reads),
        });
        let enricher = Enricher::new(&Config::default(), deps(&faulty));
        let Err(failure) = enricher.assigned(&accepted(0), Some(4)).await else {
            break;
        };
        assert_eq!(failure.class(), Class::Transient);
        assert!(enricher.assigned(&accepted(0), Some(4)).await.is_ok());
        failed += 1;
    }
    // Where it starts needs two at least, and what is remembered there two more.
    assert!(failed >= 4, "{failed}");
}
