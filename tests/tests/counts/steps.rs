//! What can happen.

use chassis::config::{ByteSize, Span};
use e2e::schedule::Trouble;
use proptest::prelude::*;
use proptest::sample::select;

use crate::flaky::Plan;
use crate::spec::{HOUR_MS, MINUTE_MS, Spec, spec};

/// Sources of a generation, and processes that may have one at the same time.
pub(crate) const SOURCES: usize = 3;
pub(crate) const SLOTS: usize = 2;
/// As many records as there are.
pub(crate) const ALL: usize = usize::MAX;

/// The trouble that a process will be in.
pub(crate) type Planned = Option<Plan>;

/// One thing that happens. What is impossible as things are does not happen.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// New events are appended, by a log whose clock is behind by so much.
    Append(usize, Vec<Spec>, i64),
    /// A fate without an event.
    Marker(usize),
    /// Some fates once more, by an enricher that does not know of its successor.
    Repeat(usize, Repeat),
    /// A process takes a source, after a crash if it has it already.
    Assign(Place, Settings),
    /// A worker processes up to so many records and flushes nothing, or goes on.
    Process(Place, usize, Planned),
    /// A worker processes up to so many records and flushes, or goes on. Of none: it flushes, or time passes.
    Work(Place, usize, Planned),
    /// A process gives a source up, or goes on with that.
    Close(Place, Planned),
    /// A process crashes.
    Crash(Place),
    /// Time passes.
    Pass(i64),
    /// A write that was late arrives.
    Land(usize),
    /// The topics are made anew.
    Renew,
    /// All rows and positions are looked at.
    Look,
}

/// Fates that are appended again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeat {
    /// How many origins before the end it begins.
    pub(crate) back: usize,
    pub(crate) count: usize,
    /// How far the clock of the log is behind.
    pub(crate) behind_ms: i64,
    /// Whether something else was found out about the events.
    pub(crate) differs: bool,
}

/// A process with a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) source: usize,
    pub(crate) slot: usize,
}

/// How a worker works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Bytes of windows in memory.
    pub(crate) windows: u64,
    /// Whether each flush writes the hours, or none.
    pub(crate) is_eager: bool,
}

impl Settings {
    pub(crate) const EAGER: Self = Self {
        windows: 32 << 20,
        is_eager: true,
    };
    pub(crate) const LAZY: Self = Self {
        is_eager: false,
        ..Self::EAGER
    };

    pub(crate) fn config(self) -> analytics::Config {
        let never = Span::from_secs(1_000_000_000);
        analytics::Config {
            windows: ByteSize::bytes(self.windows),
            hours_every: if self.is_eager { Span::from_ms(0) } else { never },
            ..analytics::Config::default()
        }
    }
}

fn source() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0), 1 => 1..SOURCES]
}

fn place() -> impl Strategy<Value = Place> {
    let slot = prop_oneof![3 => Just(0), 2 => Just(SLOTS - 1)];
    (source(), slot).prop_map(|(source, slot)| Place { source, slot })
}

fn settings() -> impl Strategy<Value = Settings> {
    // Of half of the workers the windows find no room.
    let windows = select(vec![1, 4_000, 16_000, 32 << 20, 32 << 20, 32 << 20]);
    (windows, any::<bool>()).prop_map(|(windows, is_eager)| Settings { windows, is_eager })
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        2 => Just(Trouble::Lost),
        2 => Just(Trouble::Half),
        2 => Just(Trouble::Unheard),
        1 => Just(Trouble::Late),
        1 => Just(Trouble::Twice),
        3 => Just(Trouble::Asleep),
        2 => Just(Trouble::AsleepAfter),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let behind = prop_oneof![3 => 0..5_usize, 1 => 0..20_usize];
    (behind, trouble()).prop_map(|(behind, trouble)| Plan {
        of: None,
        behind,
        trouble,
    })
}

fn planned() -> impl Strategy<Value = Planned> {
    proptest::option::weighted(0.4, plan())
}

fn behind_ms() -> impl Strategy<Value = i64> {
    prop_oneof![4 => Just(0), 1 => 0..3_i64, 1 => 0..3 * MINUTE_MS]
}

fn repeat() -> impl Strategy<Value = Repeat> {
    (1..8_usize, 1..6_usize, behind_ms(), any::<bool>()).prop_map(|(back, count, behind_ms, differs)| {
        Repeat {
            back,
            count,
            behind_ms,
            differs,
        }
    })
}

fn appending() -> impl Strategy<Value = Step> {
    let events = prop::collection::vec(spec(), 1..7);
    (source(), events, behind_ms()).prop_map(|(source, events, ms)| Step::Append(source, events, ms))
}

fn step() -> impl Strategy<Value = Step> {
    let count = || prop_oneof![4 => 1..6_usize, 1 => Just(ALL)];
    let passing = prop_oneof![2 => 1..MINUTE_MS, 1 => Just(HOUR_MS)];
    prop_oneof![
        8 => appending(),
        1 => source().prop_map(Step::Marker),
        2 => (source(), repeat()).prop_map(|(source, repeat)| Step::Repeat(source, repeat)),
        3 => (place(), settings()).prop_map(|(place, settings)| Step::Assign(place, settings)),
        3 => (place(), count(), planned()).prop_map(|(place, max, planned)| Step::Process(place, max, planned)),
        8 => (place(), count(), planned()).prop_map(|(place, max, planned)| Step::Work(place, max, planned)),
        3 => (place(), planned()).prop_map(|(place, planned)| Step::Work(place, 0, planned)),
        2 => (place(), planned()).prop_map(|(place, planned)| Step::Close(place, planned)),
        1 => place().prop_map(Step::Crash),
        1 => passing.prop_map(Step::Pass),
        2 => any::<usize>().prop_map(Step::Land),
        3 => Just(Step::Look),
    ]
}

/// A worker falls asleep, its successor goes on, and it wakes up.
fn waking() -> impl Strategy<Value = Vec<Step>> {
    let workers = (settings(), settings(), 1..6_usize, 1..6_usize, any::<bool>());
    let asleep = (
        0..8_usize,
        prop_oneof![Just(Trouble::Asleep), Just(Trouble::AsleepAfter)],
    );
    let events = (appending(), appending());
    (source(), workers, asleep, events).prop_map(|(source, workers, (behind, trouble), (first, then))| {
        let (settings, after, count, more, is_closed) = workers;
        let [one, other] = [0, 1].map(|slot| Place { source, slot });
        let plan = Plan {
            of: None,
            behind,
            trouble,
        };
        let mut steps = vec![
            first,
            Step::Assign(one, settings),
            Step::Work(one, count, Some(plan)),
            then,
            Step::Assign(other, after),
            Step::Work(other, count + more, None),
        ];
        if is_closed {
            steps.push(Step::Close(other, None));
        }
        steps.push(Step::Work(one, more, None));
        steps
    })
}

/// One step, or some that belong together.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![8 => step().prop_map(|step| vec![step]), 1 => waking()]
}

/// At most so many, in groups that belong together. In some the topics are made anew.
pub(crate) fn schedule(max: usize) -> impl Strategy<Value = Vec<Vec<Step>>> {
    let steps = move |min, max| prop::collection::vec(steps(), min..max);
    let renewed = (steps(1, max / 2), steps(1, max / 2)).prop_map(|(before, after)| {
        let renewal = vec![vec![Step::Renew]];
        [before, renewal, after].concat()
    });
    prop_oneof![4 => steps(2, max), 1 => renewed]
}
