//! What the searches of a class have taken, and the lines of the tables that say so.

use std::time::Duration;

use axum::Router;

use crate::observed::Seen;
use crate::queries::Query;
use crate::samples::Samples;
use crate::searching::Searcher;

/// The time that a page may take, in milliseconds, 99 times in 100.
pub(crate) const AIM_MS: f64 = 50.0;
/// Reads are told by kind.
const KINDS: [&str; 8] = [
    "fresh places",
    "mark",
    "manifest",
    "fresh",
    "dictionary",
    "postings",
    "ids",
    "rows",
];

/// Sums over the queries of a class.
#[derive(Default)]
pub(crate) struct Sums {
    pub(crate) samples: Samples,
    queries: u32,
    found: u64,
    partial: u32,
    /// Processor time of ours and of the engine.
    pub(crate) cpu: [Duration; 2],
    seen: Seen,
    units: u64,
}

impl Sums {
    pub(crate) async fn measure(
        &mut self,
        searcher: &Searcher,
        service: &Router,
        query: &Query,
        range: (&str, &str),
    ) {
        let answer = searcher.page(service, query, range).await;
        let seen = searcher.seen();
        self.samples.add(answer.took);
        self.queries += 1;
        self.found += answer.ids.len() as u64;
        self.partial += u32::from(!answer.is_complete);
        self.units += seen.units.len() as u64;
        self.seen.fetched += seen.fetched;
        self.seen.rounds += seen.rounds;
        self.seen.waiting += seen.waiting;
        for (kind, reads) in seen.kinds {
            let sum = self.seen.kinds.entry(kind).or_default();
            sum.count += reads.count;
            sum.rows += reads.rows;
            sum.bytes += reads.bytes;
            sum.time += reads.time;
        }
    }

    fn percentiles(&self, high: usize) -> String {
        if self.queries == 0 {
            return "-".to_owned();
        }
        format!("{:.1} / {:.1}", self.samples.ms(50), self.samples.ms(high))
    }

    /// For each query: it depends little on what else the machine does. With the pages before the one that is measured.
    fn cpu_ms(&self) -> String {
        let [ours, engine] = self
            .cpu
            .map(|cpu| cpu.as_secs_f64() * 1000.0 / f64::from(self.queries.max(1)));
        format!("{ours:.1} + {engine:.1}")
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    fn mean(&self, sum: u64) -> f64 {
        sum as f64 / f64::from(self.queries.max(1))
    }
}

/// A class with warm caches, with cold ones of ours, and with cold ones of the system too.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) warm: Sums,
    pub(crate) cold: Sums,
    pub(crate) dropped: Sums,
}

impl Measured {
    pub(crate) fn is_met(&self) -> bool {
        [&self.warm, &self.cold]
            .iter()
            .all(|sums| sums.samples.ms(99) < AIM_MS)
    }

    pub(crate) fn print_head() {
        println!(
            "\n| query, page of 100 | warm p50 / p99 ms | cold p50 / p99 ms | disk cold p50 / max ms | found | partial | \
             units opened | pages read | tested | rounds | CPU warm, ours + engine ms | CPU cold | aim |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    }

    /// Counts are those of a cold search.
    pub(crate) fn print(&self) {
        let Self {
            name,
            warm,
            cold,
            dropped,
        } = self;
        let pages = ["dictionary", "postings", "ids", "directory"].map(|kind| cold.seen.of(kind).count);
        let cells = [
            (*name).to_owned(),
            warm.percentiles(99),
            cold.percentiles(99),
            dropped.percentiles(100),
            format!("{:.0}", cold.mean(cold.found)),
            (warm.partial + cold.partial).to_string(),
            format!("{:.0}", cold.mean(cold.units)),
            format!("{:.0}", cold.mean(pages.iter().sum())),
            format!("{:.0}", cold.mean(cold.seen.fetched)),
            format!("{:.1}", cold.mean(cold.seen.rounds)),
            warm.cpu_ms(),
            cold.cpu_ms(),
            if self.is_met() { "met" } else { "**missed**" }.to_owned(),
        ];
        println!("| {} |", cells.join(" | "));
    }
}

/// What a cold search reads, by kind.
pub(crate) fn print_details(classes: &[Measured]) {
    println!("\nReads of a cold search, as calls (summed ms, KiB):\n");
    println!(
        "| query | waits for the store, ms | works, ms | {} |",
        KINDS.join(" | ")
    );
    println!("|---|---|---|{}", "---|".repeat(KINDS.len()));
    for Measured { name, cold: sums, .. } in classes {
        let cells: Vec<String> = KINDS.iter().map(|kind| cell(sums, kind)).collect();
        let waiting = sums.seen.waiting.as_secs_f64() * 1000.0 / f64::from(sums.queries.max(1));
        let working = sums.samples.mean_ms() - waiting;
        println!("| {name} | {waiting:.1} | {working:.1} | {} |", cells.join(" | "));
    }
}

fn cell(sums: &Sums, kind: &str) -> String {
    let reads = sums.seen.of(kind);
    if reads.count == 0 {
        return "-".to_owned();
    }
    let ms = reads.time.as_secs_f64() * 1000.0 / f64::from(sums.queries.max(1));
    format!(
        "{:.1} ({ms:.1}, {:.0})",
        sums.mean(reads.count),
        sums.mean(reads.bytes) / 1024.0
    )
}
