//! Classes of queries, measured and checked, one row of a table each.

use std::time::Duration;

use crate::engine::{Engine, drop_caches, own_cpu};
use crate::events::World;
use crate::expected;
use crate::options::Options;
use crate::queries::{CLASSES, Class, Query, Values};
use crate::searching::Searcher;
use crate::sums::{Measured, Sums, print_details};

/// Queries of a class that fill the cache of the service before the measured ones.
const WARM_UP: usize = 50;
/// Searches over the whole range, and tells what was measured.
pub(crate) struct Measuring<'a> {
    pub(crate) world: &'a World,
    pub(crate) options: &'a Options,
    pub(crate) searcher: &'a Searcher,
    pub(crate) engine: &'a Engine,
    pub(crate) from: String,
    pub(crate) to: String,
}

impl Measuring<'_> {
    fn range(&self) -> (&str, &str) {
        (&self.from, &self.to)
    }

    fn cpu(&self) -> [Duration; 2] {
        [own_cpu(), self.engine.cpu()]
    }

    fn cpu_since(&self, [ours, engine]: [Duration; 2]) -> [Duration; 2] {
        [
            own_cpu().saturating_sub(ours),
            self.engine.cpu().saturating_sub(engine),
        ]
    }

    fn queries(&self, class: &Class, seed: u64, count: usize) -> Vec<Query> {
        let mut values = Values::new(self.world, self.options.events, seed);
        (0..count).map(|_| (class.make)(&mut values)).collect()
    }

    /// Prints both tables. True where every answer was right and every aim met.
    pub(crate) async fn run(&self) -> bool {
        self.warm_up_engine().await;
        let is_right = self.check().await;
        let can_drop = self.options.dropped > 0 && drop_caches();
        if !can_drop && self.options.dropped > 0 {
            println!("the caches of the system can't be dropped here: those columns are missing");
        }
        Measured::print_head();
        let mut classes = Vec::new();
        for (class, seed) in CLASSES.iter().zip(1..) {
            let measured = self.class(class, seed * 1000, can_drop).await;
            measured.print();
            classes.push(measured);
        }
        print_details(&classes);
        is_right && classes.iter().all(Measured::is_met)
    }

    /// Its virtual machine has not compiled reads yet.
    async fn warm_up_engine(&self) {
        let service = self.searcher.service();
        for (class, seed) in CLASSES.iter().zip(1..) {
            for query in self.queries(class, seed * 1000 + 1, 30) {
                self.searcher.page(&service, &query, self.range()).await;
            }
        }
    }

    async fn class(&self, class: &Class, seed: u64, can_drop: bool) -> Measured {
        let mut measured = Measured {
            name: class.name,
            ..Measured::default()
        };
        let service = self.searcher.service();
        for query in self.queries(class, seed + 2, WARM_UP) {
            self.searcher.page(&service, &query, self.range()).await;
        }
        let before = self.cpu();
        for query in self.queries(class, seed + 3, self.options.queries) {
            let sums = &mut measured.warm;
            sums.measure(self.searcher, &service, &query, self.range()).await;
        }
        measured.warm.cpu = self.cpu_since(before);
        let before = self.cpu();
        for query in self.queries(class, seed + 4, self.options.queries) {
            self.measure_anew(&mut measured.cold, &query).await;
        }
        measured.cold.cpu = self.cpu_since(before);
        let dropped = if can_drop { self.options.dropped } else { 0 };
        for query in self.queries(class, seed + 5, dropped) {
            drop_caches();
            self.measure_anew(&mut measured.dropped, &query).await;
        }
        measured
    }

    /// With a service that has read nothing yet.
    async fn measure_anew(&self, sums: &mut Sums, query: &Query) {
        let service = self.searcher.service();
        sums.measure(self.searcher, &service, query, self.range()).await;
    }

    /// Compares answers with what is known.
    async fn check(&self) -> bool {
        let service = self.searcher.service();
        let mut queries = Vec::new();
        let mut names = Vec::new();
        for (class, seed) in CLASSES.iter().zip(1..) {
            let of_class = self.queries(class, seed * 1000 + 6, self.options.checked);
            names.extend(of_class.iter().map(|_| class.name));
            queries.extend(of_class);
        }
        let expected = expected::pages(self.world, &queries);
        let mut wrong = 0;
        for ((query, expected), name) in queries.iter().zip(&expected).zip(names) {
            let mut answer = self.searcher.page(&service, query, self.range()).await;
            if !answer.is_complete {
                println!(
                    "{name}: {} is cut short after {} events: not compared further",
                    query.q,
                    answer.ids.len()
                );
                answer
                    .ids
                    .extend_from_slice(expected.get(answer.ids.len()..).unwrap_or_default());
            }
            if answer.ids != *expected {
                wrong += 1;
                println!(
                    "WRONG {name}: {} found {}, expected {}",
                    query.q,
                    answer.ids.len(),
                    expected.len()
                );
            }
        }
        println!(
            "{} answers compared with the events, {wrong} wrong",
            queries.len()
        );
        wrong == 0
    }
}
