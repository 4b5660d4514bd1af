//! A case: what happens, one after the other, and what must hold then.

use domain::time::Millis;
use e2e::schedule::runner as schedule;
use proptest::prelude::*;

use crate::reader::Bounds;
use crate::spec::DAY_MS;
use crate::steps::{Question, SLOTS, Settings, Step, begin, bounds, question, steps};
use crate::world::{Ground, World};

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Case {
    begin: Millis,
    bounds: Bounds,
    /// In groups that belong together.
    steps: Vec<Vec<Step>>,
    /// What is asked whenever nothing happens any more.
    questions: Vec<Question>,
}

/// Cases of at most so many steps.
pub(crate) fn cases(max_steps: usize) -> impl Strategy<Value = Case> {
    let steps = prop::collection::vec(steps(), 2..max_steps);
    let questions = prop::collection::vec(question(), 1..4);
    (begin(), bounds(), steps, questions).prop_map(|(begin, bounds, steps, questions)| Case {
        begin,
        bounds,
        steps,
        questions,
    })
}

impl schedule::Case for Case {
    type Ground = Ground;

    async fn run(self, ground: Ground) {
        let mut world = World::new(&ground, self.begin, self.bounds);
        for step in self.steps.iter().flatten() {
            happen(&mut world, step).await;
        }
        end(&mut world, &self.questions).await;
    }
}

async fn happen(world: &mut World, step: &Step) {
    match step {
        Step::Append(source, specs, behind_ms) => world.append(*source, specs, *behind_ms),
        Step::Marker(source) => world.mark(*source),
        Step::Replay(source, count) => world.replay(*source, *count),
        Step::Revise(pick, what) => world.revise(*pick, what),
        Step::Assign(place, settings) => world.assign(*place, *settings).await,
        Step::Work(place, max, planned) => {
            world.work(*place, *max, *planned).await;
        }
        Step::Close(place, planned) => world.close(*place, *planned).await,
        Step::Merge(source, slot, ahead_ms, planned) => {
            world.merge(*source, *slot, *ahead_ms, *planned).await;
        }
        Step::Rebuild(pick, planned) => world.rebuild(*pick, SLOTS - 1, *planned).await,
        Step::Remove => world.remove_replaced().await,
        Step::Delete(pick) => world.delete(*pick).await,
        Step::Pass(ms) => world.pass(*ms).await,
        Step::Land(number) => world.land(*number).await,
        Step::Search(question) => {
            world.search(question).await;
        }
        Step::Begin(question, reads) => {
            world.begin_walk(question, None, *reads).await;
        }
        Step::End => world.end_walk().await,
    }
}

/// All goes on to its end, and in the end all is in units.
async fn end(world: &mut World, questions: &[Question]) {
    let late = world.late();
    world.land_some(late / 2).await;
    world.settle(Settings::LAZY).await;
    world.end_walk().await;
    world.search_when_quiet(questions).await;

    world.settle(Settings::EAGER).await;
    world.search_when_quiet(questions).await;
    world.merge_all().await;
    world.search_when_quiet(questions).await;

    world.remove_replaced().await;
    let late = world.late();
    world.land_some(late).await;
    world.widen();
    // Segments that are not in units are gone by then.
    world.pass(3 * DAY_MS).await;
    world.search_when_quiet(questions).await;
}
