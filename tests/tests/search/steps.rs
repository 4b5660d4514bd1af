//! What can happen.

use chassis::config::{ByteSize, Span};
use domain::cursor::Order;
use domain::time::Millis;
use proptest::prelude::*;
use proptest::sample::select;
use retention::config::Index;

use crate::filters::filter;
use crate::flaky::{Plan, Trouble};
use crate::reader::{Asked, Bounds};
use crate::spec::{BASE, DAY_MS, HOUR_MS, MINUTE_MS, Spec, TENANTS, What, spec, what};

/// Sources of a case, and processes that may have one at the same time.
pub(crate) const SOURCES: usize = 2;
pub(crate) const SLOTS: usize = 2;

/// The trouble that a process will be in.
pub(crate) type Planned = Option<Plan>;

/// One thing that happens. What is impossible as things are does not happen.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// New events are appended, by a log whose clock is behind by so much.
    Append(usize, Vec<Spec>, i64),
    /// A fate without an event.
    Marker(usize),
    /// The fates of the last origins once more, by someone who finds something else out about their events.
    Replay(usize, usize),
    /// An event is processed again.
    Revise(usize, What),
    /// A process takes a source, after a crash if it has it already.
    Assign(Place, Settings),
    /// A worker processes up to so many records and flushes, or goes on.
    Work(Place, usize, Planned),
    /// A process gives a source up.
    Close(Place, Planned),
    /// What there is of a source is merged as it will be so much later; or what is under way goes on.
    Merge(usize, usize, i64, Planned),
    /// The hours around an event are made anew; or what is under way goes on.
    Rebuild(usize, Planned),
    /// The pages of units that were replaced are removed.
    Remove,
    /// An event is deleted.
    Delete(usize),
    /// Time passes.
    Pass(i64),
    /// A write that was late arrives.
    Land(usize),
    /// A search, from its first page to its last.
    Search(Question),
    /// A search that sleeps after so many reads.
    Begin(Question, usize),
    /// It goes on to its end.
    End,
}

/// A process with a source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) source: usize,
    pub(crate) slot: usize,
}

/// When a worker seals, and how much it writes at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) seal_every_ms: u64,
    pub(crate) unsealed_bytes: u64,
    pub(crate) tenant_segments: u32,
    pub(crate) tenant_events: u32,
    pub(crate) put_bytes: u64,
}

impl Settings {
    /// Seals nothing but at first.
    pub(crate) const LAZY: Self = Self {
        seal_every_ms: 1_000_000_000,
        unsealed_bytes: 1 << 30,
        tenant_segments: 1000,
        tenant_events: 100_000,
        put_bytes: 1 << 20,
    };

    /// Seals at every flush.
    pub(crate) const EAGER: Self = Self {
        seal_every_ms: 0,
        ..Self::LAZY
    };

    pub(crate) fn config(self) -> retention::Config {
        retention::Config {
            put: ByteSize::bytes(self.put_bytes),
            index: Index {
                seal_every: Span::from_ms(self.seal_every_ms),
                unsealed: ByteSize::bytes(self.unsealed_bytes),
                tenant_segments: self.tenant_segments,
                tenant_events: self.tenant_events,
                ..Index::default()
            },
            ..retention::Config::default()
        }
    }
}

/// A search whose times depend on the events of the case.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    tenant: usize,
    q: String,
    /// A time and how far from it, or everything.
    range: Option<[(usize, i64); 2]>,
    limit: u32,
    order: Order,
}

impl Question {
    /// What of all times passes a filter.
    pub(crate) fn of_all(tenant: usize, q: &str) -> Self {
        Self {
            tenant,
            q: q.to_owned(),
            range: None,
            limit: 2,
            order: Order::NewestFirst,
        }
    }

    /// The same in longer pages.
    pub(crate) fn by(self, limit: u32) -> Self {
        Self { limit, ..self }
    }

    /// Times that are asked for are among these.
    pub(crate) fn asked(&self, times: &[Millis]) -> Asked {
        let all = [BASE.minus_ms(8 * DAY_MS), BASE.plus_ms(20 * DAY_MS)];
        let point = |(number, delta): (usize, i64)| {
            let time = if times.is_empty() {
                BASE
            } else {
                times[number % times.len()]
            };
            time.plus_ms(delta)
        };
        let [one, other] = self.range.map_or(all, |range| range.map(point));
        Asked {
            tenant: self.tenant,
            q: self.q.clone(),
            from: one.min(other),
            to: one.max(other.plus_ms(i64::from(one == other))),
            limit: self.limit,
            order: self.order,
        }
    }
}

fn place() -> impl Strategy<Value = Place> {
    let source = prop_oneof![3 => Just(0), 1 => Just(SOURCES - 1)];
    let slot = prop_oneof![3 => Just(0), 1 => Just(SLOTS - 1)];
    (source, slot).prop_map(|(source, slot)| Place { source, slot })
}

fn settings() -> impl Strategy<Value = Settings> {
    (
        select(vec![0, 0, Settings::LAZY.seal_every_ms]),
        select(vec![
            1,
            1500,
            Settings::LAZY.unsealed_bytes,
            Settings::LAZY.unsealed_bytes,
        ]),
        select(vec![1, 2, 3, Settings::LAZY.tenant_segments]),
        select(vec![1, 3, Settings::LAZY.tenant_events]),
        select(vec![1, 400, Settings::LAZY.put_bytes]),
    )
        .prop_map(
            |(seal_every_ms, unsealed_bytes, tenant_segments, tenant_events, put_bytes)| Settings {
                seal_every_ms,
                unsealed_bytes,
                tenant_segments,
                tenant_events,
                put_bytes,
            },
        )
}

fn planned() -> impl Strategy<Value = Planned> {
    let trouble = prop_oneof![
        2 => Just(Trouble::Lost),
        1 => Just(Trouble::Half),
        2 => Just(Trouble::Unheard),
        1 => Just(Trouble::Late),
        1 => Just(Trouble::Twice),
        4 => Just(Trouble::Asleep),
    ];
    let plan = (0..14_usize, trouble).prop_map(|(behind, trouble)| Plan {
        of: None,
        behind,
        trouble,
    });
    proptest::option::weighted(0.4, plan)
}

pub(crate) fn question() -> impl Strategy<Value = Question> {
    let point = || (any::<usize>(), -1..2_i64);
    let range = proptest::option::weighted(0.4, [point(), point()]);
    let limit = prop_oneof![2 => 1..6_u32, 1 => Just(100)];
    let order = select(vec![Order::NewestFirst, Order::OldestFirst]);
    let tenant = prop_oneof![4 => Just(0), 1 => Just(TENANTS - 1)];
    (tenant, filter(), range, limit, order).prop_map(|(tenant, q, range, limit, order)| Question {
        tenant,
        q,
        range,
        limit,
        order,
    })
}

pub(crate) fn bounds() -> impl Strategy<Value = Bounds> {
    let small = (
        select(vec![1, 2, 5, 100_000]),
        select(vec![1, 3, 10_000]),
        select(vec![1, 700, 1 << 20]),
    );
    prop_oneof![
        1 => Just(Bounds::WIDE),
        1 => small.prop_map(|(tested, pages, page_bytes)| Bounds { tested, pages, page_bytes }),
    ]
}

/// When a case begins.
pub(crate) fn begin() -> impl Strategy<Value = Millis> {
    let offsets = vec![-90_000, -1_000, 500, 59 * MINUTE_MS, 2 * HOUR_MS, 30 * HOUR_MS];
    select(offsets).prop_map(|ms| BASE.plus_ms(ms))
}

fn source() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0), 1 => Just(SOURCES - 1)]
}

fn appending() -> impl Strategy<Value = Step> {
    let events = prop::collection::vec(spec(), 1..7);
    let behind = prop_oneof![4 => Just(0), 1 => 0..3 * MINUTE_MS];
    (source(), events, behind).prop_map(|(source, events, ms)| Step::Append(source, events, ms))
}

fn working() -> impl Strategy<Value = Step> {
    (place(), 1..6_usize, planned()).prop_map(|(place, max, trouble)| Step::Work(place, max, trouble))
}

fn merging() -> impl Strategy<Value = Step> {
    let ahead = select(vec![0, 2 * HOUR_MS, 30 * HOUR_MS, 10 * DAY_MS]);
    (source(), 0..SLOTS, ahead, planned())
        .prop_map(|(source, slot, ms, trouble)| Step::Merge(source, slot, ms, trouble))
}

fn rebuilding() -> impl Strategy<Value = Step> {
    (any::<usize>(), planned()).prop_map(|(pick, trouble)| Step::Rebuild(pick, trouble))
}

fn step() -> impl Strategy<Value = Step> {
    let passing = prop_oneof![
        3 => 1..2 * MINUTE_MS,
        1 => select(vec![HOUR_MS, 5 * HOUR_MS]),
    ];
    prop_oneof![
        7 => appending(),
        1 => source().prop_map(Step::Marker),
        1 => (source(), 1..5_usize).prop_map(|(source, count)| Step::Replay(source, count)),
        2 => (any::<usize>(), what()).prop_map(|(pick, what)| Step::Revise(pick, what)),
        3 => (place(), settings()).prop_map(|(place, settings)| Step::Assign(place, settings)),
        10 => working(),
        1 => (place(), planned()).prop_map(|(place, trouble)| Step::Close(place, trouble)),
        3 => merging(),
        1 => rebuilding(),
        1 => Just(Step::Remove),
        2 => any::<usize>().prop_map(Step::Delete),
        2 => passing.prop_map(Step::Pass),
        2 => any::<usize>().prop_map(Step::Land),
        3 => question().prop_map(Step::Search),
        1 => (question(), 0..20_usize).prop_map(|(question, reads)| Step::Begin(question, reads)),
        1 => Just(Step::End),
    ]
}

/// What a process does in one go.
fn act() -> impl Strategy<Value = Vec<Step>> {
    let sealing = (source(), 0..SLOTS).prop_map(|(source, slot)| {
        let place = Place { source, slot };
        vec![
            Step::Assign(place, Settings::EAGER),
            Step::Work(place, usize::MAX, None),
        ]
    });
    prop_oneof![
        2 => sealing,
        1 => working().prop_map(|step| vec![step]),
        2 => merging().prop_map(|step| vec![step]),
        1 => rebuilding().prop_map(|step| vec![step]),
    ]
}

/// A process acts while a search for everything sleeps, or the other way round.
fn meeting() -> impl Strategy<Value = Vec<Step>> {
    let stored = (appending(), source()).prop_map(|(append, source)| {
        let place = Place { source, slot: 0 };
        vec![append, Step::Work(place, usize::MAX, None)]
    });
    let act = prop::collection::vec(act(), 1..3).prop_map(|acts| acts.concat());
    let met = (question(), 0..8_usize, act, any::<bool>()).prop_map(|(question, reads, act, is_walk)| {
        let question = Question {
            q: String::new(),
            range: None,
            ..question
        };
        if is_walk {
            [vec![Step::Begin(question, reads)], act, vec![Step::End]].concat()
        } else {
            [act, vec![Step::Search(question)]].concat()
        }
    });
    (proptest::option::of(stored), met).prop_map(|(stored, met)| [stored.unwrap_or_default(), met].concat())
}

/// One step, or some that belong together.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![6 => step().prop_map(|step| vec![step]), 1 => meeting()]
}
