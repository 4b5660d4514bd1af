//! Searches over the last minutes while events come in: retention itself over a log, in real time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chassis::clock::Clock;
use chassis::random::Seeded;
use domain::source::Lane;
use domain::time::Millis;
use domain::topic;
use eventlog::embedded::{self, Retention, TopicConfig};
use eventlog::{Log, NewRecord, TopicPartition};
use proto::record::encode_enriched;
use store::cql::Cql;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::engine::load_average;
use crate::events::{SOURCES, World};
use crate::observed::{Calls, Observed};
use crate::options::Options;
use crate::queries::{CLASSES, Query, Values};
use crate::samples::Samples;
use crate::searching::Searcher;
use crate::sums::AIM_MS;

const RATE: u64 = 3_000;
const EVERY: Duration = Duration::from_millis(50);
const ASK_EVERY: Duration = Duration::from_millis(100);
/// Not that of what was loaded: a source has its own positions.
const GENERATION: u32 = 2;

/// A clock that goes on from where the events have ended.
#[derive(Debug)]
struct Going {
    from: Millis,
    since: Instant,
}

impl Clock for Going {
    fn now_ms(&self) -> i64 {
        self.from.as_ms() + i64::try_from(self.since.elapsed().as_millis()).unwrap()
    }
}

/// Writes and searches; true where the aim is met.
pub(crate) async fn run(options: &Options, world: &World, store: &Cql) -> bool {
    let clock: Arc<dyn Clock> = Arc::new(Going {
        from: world.end,
        since: Instant::now(),
    });
    let dir = tempfile::tempdir().unwrap();
    let log = open_log(&dir, clock.clone());
    let shutdown = CancellationToken::new();
    let shared = Arc::new(store.clone());
    let deps = retention::Deps {
        log: log.clone(),
        events: shared.clone(),
        index: shared.clone(),
        progress: shared,
        clock: clock.clone(),
        random: Arc::new(Seeded::new(11)),
        generation: GENERATION,
    };
    let retaining = tokio::spawn(retention::run(
        retention::Config::default(),
        deps,
        shutdown.clone(),
    ));
    // Those of a world that begins where the other has ended.
    let seconds = options.live_s;
    let next = World::new(
        RATE * (seconds + 60),
        i64::try_from(seconds + 60).unwrap() * 1000,
        world.end.plus_ms(i64::try_from(seconds + 60).unwrap() * 1000),
        options.class(),
    );
    let writing = tokio::spawn(write(log, next, clock.clone(), shutdown.clone()));
    let searcher = Searcher::new(Observed::new(store.clone()), clock, world.big().clone());
    let is_met = search(options, world, &searcher).await;
    shutdown.cancel();
    let written = writing.await.unwrap();
    retaining.await.unwrap().unwrap();
    println!(
        "{written} events came in meanwhile; load average {}",
        load_average()
    );
    is_met
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn count(number: u64) -> f64 {
    number.max(1) as f64
}

fn open_log(dir: &tempfile::TempDir, clock: Arc<dyn Clock>) -> Arc<dyn Log> {
    let enriched = TopicConfig {
        name: topic::enriched(Lane::Standard).to_owned(),
        partitions: SOURCES,
        retention: Retention::Age(Duration::from_hours(1)),
    };
    let config = embedded::Config::new(vec![enriched], Arc::new(move || clock.now_ms()));
    Arc::new(embedded::Embedded::open(dir.path(), config).unwrap())
}

/// Appends events when their time has come. Answers how many.
async fn write(log: Arc<dyn Log>, world: World, clock: Arc<dyn Clock>, shutdown: CancellationToken) -> u64 {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut next, mut origins) = (0, [0_u64; SOURCES as usize]);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() && next < world.total {
        let end = world.first_at(Millis::from_ms(clock.now_ms()));
        let records = (next..end).map(|number| {
            let partition = world.source(number);
            let origin = &mut origins[partition as usize];
            *origin += 1;
            NewRecord {
                to: TopicPartition::new(topic::enriched(Lane::Standard), partition),
                key: Bytes::new(),
                value: encode_enriched(world.event(&world.shape(number))),
                headers: vec![(topic::HEADER_ORIGIN.into(), (*origin - 1).to_string().into())],
            }
        });
        for result in log.append(records.collect()).await {
            result.unwrap();
        }
        next = next.max(end);
    }
    next
}

async fn search(options: &Options, world: &World, searcher: &Searcher) -> bool {
    let service = searcher.service();
    let mut values = Values::new(world, options.events, 99);
    let mut query = |number: usize| (CLASSES[number].make)(&mut values);
    let mut samples = [Samples::default(), Samples::default()];
    let mut fresh = Calls::default();
    let mut waiting = Duration::ZERO;
    let mut asked = 0_u32;
    let begin = Instant::now();
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while begin.elapsed() < Duration::from_secs(options.live_s) {
        ticks.tick().await;
        let which = asked as usize % 2;
        let query: Query = query(which);
        let answer = searcher.page(&service, &query, ("now-5m", "now")).await;
        let seen = searcher.seen();
        // At first nothing has come in.
        if begin.elapsed() > Duration::from_secs(options.live_s / 3) {
            samples[which].add(answer.took);
            waiting += seen.waiting;
        }
        let reads = seen.of("fresh");
        if reads.rows > fresh.rows {
            fresh = reads;
        }
        asked += 1;
    }
    println!(
        "\nSearching the last 5 minutes while {RATE} events/s come in. At the most {} fresh segments with {} KiB in {} reads of \
         {:.1} ms; of the mean of {:.1} ms a search waits {:.1} ms for the store\n",
        fresh.rows,
        fresh.bytes >> 10,
        fresh.count,
        fresh.time.as_secs_f64() * 1000.0 / count(fresh.count),
        samples.iter().map(Samples::mean_ms).sum::<f64>() / 2.0,
        waiting.as_secs_f64() * 1000.0 / count(samples.iter().map(Samples::len).sum()),
    );
    println!("| query, page of 100 | p50 ms | p99 ms | aim: p99 < {AIM_MS} ms |");
    println!("|---|---|---|---|");
    let mut is_met = true;
    for (samples, class) in samples.iter().zip(&CLASSES) {
        is_met &= samples.ms(99) < AIM_MS;
        let verdict = if samples.ms(99) < AIM_MS {
            "met"
        } else {
            "**missed**"
        };
        println!(
            "| {} | {:.1} | {:.1} | {verdict} |",
            class.name,
            samples.ms(50),
            samples.ms(99)
        );
    }
    is_met
}
