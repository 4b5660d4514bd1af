//! Interleavings that an index is easily wrong about, step by step.
//!
//! - `owners`: several workers of one source; `readers`: what happens while one reads.
//! - `times`: silence, absence, and clocks that step back; `events`: deleted and reprocessed ones.

mod events;
mod owners;
mod readers;
mod times;

use std::sync::Arc;

use store::embedded::{Config, Embedded};
use tempfile::TempDir;

use crate::flaky::{Call, Plan, Trouble};
use crate::reader::{Bounds, Found};
use crate::spec::{BASE, DAY_MS, HOUR_MS, MINUTE_MS, Spec, TENANTS};
use crate::steps::{Place, Planned, Question, SOURCES, Settings};
use crate::world::{Ground, World};

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
/// As many records as there are.
const ALL: usize = usize::MAX;
/// All events of a time that has passed since.
const SEALED: Settings = Settings::EAGER;
const FAILURES: [Trouble; 5] = [
    Trouble::Lost,
    Trouble::Half,
    Trouble::Unheard,
    Trouble::Late,
    Trouble::Twice,
];

/// A world and its store.
struct Story {
    world: World,
    _dir: TempDir,
}

#[expect(clippy::unnecessary_wraps, reason = "what a step takes")]
fn plan(of: Call, behind: usize, trouble: Trouble) -> Planned {
    Some(Plan {
        of: Some(of),
        behind,
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
        let began = BASE.plus_ms(DAY_MS / 2 + HOUR_MS / 2);
        Self {
            world: World::new(&ground, began, Bounds::WIDE),
            _dir: dir,
        }
    }

    /// One in which an event of each tenant is sealed.
    async fn begun() -> Self {
        let mut story = Self::new();
        for source in 0..SOURCES {
            story.world.append(source, &[Spec::ago(0, 0), Spec::ago(1, 0)], 0);
        }
        story.world.settle(SEALED).await;
        story
    }

    /// New events of a tenant, now.
    fn append(&mut self, tenant: usize, count: usize) {
        self.world.append(SOURCE, &vec![Spec::ago(tenant, 0); count], 0);
    }

    /// Searches for everything are exact.
    async fn exact(&mut self) -> Vec<Found> {
        let mut all = Vec::new();
        for tenant in 0..TENANTS {
            all.push(self.world.search(&Question::of_all(tenant, "")).await);
            self.world
                .search(&Question::of_all(tenant, "service:checkout"))
                .await;
        }
        all
    }

    /// All goes on to its end, and is exact and complete there.
    async fn end(mut self) {
        self.world.settle(Settings::LAZY).await;
        self.is_whole().await;
        self.world.settle(SEALED).await;
        self.is_whole().await;
        self.world.merge_all().await;
        self.is_whole().await;
        self.world.remove_replaced().await;
        let late = self.world.late();
        self.world.land_some(late).await;
        self.world.pass(3 * DAY_MS).await;
        self.is_whole().await;
    }

    async fn is_whole(&mut self) {
        let questions: Vec<_> = (0..TENANTS)
            .flat_map(|tenant| {
                ["", "service:checkout", "-service:checkout"].map(|q| Question::of_all(tenant, q))
            })
            .collect();
        self.world.search_when_quiet(&questions).await;
        for found in self.exact().await {
            assert!(!found.is_behind);
        }
    }
}

/// Minutes in milliseconds.
const fn minutes(count: i64) -> i64 {
    count * MINUTE_MS
}
