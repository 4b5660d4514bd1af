//! What storing and indexing costs: a sample beside the bare driver writing the same rows, then everything.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use store::cql::Cql;

use crate::bare::Bare;
use crate::engine::{Engine, load_average, own_cpu};
use crate::events::{SOURCES, World};
use crate::feed::{Batch, Feed};
use crate::loading::{Loaded, Stage, load};
use crate::observed::{Calls, Observed, Seen};
use crate::options::Options;

const KEYSPACE: &str = "search";
/// Processor time of the engine for an event that is stored and indexed, in microseconds.
const AIM_US: f64 = 16.0;
const AIM_RATIO: f64 = 0.8;
/// Events of which the cost of making them is measured.
const MADE: u64 = 50_000;

/// What something took for each of its events.
struct Cost {
    events: f64,
    took: Duration,
    own: Duration,
    /// Of the engine, while it was written and until it was at rest.
    engine: [Duration; 2],
}

impl Cost {
    async fn of<T>(
        engine: &Engine,
        work: impl Future<Output = T>,
        events: impl Fn(&T) -> (u64, Duration),
    ) -> (T, Self) {
        let (own, before) = (own_cpu(), engine.cpu());
        let done = work.await;
        let (own, written) = (own_cpu().saturating_sub(own), engine.cpu().saturating_sub(before));
        engine.settle().await;
        let (events, took) = events(&done);
        let cost = Self {
            events: count(events),
            took,
            own,
            engine: [written, engine.cpu().saturating_sub(before)],
        };
        (done, cost)
    }

    fn rate(&self) -> f64 {
        self.events / self.took.as_secs_f64()
    }

    fn us(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.events
    }

    fn print(&self, what: &str, making_us: f64) {
        println!(
            "| {what} | {:.0} | {:.1} | {:.1} | {:.1} |",
            self.rate(),
            self.us(self.own) - making_us,
            self.us(self.engine[0]),
            self.us(self.engine[1])
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
fn count(number: u64) -> f64 {
    number as f64
}

fn feeds(world: &Arc<World>, numbers: &Range<u64>) -> Vec<Feed> {
    (0..SOURCES)
        .map(|source| Feed::new(world, source, numbers.clone()))
        .collect()
}

fn print_head() {
    println!(
        "| | events/s | our CPU us/event | engine CPU us/event, while writing | and until at rest |\n|---|---|---|---|---|"
    );
}

/// The last events, made beforehand, through the driver and through retention.
pub(crate) async fn beside_the_driver(engine: &Engine, options: &Options, world: &Arc<World>) {
    if options.sample == 0 {
        return;
    }
    let numbers = world.total - options.sample..world.total;
    let premade = || {
        feeds(world, &numbers)
            .into_iter()
            .map(Iterator::collect)
            .collect::<Vec<Vec<Batch>>>()
    };
    println!(
        "Storing {} of them that are made beforehand, {SOURCES} writers, load average {}\n",
        options.sample,
        load_average()
    );
    warm_up(engine, world).await;

    let (config, _) = engine.keyspace("driver").await;
    let bare = Bare::new(&config, options.class(), &premade()).await;
    let (_, driver) = Cost::of(engine, bare.write(), |took| (options.sample, *took)).await;
    engine.drop_keyspace("driver").await;

    print_head();
    driver.print("bare driver, rows alone", 0.0);
    let stages = [
        ("the store, rows alone", Stage::Rows),
        ("retention, and fresh segments", Stage::Fresh),
        ("and units of 5 minutes", Stage::Sealed),
        ("and these merged: all of it", Stage::Merged),
    ];
    let mut last = None;
    for (what, stage) in stages {
        let (_, store) = engine.keyspace("beside").await;
        let feeds = premade().into_iter().map(Vec::into_iter).collect();
        let store = Observed::new(store);
        let loading = load(&store, feeds, stage);
        let (_, cost) = Cost::of(engine, loading, |loaded| (loaded.events, loaded.took)).await;
        engine.drop_keyspace("beside").await;
        cost.print(what, 0.0);
        last = Some((cost, store.take()));
    }
    let (all, seen) = last.unwrap();
    print_calls(&seen, all.events);
    println!(
        "\nratio of the last to the first {:.2} (aim {AIM_RATIO}), engine CPU {:.1} us/event at rest (aim {AIM_US}); load average {}",
        all.rate() / driver.rate(),
        all.us(all.engine[1]),
        load_average()
    );
}

/// The virtual machine of the engine compiles what it runs often.
async fn warm_up(engine: &Engine, world: &Arc<World>) {
    let numbers = world.total.saturating_sub(200_000)..world.total;
    let (_, store) = engine.keyspace("warm").await;
    load(&Observed::new(store), feeds(world, &numbers), Stage::Merged).await;
    engine.drop_keyspace("warm").await;
    engine.settle().await;
}

/// All events, made while they are stored. Answers the store that has them.
pub(crate) async fn everything(engine: &Engine, world: &Arc<World>) -> Cql {
    let making_us = making_us(world);
    println!("\nStoring all, load average {}\n", load_average());
    let (_, store) = engine.keyspace(KEYSPACE).await;
    let all = 0..world.total;
    let observed = Observed::new(store.clone());
    let loading = load(&observed, feeds(world, &all), Stage::Merged);
    let (loaded, cost) = Cost::of(engine, loading, |loaded| (loaded.events, loaded.took)).await;
    assert_eq!(loaded.events, world.total);
    engine.flush(KEYSPACE).await;
    print_head();
    cost.print("retention, rows and index", making_us);
    println!(
        "\nmaking the events has taken another {making_us:.1} us each; {} seals, {} merges of {:.2} times the events, {:.0} s in \
         merges of {SOURCES} x {:.0} s; load average {}",
        loaded.seals,
        loaded.merges,
        count(loaded.merged_events) / count(loaded.events),
        loaded.merging.as_secs_f64(),
        loaded.took.as_secs_f64(),
        load_average()
    );
    print_calls(&observed.take(), cost.events);
    print_disk(&engine.disk(KEYSPACE), &loaded);
    store
}

/// Calls of the store for a thousand events, with their rows and KiB.
fn print_calls(seen: &Seen, events: f64) {
    let cell = |(kind, calls): (&&str, &Calls)| {
        let per = |number: u64| count(number) * 1000.0 / events;
        format!(
            "{kind} {:.2} ({:.1}, {:.1})",
            per(calls.count),
            per(calls.rows),
            per(calls.bytes) / 1024.0
        )
    };
    let cells: Vec<String> = seen.kinds.iter().map(cell).collect();
    println!(
        "\ncalls of the store for 1,000 events (rows, KiB): {}",
        cells.join(", ")
    );
}

fn making_us(world: &Arc<World>) -> f64 {
    let numbers = 0..MADE.min(world.total);
    let before = own_cpu();
    let made: usize = feeds(world, &numbers)
        .into_iter()
        .flatten()
        .map(|batch| batch.records.len())
        .sum();
    own_cpu().saturating_sub(before).as_secs_f64() * 1e6 / count(made as u64)
}

fn print_disk(tables: &BTreeMap<String, u64>, loaded: &Loaded) {
    let each = |bytes: u64| count(bytes) / count(loaded.events);
    let is_rows = |name: &str| name.starts_with("events_");
    let sum = |rows: bool| {
        tables
            .iter()
            .filter(|(name, _)| is_rows(name) == rows)
            .map(|(_, bytes)| bytes)
            .sum::<u64>()
    };
    let listed = tables.iter().filter(|(_, bytes)| **bytes * 1000 > loaded.events);
    let listed: Vec<_> = listed
        .map(|(name, bytes)| format!("{name} {:.1}", each(*bytes)))
        .collect();
    println!(
        "\nbytes on disk for each event: rows {:.1}, index {:.1} ({}); an encoded event has {:.0}",
        each(sum(true)),
        each(sum(false)),
        listed.join(", "),
        each(loaded.bytes)
    );
}
