//! Runs many cases at once, and finds the least one that fails.

use std::any::Any;
use std::fmt::Debug;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::{StreamExt, stream};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Cases that run at once.
const AT_ONCE: usize = 12;
/// Cases that are tried to find a lesser one that fails.
const MAX_TRIES: u32 = 1_000;
/// A case takes less.
const DEADLINE: Duration = Duration::from_mins(1);
/// Names the seed of a case that has failed: it alone is run.
const SEED: &str = "SLUICE_TEST_SEED";

/// What happens, one after the other, and what must hold then.
pub trait Case: Clone + Debug + Send + 'static {
    /// Where it happens: what cases share, and the number of one.
    type Ground: Send + 'static;

    /// Panics where something happens that must not.
    fn run(self, ground: Self::Ground) -> impl Future<Output = ()> + Send;
}

/// Grounds by number.
struct Numbers<'a, G> {
    ground: &'a (dyn Fn(u32) -> G + Sync),
    next: AtomicU32,
}

impl<G> Numbers<'_, G> {
    fn ground(&self) -> G {
        (self.ground)(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// Runs `count` cases, each on the ground of a number of its own, which is below 2,000,000,000 and differs from those
/// of runs before.
pub async fn run<C: Case, S: Strategy<Value = C>>(
    ground: impl Fn(u32) -> C::Ground + Sync,
    count: u64,
    cases: S,
) {
    // Seeded by the system, anew in each process.
    let random = RandomState::new().hash_one(count);
    let numbers = Numbers {
        ground: &ground,
        next: AtomicU32::new(u32::try_from(random % 1_000_000).unwrap() * 2_000),
    };
    let given = std::env::var(SEED).ok().map(|seed| seed.parse::<u64>().unwrap());
    let seeds = match given {
        Some(seed) => seed..seed + 1,
        None => (random >> 16)..(random >> 16) + count,
    };
    let running = seeds.map(|seed| {
        let case = tree(&cases, seed).current();
        let ground = numbers.ground();
        async move { (seed, outcome(ground, case).await) }
    });
    let mut running = std::pin::pin!(stream::iter(running).buffer_unordered(AT_ONCE));
    let mut failed = None;
    while let Some((seed, outcome)) = running.next().await {
        if outcome.is_err() {
            failed = Some(seed);
            break;
        }
    }
    if let Some(seed) = failed {
        report(&numbers, &cases, seed).await;
    }
}

/// What a strategy makes of a seed.
pub fn tree<S: Strategy>(all: &S, seed: u64) -> S::Tree {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    all.new_tree(&mut TestRunner::new_with_rng(Config::default(), rng))
        .unwrap()
}

/// Runs a case. The error is what it says.
async fn outcome<C: Case>(ground: C::Ground, case: C) -> Result<(), String> {
    let running = tokio::spawn(tokio::time::timeout(DEADLINE, case.run(ground)));
    match running.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(late)) => Err(late.to_string()),
        Err(error) => Err(said(&*error.into_panic())),
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}

/// Panics with the least case that fails as this one does.
async fn report<C: Case, S: Strategy<Value = C>>(numbers: &Numbers<'_, C::Ground>, cases: &S, seed: u64) {
    let mut tree = tree(cases, seed);
    let mut least = (tree.current(), String::from("it passes when it is run alone"));
    let mut is_moved = true;
    for _ in 0..MAX_TRIES {
        if !is_moved {
            break;
        }
        let case = tree.current();
        is_moved = match outcome(numbers.ground(), case.clone()).await {
            Ok(()) => tree.complicate(),
            Err(why) => {
                least = (case, why);
                tree.simplify()
            }
        };
    }
    panic!("{:#?}\n\n{}\n\n{SEED}={seed}", least.0, least.1);
}
