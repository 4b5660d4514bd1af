//! The topics, the store, who works on them, and what must hold in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chassis::clock::Manual;
use chassis::config::{ByteSize, Span};
use chassis::random;
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::source::{FIRST_GENERATION, Lane, Source};
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::topic;
use eventlog::runner::{Failure, Processor};
use eventlog::{Log, NewRecord, Record, TopicPartition};
use proto::record::{decode_accepted, decode_enriched};
use store::embedded::{Config, Embedded};
use store::{Events, Position, Progress, STORING_SERVICE};
use tempfile::TempDir;

use crate::actor::{Actor, Flow};
use crate::desk::{Desk, Write};
use crate::event::{NOW, id, is_of_older_build, origin, tenant, valid};
use crate::index;
use crate::repeats::{self, RECORDS, WITHIN_MS};
use crate::topics::{Topics, accepted, enriched};
use crate::wire::{Append, Wire};

/// Log and store. Worlds that share them have a partition and a tenant each.
#[derive(Clone)]
pub(crate) struct Engines {
    topics: Arc<Topics>,
    store: Embedded,
    clock: Arc<Manual>,
    _dir: Arc<TempDir>,
}

impl Engines {
    pub(crate) fn new(partitions: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(Manual::at(NOW.as_ms()));
        Self {
            topics: Arc::new(Topics::new(partitions, &clock)),
            store: Embedded::open(dir.path(), Config::new(Arc::new(|| NOW))).unwrap(),
            clock,
            _dir: Arc::new(dir),
        }
    }
}

/// The whole system but its processes, as far as one partition goes.
pub(crate) struct World {
    pub(crate) topics: Arc<Topics>,
    pub(crate) store: Embedded,
    pub(crate) clock: Arc<Manual>,
    pub(crate) partition: u32,
    /// What the group of enrichment has committed for the partition.
    pub(crate) committed: Option<u64>,
    pub(crate) generation: u32,
    /// Events that were stored before the enriched topic may have been made anew.
    stored_before: BTreeSet<EventId>,
    deleted: BTreeSet<EventId>,
    _engines: Engines,
}

/// A process of enrichment with the partition.
pub(crate) struct Enricher {
    pub(crate) wire: Arc<Wire>,
    pub(crate) actor: Actor<Append>,
}

/// A process of retention with the partition.
pub(crate) struct Retainer {
    pub(crate) actor: Actor<Write>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(&Engines::new(1), 0)
    }

    pub(crate) fn on(engines: &Engines, partition: u32) -> Self {
        Self {
            topics: engines.topics.clone(),
            store: engines.store.clone(),
            clock: engines.clock.clone(),
            partition,
            committed: None,
            generation: FIRST_GENERATION,
            stored_before: BTreeSet::new(),
            deleted: BTreeSet::new(),
            _engines: engines.clone(),
        }
    }

    fn accepted(&self) -> TopicPartition {
        accepted(self.partition)
    }

    fn enriched(&self) -> TopicPartition {
        enriched(self.partition)
    }

    fn tenant(&self) -> TenantId {
        tenant(self.partition)
    }

    // === what producers and callers do ===

    /// Acknowledges records.
    pub(crate) async fn append(&self, records: impl IntoIterator<Item = NewRecord>) {
        for result in self.topics.append(records.into_iter().collect()).await {
            result.unwrap();
        }
    }

    /// Acknowledges events.
    pub(crate) async fn accept(&self, numbers: impl IntoIterator<Item = u16>) {
        self.append(numbers.into_iter().map(|number| valid(number, self.partition)))
            .await;
    }

    /// Deletes an event, whether it is stored already or not.
    pub(crate) async fn delete(&mut self, number: u16) {
        self.store
            .delete(&self.tenant(), id(number), Millis::MAX)
            .await
            .unwrap();
        self.deleted.insert(id(number));
    }

    // === processes ===

    /// What makes the workers of a process of enrichment. Two fates fit one append.
    pub(crate) fn enrichment(&self, wire: &Arc<Wire>) -> impl Processor + use<> {
        let mut config = enrichment::Config {
            append: ByteSize::bytes(400),
            ..enrichment::Config::default()
        };
        config.deduplicate.within = Span::from_ms(WITHIN_MS.unsigned_abs());
        config.deduplicate.records = RECORDS;
        let deps = enrichment::Deps {
            log: wire.clone(),
            generation: self.generation,
            random: Arc::new(random::System),
        };
        enrichment::processor(&config, deps)
    }

    /// A process of enrichment that goes on at the commit.
    pub(crate) async fn enricher(&self) -> Result<Enricher, Failure> {
        let wire = Wire::new(&self.topics);
        let processor = self.enrichment(&wire);
        let actor = Actor::assigned(
            &processor,
            &self.topics,
            wire.questions(),
            self.accepted(),
            self.committed,
        )
        .await?;
        Ok(Enricher { wire, actor })
    }

    /// A process of retention that goes on at its position.
    pub(crate) async fn retainer(&self) -> Result<Retainer, Failure> {
        let desk = Desk::new(&self.store);
        let deps = retention::Deps {
            log: self.topics.clone(),
            events: desk.clone(),
            index: desk.clone(),
            progress: desk.clone(),
            clock: self.clock.clone(),
            random: Arc::new(random::System),
            generation: self.generation,
        };
        // A few flushes are a seal, of the tenant and then of all.
        let mut config = retention::Config::default();
        config.index.tenant_segments = 2;
        config.index.unsealed = ByteSize::bytes(1500);
        let processor = retention::processor(&config, deps, Arc::new(retention::Recent::new(0)));
        // The runner has commits of this group too, and retention pays no heed to them.
        let actor = Actor::assigned(
            &processor,
            &self.topics,
            desk.questions(),
            self.enriched(),
            Some(1),
        )
        .await?;
        Ok(Retainer { actor })
    }

    /// Lets a process of enrichment go on to the end, and commits.
    pub(crate) async fn enrich_rest(&mut self, process: &mut Enricher) -> Result<(), Failure> {
        self.enrich(process, usize::MAX).await
    }

    /// Lets a process of enrichment flush, after so many more records, and commits.
    pub(crate) async fn enrich(&mut self, process: &mut Enricher, max: usize) -> Result<(), Failure> {
        process.actor.process(max).await?;
        loop {
            match process.actor.flush().await {
                Flow::Asks => {
                    process.actor.question().unwrap().acknowledge(&self.topics).await;
                }
                Flow::Failed => {}
                Flow::Done => break,
                Flow::Stopped(failure) => return Err(failure),
            }
        }
        self.committed = Some(process.actor.flushed());
        Ok(())
    }

    /// Lets a process of retention go on to the end.
    pub(crate) async fn store_rest(&self, process: &mut Retainer) -> Result<(), Failure> {
        let mut flow = process.actor.begin(usize::MAX).await;
        let mut flushes = false;
        loop {
            match flow {
                Flow::Asks => process.actor.question().unwrap().acknowledge(&self.store).await,
                Flow::Stopped(failure) => return Err(failure),
                Flow::Done if flushes => return Ok(()),
                Flow::Done | Flow::Failed => {}
            }
            flushes = true;
            flow = process.actor.flush().await;
        }
    }

    /// What new processes do that nothing happens to.
    pub(crate) async fn settle(&mut self) -> Result<(), Failure> {
        let mut enricher = self.enricher().await?;
        self.enrich_rest(&mut enricher).await?;
        let mut retainer = self.retainer().await?;
        self.store_rest(&mut retainer).await
    }

    // === the operator ===

    /// From now on what is in the topics counts as new, and groups have other names. What is stored stays.
    pub(crate) async fn raise_generation(&mut self) {
        self.stored_before.extend(self.shown().await);
        self.generation += 1;
        self.committed = None;
    }

    // === what must hold ===

    pub(crate) async fn position(&self) -> Option<Position> {
        let source = Source {
            lane: Lane::Standard,
            generation: self.generation,
            partition: self.partition,
        };
        self.store.position(STORING_SERVICE, source).await.unwrap()
    }

    /// Ids that a reader is shown, in order, each as often as it is shown.
    pub(crate) async fn shown(&self) -> Vec<EventId> {
        let range = IdRange::of_times(Millis::EPOCH, Millis::MAX);
        let scan = self
            .store
            .ids(&self.tenant(), range, Order::OldestFirst, 10_000)
            .await
            .unwrap();
        assert_eq!(scan.next, None);
        let events = self.store.fetch(&self.tenant(), &scan.ids, NOW).await.unwrap();
        events.iter().map(|event| event.event.id).collect()
    }

    /// Origins in the order of the enriched partition.
    pub(crate) async fn origins(&self) -> Vec<u64> {
        self.topics
            .records(&self.enriched(), 0)
            .await
            .iter()
            .map(origin)
            .collect()
    }

    /// The first fate of each origin.
    async fn first_fates(&self) -> BTreeMap<u64, Record> {
        let mut first = BTreeMap::new();
        for fate in self.topics.records(&self.enriched(), 0).await {
            first.entry(origin(&fate)).or_insert(fate);
        }
        first
    }

    /// Every prefix of the enriched partition has every origin up to its greatest.
    pub(crate) async fn assert_prefixes(&self) {
        let origins = self.origins().await;
        let mut next = 0;
        for origin in &origins {
            assert!(
                *origin <= next,
                "there is no fate of {next} before that of {origin}: {origins:?}"
            );
            next = next.max(origin + 1);
        }
    }

    /// No position covers an event that is not shown, or not indexed, though nobody deleted it.
    pub(crate) async fn assert_covered(&self) {
        let Some(position) = self.position().await else {
            return;
        };
        let shown: BTreeSet<EventId> = self.shown().await.into_iter().collect();
        let indexed = index::ids(&self.store, &self.tenant()).await;
        for (origin, fate) in self.first_fates().await.range(..=position.origin) {
            let is_there = event_of(fate).is_none_or(|id| shown.contains(&id) || self.deleted.contains(&id));
            assert!(
                is_there,
                "progress covers origin {origin}, whose event is missing"
            );
            let is_indexed = event_of(fate).is_none_or(|id| indexed.contains(&id));
            assert!(
                is_indexed,
                "progress covers origin {origin}, whose event is not in the index"
            );
        }
    }

    /// Every acknowledged event is stored, once, and nothing else.
    pub(crate) async fn assert_whole(&self) {
        self.assert_prefixes().await;
        self.assert_covered().await;
        let accepted = self.topics.bounds(&self.accepted()).await.unwrap().end;
        let first_fates = self.first_fates().await;
        assert_eq!(
            u64::try_from(first_fates.len()).unwrap(),
            accepted,
            "each origin has a fate"
        );
        let enriched = self.topics.bounds(&self.enriched()).await.unwrap().end;
        let position = self.position().await.map(|position| position.next_offset);
        assert_eq!(position.unwrap_or(0), enriched, "all fates are applied");

        let told = self.told(&first_fates).await;
        let expected: Vec<EventId> = (&told | &self.stored_before)
            .difference(&self.deleted)
            .copied()
            .collect();
        assert_eq!(self.shown().await, expected);
        let indexed = index::ids(&self.store, &self.tenant()).await;
        let missing: Vec<_> = expected.iter().filter(|id| !indexed.contains(id)).collect();
        assert!(missing.is_empty(), "not in the index: {missing:?}");
    }

    /// The events that were acknowledged and not repeated, but for those that an older build was the first to decide
    /// on. Every other fate is the one that its record has to have.
    async fn told(&self, first_fates: &BTreeMap<u64, Record>) -> BTreeSet<EventId> {
        let accepted = self.topics.records(&self.accepted(), 0).await;
        let mut told = BTreeSet::new();
        for (record, is_repeated) in accepted.iter().zip(repeats::repeated(&accepted)) {
            let fate = &first_fates[&record.offset];
            if is_of_older_build(fate) {
                continue;
            }
            let event = decode_accepted(record.value.clone()).ok();
            let id = event.map(|accepted| accepted.event.id);
            let expected = match id {
                None => Some(topic::FATE_DEAD),
                Some(_) if is_repeated => Some(topic::FATE_DUPLICATE),
                Some(_) => None,
            };
            let marker = fate.header(topic::HEADER_FATE).map(|word| &**word);
            assert_eq!(marker, expected.map(str::as_bytes), "fate of {}", record.offset);
            assert_eq!(
                event_of(fate),
                id.filter(|_| !is_repeated),
                "fate of {}",
                record.offset
            );
            told.extend(event_of(fate));
        }
        told
    }
}

/// The event in a fate; none in a marker.
fn event_of(fate: &Record) -> Option<EventId> {
    let is_event = !fate.value.is_empty();
    is_event.then(|| decode_enriched(fate.value.clone()).unwrap().event.id)
}
