//! Events on their way into the store through the code of retention: its workers, with clocks that follow the events,
//! and its merges, as they become due on these clocks.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chassis::clock::{Clock, Manual, System};
use chassis::config::{ByteSize, Span};
use chassis::random::{Random, Seeded};
use domain::index::manifest::{Period, UnitRef};
use domain::source::{FIRST_GENERATION, Lane, Source};
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::topic;
use eventlog::embedded::{self, Retention, TopicConfig};
use eventlog::runner::{Processor, Worker};
use eventlog::{Log, Record, TopicPartition};
use proto::record::decode_enriched;
use retention::Recent;
use retention::merge::{self, Place};
use store::{Events, Index};
use tempfile::TempDir;

use crate::events::SOURCES;
use crate::feed::Batch;
use crate::observed::Observed;

/// How long the pages of merged units are kept.
const REMOVE_AFTER_MS: i64 = 10 * 60 * 1000;
/// A partition's part of what a process keeps by default.
const RECENT_BYTES: usize = (16 << 20) / 4;
const HOUR_MS: i64 = 60 * 60 * 1000;

/// How far the events go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Rows and nothing else.
    Rows,
    /// And fresh segments.
    Fresh,
    /// And units.
    Sealed,
    /// And these merged: what is done in production.
    Merged,
}

/// What has been done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) seals: u64,
    pub(crate) merges: u64,
    pub(crate) merged_events: u64,
    pub(crate) took: Duration,
    /// Within it, for merges, of all partitions together.
    pub(crate) merging: Duration,
}

/// Stores the batches of each partition, all partitions at once.
pub(crate) async fn load<F>(store: &Observed, feeds: Vec<F>, stage: Stage) -> Loaded
where
    F: Iterator<Item = Batch> + Send + 'static,
{
    let dir = tempfile::tempdir().unwrap();
    let log = empty_log(&dir);
    let random: Arc<dyn Random> = Arc::new(Seeded::new(7));
    let begin = Instant::now();
    let partitions = (0..).zip(feeds).map(|(partition, feed)| {
        let (store, log, random) = (store.clone(), log.clone(), random.clone());
        tokio::spawn(async move {
            Loading::new(store, log, random, partition, stage)
                .await
                .run(feed)
                .await
        })
    });
    let mut all = Loaded::default();
    for partition in partitions.collect::<Vec<_>>() {
        let loaded = partition.await.unwrap();
        all.events += loaded.events;
        all.bytes += loaded.bytes;
        all.seals += loaded.seals;
        all.merges += loaded.merges;
        all.merged_events += loaded.merged_events;
        all.merging += loaded.merging;
    }
    all.took = begin.elapsed();
    all
}

/// A log whose partitions are there: workers ask for their bounds.
pub(crate) fn empty_log(dir: &TempDir) -> Arc<dyn Log> {
    let enriched = TopicConfig {
        name: topic::enriched(Lane::Standard).to_owned(),
        partitions: SOURCES,
        retention: Retention::Age(Duration::from_hours(1)),
    };
    let config = embedded::Config::new(vec![enriched], Arc::new(|| System.now_ms()));
    Arc::new(embedded::Embedded::open(dir.path(), config).unwrap())
}

/// What a flush of a busy partition has. A seal comes with each flush of ours, for it is for us to say when, or never.
fn config(stage: Stage) -> retention::Config {
    let is_sealed = stage != Stage::Fresh;
    let never = Span::from_secs(24 * 60 * 60);
    let defaults = retention::Config::default();
    retention::Config {
        put: ByteSize::kib(320),
        index: retention::config::Index {
            seal_every: if is_sealed { Span::from_ms(0) } else { never },
            unsealed: if is_sealed {
                defaults.index.unsealed
            } else {
                ByteSize::mib(4096)
            },
            tenant_segments: u32::MAX,
            tenant_events: if is_sealed {
                defaults.index.tenant_events
            } else {
                u32::MAX
            },
            ..defaults.index
        },
        ..defaults
    }
}

/// One partition.
struct Loading {
    stage: Stage,
    worker: Box<dyn Worker>,
    clock: Arc<Manual>,
    merging: Merging,
    loaded: Loaded,
}

impl Loading {
    async fn new(
        store: Observed,
        log: Arc<dyn Log>,
        random: Arc<dyn Random>,
        partition: u32,
        stage: Stage,
    ) -> Self {
        let clock = Arc::new(Manual::at(0));
        let shared = Arc::new(store.clone());
        let deps = retention::Deps {
            log,
            events: shared.clone(),
            index: shared.clone(),
            progress: shared,
            clock: clock.clone(),
            random: random.clone(),
            generation: FIRST_GENERATION,
        };
        let topic = TopicPartition::new(topic::enriched(Lane::Standard), partition);
        let recent = Arc::new(Recent::new(RECENT_BYTES));
        let assigned = retention::processor(&config(stage), deps, recent.clone())
            .assigned(&topic, None)
            .await
            .unwrap();
        assert_eq!(assigned.start, 0);
        let source = Source {
            lane: Lane::Standard,
            generation: FIRST_GENERATION,
            partition,
        };
        Self {
            stage,
            worker: assigned.worker,
            clock,
            merging: Merging {
                store,
                random,
                recent,
                source,
                later: HashMap::new(),
                replaced: VecDeque::new(),
            },
            loaded: Loaded::default(),
        }
    }

    async fn run(mut self, feed: impl Iterator<Item = Batch>) -> Loaded {
        let mut hour = None;
        let mut small: HashMap<TenantId, Period> = HashMap::new();
        for batch in feed {
            self.clock.set(batch.now.as_ms());
            self.store(&batch).await;
            self.loaded.events += batch.records.len() as u64;
            self.loaded.bytes += batch
                .records
                .iter()
                .map(|record| record.value.len() as u64)
                .sum::<u64>();
            if !batch.is_sealed || self.stage == Stage::Rows {
                continue;
            }
            self.worker.flush().await.unwrap();
            if self.stage < Stage::Merged {
                continue;
            }
            self.loaded.seals += 1;
            let now = batch.now;
            let period = Period::of(now.minus_ms(1));
            small.extend(batch.tenants.into_iter().map(|tenant| (tenant, period)));
            // Of small tenants nothing is due so soon.
            let this_hour = now.as_ms().div_euclid(HOUR_MS);
            let is_new_hour = hour.replace(this_hour) != Some(this_hour);
            let offered = small.extract_if(|tenant, _| is_new_hour || tenant.as_str() == "big");
            self.merge(offered.collect(), now).await;
        }
        self.loaded
    }

    async fn store(&mut self, batch: &Batch) {
        if self.stage == Stage::Rows {
            let decode = |record: &Record| decode_enriched(record.value.clone()).unwrap();
            let rows: Vec<_> = batch.records.iter().map(decode).collect();
            self.merging.store.put(&rows, batch.now).await.unwrap();
        } else if !batch.records.is_empty() {
            self.worker.process(&batch.records).await.unwrap();
        }
    }

    async fn merge(&mut self, offered: Vec<(TenantId, Period)>, now: Millis) {
        let begin = Instant::now();
        self.merging.run(offered, now, &mut self.loaded).await;
        self.loaded.merging += begin.elapsed();
    }
}

/// Merges the units of one partition, as the task of retention does.
struct Merging {
    store: Observed,
    random: Arc<dyn Random>,
    recent: Arc<Recent>,
    source: Source,
    later: HashMap<Place, Millis>,
    replaced: VecDeque<(Millis, UnitRef)>,
}

impl Merging {
    async fn run(&mut self, offered: Vec<(TenantId, Period)>, now: Millis, loaded: &mut Loaded) {
        let source = self.source;
        let offered = offered.into_iter().map(|(tenant, period)| Place {
            tenant,
            period,
            source,
        });
        let mut places: Vec<Place> = offered.collect();
        places.extend(
            self.later
                .extract_if(|_, due| *due <= now)
                .map(|(place, _)| place),
        );
        for place in places {
            let merged = merge::run_once(&self.store, &self.recent, &place, now, &*self.random)
                .await
                .unwrap();
            loaded.merges += u64::from(merged.merges);
            loaded.merged_events += merged.events;
            self.replaced
                .extend(merged.replaced.into_iter().map(|unit| (now, unit)));
            if let Some(due) = merged.next_due {
                self.later.insert(place, due);
            }
        }
        while let Some((since, unit)) = self.replaced.front().copied() {
            if now.since(since) < REMOVE_AFTER_MS {
                break;
            }
            self.replaced.pop_front();
            self.store.remove_unit(unit).await.unwrap();
        }
    }
}
