//! How fast events are stored and indexed, beside the bare driver writing the same rows; and how fast they are found
//! then. On a real Cassandra, through the code of retention and query.
//!
//! Prints tables in Markdown. Every figure is of this run and this machine; the ratios are what may be compared.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and fails by panicking"
)]

mod bare;
mod engine;
mod events;
mod expected;
mod feed;
mod live;
mod loading;
mod measured;
mod observed;
mod options;
mod queries;
mod samples;
mod searching;
mod storing;
mod sums;
mod zipf;

use std::sync::Arc;

use chassis::clock::{Clock, Manual, System};
use domain::time::Millis;

use crate::engine::Engine;
use crate::events::World;
use crate::measured::Measuring;
use crate::observed::Observed;
use crate::options::Options;
use crate::searching::Searcher;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The events end at this time of the day: a part of it is a closed day and the other is not.
const END_MS: i64 = 15 * 60 * 60 * 1000 + 20 * 60 * 1000;

#[tokio::main]
async fn main() {
    let options = Options::from_arguments();
    let today = System.now_ms().div_euclid(DAY_MS) * DAY_MS;
    let end = Millis::from_ms(today - DAY_MS + END_MS);
    let world = Arc::new(World::new(options.events, options.span_ms, end, options.class()));
    println!("## {} events in {}\n", options.events, options.span());
    let engine = Engine::start(options.heap_mib).await;

    storing::beside_the_driver(&engine, &options, &world).await;
    let store = storing::everything(&engine, &world).await;

    let clock: Arc<dyn Clock> = Arc::new(Manual::at(end.as_ms()));
    let searcher = Searcher::new(Observed::new(store.clone()), clock, world.big().clone());
    let measuring = Measuring {
        world: &world,
        options: &options,
        searcher: &searcher,
        engine: &engine,
        from: world.start.to_string(),
        to: world.end.to_string(),
    };
    println!("\nSearching, load average {}", engine::load_average());
    let mut all_met = measuring.run().await;
    println!("load average {}", engine::load_average());
    if options.live_s > 0 {
        all_met &= live::run(&options, &world, &store).await;
    }
    println!(
        "\nevery aim of searching is met and every answer right: {}",
        if all_met { "yes" } else { "no" }
    );
}
