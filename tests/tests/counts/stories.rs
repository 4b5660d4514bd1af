//! Interleavings that counting is easily wrong about, step by step.
//!
//! - `owners`: several workers of one source; `crashes`: a worker that ends between two writes.
//! - `log`: append times, repeated origins, topics made anew; `bounds`: memory, groups, and the life of rows.
//! - `readers`: what is seen meanwhile.

mod bounds;
mod crashes;
mod log;
mod owners;
mod readers;

use std::sync::Arc;

use domain::rollup::{Grain, Rollup, Row};
use e2e::schedule::Trouble;
use store::embedded::{Config, Embedded};
use store::{COUNTED_MINUTES, COUNTING_SERVICE};
use tempfile::TempDir;

use crate::flaky::{Call, Plan};
use crate::ground::Ground;
use crate::spec::{BASE, HOUR_MS, Spec};
use crate::steps::{ALL, Place, Planned, Settings};
use crate::world::World;

/// The source of most stories.
const SOURCE: usize = 0;
/// Two processes with it.
const ONE: Place = Place {
    source: SOURCE,
    slot: 0,
};
const OTHER: Place = Place {
    source: SOURCE,
    slot: 1,
};
/// All that a flush writes, in order.
const WRITES: [Call; 4] = [Call::Minutes, Call::Hours, Call::Position, Call::MinutesPosition];
const FAILURES: [Trouble; 5] = [
    Trouble::Lost,
    Trouble::Half,
    Trouble::Unheard,
    Trouble::Late,
    Trouble::Twice,
];
const SLEEPS: [Trouble; 2] = [Trouble::Asleep, Trouble::AsleepAfter];

/// A world and its store.
struct Story {
    world: World,
    _dir: TempDir,
}

#[expect(clippy::unnecessary_wraps, reason = "what a step takes")]
fn plan(of: Call, trouble: Trouble) -> Planned {
    Some(Plan {
        of: Some(of),
        behind: 0,
        trouble,
    })
}

impl Story {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Embedded::open(dir.path(), Config::new(Arc::new(|| BASE))).unwrap();
        let ground = Ground {
            store: Arc::new(store),
            number: 1,
        };
        Self {
            world: World::new(&ground, BASE.plus_ms(HOUR_MS / 2 + 500)),
            _dir: dir,
        }
    }

    /// New requests of one minute, of different routes.
    fn append(&mut self, count: u8) {
        let requests: Vec<_> = (0..count).map(|route| Spec::request(0, route, 0)).collect();
        self.world.append(SOURCE, &requests, 0);
    }

    /// A worker takes everything that there is and writes it, unless it gets into trouble.
    async fn work(&mut self, place: Place, planned: Planned) {
        self.world.work(place, ALL, planned).await;
        self.world.look().await;
    }

    /// Events that the rows of a grain count.
    async fn counted(&mut self, grain: Grain) -> u64 {
        let stored = self.world.stored().await;
        let rows = stored
            .iter()
            .filter(|(key, _)| key.rollup == Rollup::Events && key.window.grain == grain);
        rows.map(|(key, bytes)| count(&Row::decode(key.rollup, bytes).unwrap()))
            .sum()
    }

    /// Origins that everything is written of, and those that the minutes are written of.
    async fn said(&self) -> [u64; 2] {
        [
            self.world.origins_of(COUNTING_SERVICE, SOURCE).await,
            self.world.origins_of(COUNTED_MINUTES, SOURCE).await,
        ]
    }

    /// All goes on to its end, and is exact there.
    async fn end(mut self) {
        self.world.look().await;
        self.world.end().await;
    }
}

/// Events that a row counts.
fn count(row: &Row) -> u64 {
    row.groups().map(|(_, aggregate)| aggregate.count).sum()
}

/// Settings of a worker that has no room for windows.
const CRAMPED: Settings = Settings {
    windows: 1,
    ..Settings::EAGER
};
