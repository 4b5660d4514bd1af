//! A case: what happens, one after the other, and what must hold then.

use domain::time::Millis;
use e2e::schedule::runner;
use proptest::prelude::*;
use proptest::sample::select;

use crate::ground::Ground;
use crate::spec::{BASE, HOUR_MS, MINUTE_MS};
use crate::steps::{Step, schedule};
use crate::world::World;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Case {
    begin: Millis,
    steps: Vec<Vec<Step>>,
    /// Whether all rows are looked at after each step.
    looks_always: bool,
}

/// Cases of at most so many steps.
pub(crate) fn cases(max_steps: usize, looks_always: bool) -> impl Strategy<Value = Case> {
    let begins = vec![
        MINUTE_MS + 500,
        HOUR_MS / 2,
        HOUR_MS - 1,
        5 * HOUR_MS + HOUR_MS / 2,
    ];
    (select(begins), schedule(max_steps)).prop_map(move |(ms, steps)| Case {
        begin: BASE.plus_ms(ms),
        steps,
        looks_always,
    })
}

impl runner::Case for Case {
    type Ground = Ground;

    async fn run(self, ground: Ground) {
        let mut world = World::new(&ground, self.begin);
        for step in self.steps.iter().flatten() {
            happen(&mut world, step).await;
            if self.looks_always {
                world.look().await;
            }
        }
        world.end().await;
    }
}

async fn happen(world: &mut World, step: &Step) {
    match step {
        Step::Append(source, specs, behind_ms) => world.append(*source, specs, *behind_ms),
        Step::Marker(source) => world.mark(*source),
        Step::Repeat(source, repeat) => world.repeat(*source, *repeat),
        Step::Assign(place, settings) => world.assign(*place, *settings).await,
        Step::Process(place, max, planned) => world.process(*place, *max, *planned).await,
        Step::Work(place, max, planned) => world.work(*place, *max, *planned).await,
        Step::Close(place, planned) => world.close(*place, *planned).await,
        Step::Crash(place) => world.crash(*place),
        Step::Pass(ms) => world.pass(*ms),
        Step::Land(number) => world.land(*number).await,
        Step::Renew => world.renew(),
        Step::Look => world.look().await,
    }
}
