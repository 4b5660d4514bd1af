//! What one partition writes of the index.

use std::collections::BTreeSet;

use domain::index::manifest::Minute;
use store::Index;
use store::index::Mark;

use super::faulty::{Fault, Faulty};
use super::reader::{self, entries, indexed, stored};
use super::{
    Arc, Config, Deps, Duration, Enriched, EventId, FIRST_GENERATION, Failure, LANE, Log, Manual, Millis,
    NOW, NewRecord, Position, Processor, Progress, READ_BYTES, Record, RetentionClass, SERVICE, Source,
    System, TenantId, TopicPartition, Worker, encode_enriched, enriched, processor, random, recent, record,
    source, topic,
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
pub(super) const SEAL_EVERY: Duration = Duration::from_mins(5);

/// One partition, with a tenant `a` and a tenant `b` of its own.
pub(super) struct Part<'a> {
    pub(super) system: &'a System,
    pub(super) number: u32,
    pub(super) config: Config,
}

impl<'a> Part<'a> {
    pub(super) fn new(system: &'a System, number: u32) -> Self {
        Self {
            system,
            number,
            config: Config::default(),
        }
    }

    pub(super) fn partition(&self) -> TopicPartition {
        TopicPartition::new(topic::enriched(LANE), self.number)
    }

    pub(super) fn source(&self) -> Source {
        source(&self.partition(), FIRST_GENERATION)
    }

    pub(super) fn tenant(&self, name: &str) -> TenantId {
        TenantId::parse(&format!("{name}{}", self.number)).unwrap()
    }

    /// The event of an origin, an hour of time or so after the one of the origin before it is `apart_ms`.
    pub(super) fn event(&self, tenant: &str, origin: u8, class: RetentionClass, at: Millis) -> Enriched {
        let mut event = enriched(origin);
        event.tenant = self.tenant(tenant);
        event.class = class;
        event.event.id = EventId::made(at, [origin; 10]);
        event.expires_at = class.expires_at(at, NOW);
        event
    }

    /// An event of tenant `a`.
    pub(super) fn plain(&self, origin: u8) -> Enriched {
        self.event(
            "a",
            origin,
            RetentionClass::Days30,
            NOW.plus_ms(i64::from(origin)),
        )
    }

    pub(super) async fn append(&self, records: impl IntoIterator<Item = (u8, Option<Enriched>)>) {
        let records = records.into_iter().map(|(origin, event)| NewRecord {
            to: self.partition(),
            ..record(
                &origin.to_string(),
                event.map_or_else(Default::default, encode_enriched),
            )
        });
        self.system.append(records).await;
    }

    pub(super) async fn append_plain(&self, origins: std::ops::Range<u8>) {
        self.append(origins.map(|origin| (origin, Some(self.plain(origin)))))
            .await;
    }

    pub(super) fn deps(&self) -> Deps {
        self.system.deps()
    }

    pub(super) fn deps_on(&self, store: &Arc<Faulty>) -> Deps {
        Deps {
            events: store.clone(),
            index: store.clone(),
            progress: store.clone(),
            ..self.system.deps()
        }
    }

    /// A worker with the records that it begins with.
    pub(super) async fn assigned(&self, deps: Deps) -> Result<(Box<dyn Worker>, Vec<Record>), Failure> {
        let assignment = processor(&self.config, deps, recent())
            .assigned(&self.partition(), None)
            .await?;
        let log = &self.system.log;
        let read = log
            .read(&self.partition(), assignment.start, READ_BYTES, Duration::ZERO)
            .await;
        Ok((assignment.worker, read.unwrap().records))
    }

    /// A worker that has flushed all there is.
    pub(super) async fn caught_up(&self, deps: Deps) -> Box<dyn Worker> {
        let (mut worker, records) = self.assigned(deps).await.unwrap();
        if !records.is_empty() {
            worker.process(&records).await.unwrap();
        }
        worker.flush().await.unwrap();
        worker
    }

    /// The records from this offset on.
    pub(super) async fn records(&self, from: u64) -> Vec<Record> {
        let log = &self.system.log;
        log.read(&self.partition(), from, READ_BYTES, Duration::ZERO)
            .await
            .unwrap()
            .records
    }

    pub(super) async fn mark(&self) -> Option<Mark> {
        self.system.store.mark(self.source()).await.unwrap()
    }

    pub(super) async fn position(&self) -> Option<Position> {
        self.system.store.position(SERVICE, self.source()).await.unwrap()
    }

    pub(super) async fn indexed(&self, tenant: &str) -> BTreeSet<EventId> {
        indexed(&self.system.store, &self.tenant(tenant)).await
    }

    pub(super) async fn sealed(&self, tenant: &str) -> BTreeSet<EventId> {
        let store = &self.system.store;
        reader::sealed(store, &entries(store, &self.tenant(tenant)).await).await
    }

    pub(super) async fn units(&self, tenant: &str) -> usize {
        entries(&self.system.store, &self.tenant(tenant)).await.len()
    }

    pub(super) async fn stored(&self, tenant: &str) -> BTreeSet<EventId> {
        stored(&self.system.store, &self.tenant(tenant)).await
    }

    pub(super) fn plain_ids(&self, origins: std::ops::Range<u8>) -> BTreeSet<EventId> {
        origins.map(|origin| self.plain(origin).event.id).collect()
    }
}

/// So much time passes for whoever waits.
pub(super) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn what_is_flushed_is_indexed() {
    let system = System::new();
    let part = Part::new(&system, 0);
    part.append_plain(0..3).await;
    let mut worker = part.caught_up(part.deps()).await;
    assert_eq!(part.indexed("a").await, part.plain_ids(0..3));
    part.append_plain(3..5).await;
    worker.process(&part.records(3).await).await.unwrap();
    assert_eq!(part.indexed("a").await, part.plain_ids(0..3));
    worker.flush().await.unwrap();
    assert_eq!(part.indexed("a").await, part.plain_ids(0..5));
    assert_eq!(part.sealed("a").await, part.plain_ids(0..3), "the rest is fresh");
    assert_eq!(part.mark().await.unwrap().position.origin, 2);
    assert_eq!(part.position().await.unwrap().origin, 4);
}

#[tokio::test]
async fn a_tenant_that_falls_silent_is_sealed_in_time() {
    let system = System::new();
    let part = Part::new(&system, 0);
    part.append([(0, None)]).await;
    let mut worker = part.caught_up(part.deps()).await;
    part.append_plain(1..2).await;
    worker.process(&part.records(1).await).await.unwrap();
    worker.flush().await.unwrap();
    pass(SEAL_EVERY.saturating_sub(Duration::from_secs(1))).await;
    worker.tick().await.unwrap();
    assert_eq!(part.units("a").await, 0);
    pass(Duration::from_secs(2)).await;
    worker.tick().await.unwrap();
    assert_eq!(part.sealed("a").await, part.plain_ids(1..2));
    assert_eq!(
        part.mark().await.unwrap().position,
        part.position().await.unwrap()
    );
    pass(SEAL_EVERY * 2).await;
    worker.tick().await.unwrap();
    assert_eq!(part.units("a").await, 1, "there is nothing more to seal");
}

#[tokio::test]
async fn a_partition_that_is_given_up_is_sealed() {
    let system = System::new();
    let part = Part::new(&system, 0);
    part.append([(0, None)]).await;
    let mut worker = part.caught_up(part.deps()).await;
    part.append_plain(1..3).await;
    worker.process(&part.records(1).await).await.unwrap();
    worker.flush().await.unwrap();
    assert_eq!(part.units("a").await, 0);
    worker.close().await.unwrap();
    assert_eq!(part.sealed("a").await, part.plain_ids(1..3));
    assert_eq!(
        part.mark().await.unwrap().position,
        part.position().await.unwrap()
    );
    worker.close().await.unwrap();
    assert_eq!(part.units("a").await, 1, "there is nothing more to seal");
}

#[tokio::test]
async fn a_mark_moves_over_markers_alone() {
    let system = System::new();
    let part = Part::new(&system, 0);
    part.append([(0, None)]).await;
    let mut worker = part.caught_up(part.deps()).await;
    part.append([(1, None), (2, None)]).await;
    worker.process(&part.records(1).await).await.unwrap();
    worker.flush().await.unwrap();
    pass(SEAL_EVERY).await;
    worker.tick().await.unwrap();
    assert_eq!(part.mark().await.unwrap().position.origin, 2);
}

#[tokio::test]
async fn what_is_not_sealed_is_read_again_and_no_row_or_segment_is_written_twice() {
    let system = System::new();
    let part = Part::new(&system, 0);
    let store = Faulty::new(&system.store, None, Fault::Lost);
    part.append_plain(0..2).await;
    drop(part.caught_up(part.deps_on(&store)).await);
    part.append_plain(2..6).await;
    for _ in 0..3 {
        drop(part.caught_up(part.deps_on(&store)).await);
        assert_eq!(part.indexed("a").await, part.plain_ids(0..6));
    }
    let (mut worker, records) = part.assigned(part.deps_on(&store)).await.unwrap();
    assert_eq!(
        records.first().map(|record| record.offset),
        Some(2),
        "the mark is where it begins"
    );
    worker.process(&records).await.unwrap();
    pass(SEAL_EVERY).await;
    worker.flush().await.unwrap();
    assert_eq!(part.sealed("a").await, part.plain_ids(0..6));
    assert_eq!(part.mark().await.unwrap().position.origin, 5);
    assert!(
        store.rows().values().all(|times| *times == 1),
        "{:?}",
        store.rows()
    );
    assert_eq!(store.segments(), 2);
}

#[tokio::test]
async fn a_partition_of_a_build_without_an_index_is_indexed_from_the_begin_of_the_log() {
    let system = System::new();
    let part = Part::new(&system, 0);
    let other = Part::new(&system, 1);
    part.append_plain(0..4).await;
    drop(part.caught_up(part.deps()).await);
    // The same records and rows with a position and no mark.
    other
        .append((0..4).map(|origin| (origin, Some(other.plain(origin)))))
        .await;
    let rows: Vec<_> = (0..3).map(|origin| other.plain(origin)).collect();
    store::Events::put(&system.store, &rows, NOW).await.unwrap();
    let position = Position {
        next_offset: 3,
        origin: 2,
        ..part.position().await.unwrap()
    };
    let last = &other.records(2).await[0];
    let position = Position {
        appended_at_ms: last.appended_at_ms,
        checksum: enriched::check::checksum(last),
        ..position
    };
    system
        .store
        .advance(SERVICE, other.source(), position)
        .await
        .unwrap();

    let store = Faulty::new(&system.store, None, Fault::Lost);
    drop(other.caught_up(other.deps_on(&store)).await);
    assert_eq!(store.rows().len(), 1);
    assert_eq!(other.indexed("a").await, other.plain_ids(0..4));
    assert_eq!(other.mark().await.unwrap().position.origin, 3);
}

#[tokio::test]
async fn one_tenant_is_sealed_early_and_the_others_are_not() {
    let system = System::new();
    let mut part = Part::new(&system, 0);
    part.config.index.tenant_segments = 3;
    part.append([(0, None)]).await;
    let mut worker = part.caught_up(part.deps()).await;
    for origin in 1..7 {
        let tenant = if origin == 2 { "b" } else { "a" };
        let event = part.event(tenant, origin, RetentionClass::Days30, NOW);
        part.append([(origin, Some(event))]).await;
        worker
            .process(&part.records(u64::from(origin)).await)
            .await
            .unwrap();
        worker.flush().await.unwrap();
        assert_eq!(part.indexed("a").await, part.stored("a").await);
    }
    assert_eq!((part.units("a").await, part.units("b").await), (1, 0));
    assert_eq!(part.mark().await.unwrap().position.origin, 0);
    let (store, tenant) = (&system.store, part.tenant("a"));
    let claim = entries(store, &tenant).await[0].covers.unwrap();
    assert_eq!((claim.after, claim.through), (0, 4));
    assert_eq!(part.indexed("b").await, part.stored("b").await);

    // The next seal goes on where this one ended.
    pass(SEAL_EVERY).await;
    worker.tick().await.unwrap();
    let claims: BTreeSet<_> = entries(store, &tenant)
        .await
        .iter()
        .filter_map(|entry| entry.covers)
        .map(|claim| (claim.after, claim.through))
        .collect();
    assert_eq!(claims, BTreeSet::from([(0, 4), (4, 6)]));
    assert_eq!(part.mark().await.unwrap().position.origin, 6);
    assert_eq!(part.sealed("b").await, part.stored("b").await);
}

#[tokio::test]
async fn many_events_or_much_memory_seal_early() {
    let system = System::new();
    let mut part = Part::new(&system, 0);
    part.config.index.tenant_events = 4;
    part.append_plain(0..1).await;
    let mut worker = part.caught_up(part.deps()).await;
    part.append_plain(1..5).await;
    worker.process(&part.records(1).await).await.unwrap();
    worker.flush().await.unwrap();
    assert_eq!(part.sealed("a").await, part.plain_ids(0..5));
    assert_eq!(part.mark().await.unwrap().position.origin, 0);

    part.config.index.unsealed = chassis::config::ByteSize::bytes(1);
    drop(part.caught_up(part.deps()).await);
    assert_eq!(part.mark().await.unwrap().position.origin, 4);
}

#[tokio::test]
async fn units_have_one_class_and_one_hour_and_a_claim_only_within_one_period() {
    let system = System::new();
    let part = Part::new(&system, 0);
    let (short, long) = (RetentionClass::Days7, RetentionClass::Days90);
    let event = |origin, class, at| (origin, Some(part.event("a", origin, class, at)));
    part.append([event(0, long, NOW)]).await;
    let mut worker = part.caught_up(part.deps()).await;
    part.append([
        event(1, short, NOW),
        event(2, long, NOW),
        event(3, long, NOW.minus_ms(HOUR_MS)),
        event(4, long, NOW.minus_ms(40 * DAY_MS)),
    ])
    .await;
    worker.process(&part.records(1).await).await.unwrap();
    worker.flush().await.unwrap();
    pass(SEAL_EVERY).await;
    worker.tick().await.unwrap();
    let entries = entries(&system.store, &part.tenant("a")).await;
    assert_eq!(entries.len(), 5);
    let claims: Vec<_> = entries.iter().filter_map(|entry| entry.covers).collect();
    assert_eq!(
        claims.iter().map(|claim| claim.through).collect::<Vec<_>>(),
        [0],
        "only that of the first"
    );
    assert_eq!(part.sealed("a").await, part.stored("a").await);
    assert!(
        entries
            .iter()
            .all(|entry| entry.events == 1 && entry.first == entry.last)
    );
}

#[tokio::test]
async fn an_expired_event_is_neither_stored_nor_indexed() {
    let system = System::new();
    let part = Part::new(&system, 0);
    let mut expired = part.plain(1);
    expired.expires_at = NOW;
    part.append([
        (0, Some(part.plain(0))),
        (1, Some(expired)),
        (2, Some(part.plain(2))),
    ])
    .await;
    drop(part.caught_up(part.deps()).await);
    let expected = BTreeSet::from([0, 2].map(|origin| part.plain(origin).event.id));
    assert_eq!(part.stored("a").await, expected);
    assert_eq!(part.indexed("a").await, expected);
}

#[tokio::test]
async fn a_clock_that_steps_back_hides_nothing() {
    let system = System::new();
    let part = Part::new(&system, 0);
    part.append_plain(0..1).await;
    let mut worker = part.caught_up(part.deps()).await;
    for (origin, step_ms) in [(1, 130_000), (2, -250_000), (3, 10_000), (4, 65_000)] {
        system.clock.advance(step_ms);
        part.append_plain(origin..origin + 1).await;
        worker
            .process(&part.records(u64::from(origin)).await)
            .await
            .unwrap();
        worker.flush().await.unwrap();
        assert_eq!(part.indexed("a").await, part.plain_ids(0..origin + 1));
        // Another worker begins at the mark and seals when the clock is behind.
        drop(part.caught_up(part.deps()).await);
        assert_eq!(part.indexed("a").await, part.plain_ids(0..origin + 1));
        if origin == 2 {
            pass(SEAL_EVERY).await;
            worker.tick().await.unwrap();
            let greatest = Minute::of(NOW.plus_ms(130_000));
            assert_eq!(part.mark().await.unwrap().minute, greatest);
        }
    }
    let mut last = part.caught_up(part.deps()).await;
    pass(SEAL_EVERY).await;
    last.tick().await.unwrap();
    assert_eq!(part.sealed("a").await, part.plain_ids(0..5));
}

#[tokio::test]
async fn a_zombie_that_seals_late_hides_nothing() {
    let system = System::new();
    let part = Part::new(&system, 0);
    part.append_plain(0..1).await;
    drop(part.caught_up(part.deps()).await);
    part.append_plain(1..4).await;
    let mut zombie = part.caught_up(part.deps()).await;
    part.append_plain(4..8).await;
    let mut owner = part.caught_up(part.deps()).await;
    pass(SEAL_EVERY).await;
    owner.tick().await.unwrap();
    let mark = part.mark().await.unwrap();
    assert_eq!(mark.position.origin, 7);
    part.append_plain(8..10).await;
    owner.process(&part.records(8).await).await.unwrap();
    owner.flush().await.unwrap();

    zombie.tick().await.unwrap();
    assert_eq!(part.mark().await.unwrap(), mark);
    assert_eq!(part.indexed("a").await, part.plain_ids(0..10));
    zombie.process(&part.records(4).await).await.unwrap();
    pass(SEAL_EVERY).await;
    zombie.flush().await.unwrap();
    assert_eq!(part.mark().await.unwrap().position.origin, 9);
    owner.tick().await.unwrap();
    assert_eq!(part.indexed("a").await, part.plain_ids(0..10));
    assert_eq!(part.stored("a").await, part.plain_ids(0..10));
}

#[tokio::test]
async fn unsealed_records_that_the_log_has_removed_are_noticed_and_can_be_skipped() {
    let system = System::new();
    let mut part = Part::new(&system, 0);
    part.append_plain(0..2).await;
    let mut worker = part.caught_up(part.deps()).await;
    part.append_plain(2..4).await;
    worker.process(&part.records(2).await).await.unwrap();
    worker.flush().await.unwrap();
    drop(worker);
    system.clock.advance(61_000);
    part.append_plain(4..5).await;
    system.log.enforce_retention().unwrap();
    assert_eq!(system.log.bounds(&part.partition()).await.unwrap().start, 4);

    let Err(failure) = part.assigned(part.deps()).await else {
        panic!("the partition is taken");
    };
    let text = failure.to_string();
    assert!(
        text.contains("only up to 2") && text.contains("skip_unsealed"),
        "{text}"
    );

    part.config.index.skip_unsealed = true;
    let store = Faulty::new(&system.store, None, Fault::Lost);
    let mut worker = part.caught_up(part.deps_on(&store)).await;
    pass(SEAL_EVERY).await;
    worker.tick().await.unwrap();
    assert_eq!(store.rows().len(), 1);
    let lacks_two = &part.plain_ids(0..2) | &part.plain_ids(4..5);
    assert_eq!(part.sealed("a").await, lacks_two);
    part.config.index.skip_unsealed = false;
    drop(part.caught_up(part.deps()).await);
}

#[tokio::test]
async fn old_records_that_are_read_again_are_sealed_at_once() {
    let system = System::new();
    let part = Part::new(&system, 0);
    part.append_plain(0..1).await;
    drop(part.caught_up(part.deps()).await);
    part.append_plain(1..3).await;
    drop(part.caught_up(part.deps()).await);
    let later = Arc::new(Manual::at(NOW.as_ms() + 3 * DAY_MS));
    let deps = Deps {
        clock: later,
        random: Arc::new(random::System),
        ..part.deps()
    };
    drop(part.caught_up(deps).await);
    assert_eq!(part.sealed("a").await, part.plain_ids(0..3));
    assert_eq!(part.mark().await.unwrap().position.origin, 2);
}
