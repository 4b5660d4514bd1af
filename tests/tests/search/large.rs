//! Units of many events: their postings have rows of their own, in several blocks, and their ids many pages.

use std::sync::Arc;

use e2e::schedule::runner::tree;
use proptest::strategy::ValueTree;
use store::embedded::{Config, Embedded};

use crate::reader::Bounds;
use crate::spec::{BASE, DAY_MS, HOUR_MS, spec};
use crate::steps::{Place, Question, Settings, question};
use crate::world::{Ground, World};

/// More than positions in a block of postings, for the tenant with most of them.
const EVENTS: usize = 100_000;
const AT_ONCE: usize = 5_000;
const QUESTIONS: usize = 8;
const SEED: u64 = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_is_the_naive_filter_on_large_units() {
    let dir = tempfile::tempdir().unwrap();
    let store = Embedded::open(dir.path(), Config::new(Arc::new(|| BASE))).unwrap();
    let ground = Ground {
        store: Arc::new(store),
        number: 1,
    };
    let mut world = World::new(&ground, BASE.plus_ms(DAY_MS + HOUR_MS / 2), Bounds::WIDE);
    let specs = tree(&proptest::collection::vec(spec(), EVENTS), SEED).current();
    let questions = tree(&proptest::collection::vec(question(), QUESTIONS), SEED).current();
    let questions: Vec<Question> = questions.into_iter().map(|question| question.by(500)).collect();

    let place = Place { source: 0, slot: 0 };
    world.assign(place, Settings::LAZY).await;
    for specs in specs.chunks(AT_ONCE) {
        world.append(0, specs, 0);
        world.work(place, AT_ONCE, None).await;
    }
    for question in &questions {
        world.search(question).await;
    }
    world.settle(Settings::EAGER).await;
    world.merge_all().await;
    world.remove_replaced().await;
    for question in &questions {
        world.search(question).await;
    }
}
