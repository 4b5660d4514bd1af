//! What a search has to answer, by the list of all events.

use std::collections::{BTreeMap, BTreeSet};

use domain::cursor::Order;
use domain::filter::Filter;
use domain::id::EventId;
use domain::record::Enriched;
use domain::time::Millis;

use crate::reader::{Asked, Found};

/// An event as one fate has it, the first of its origin.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) tenant: usize,
    pub(crate) event: Enriched,
    pub(crate) source: usize,
    pub(crate) origin: u64,
}

/// All that was appended and deleted.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) versions: Vec<Version>,
    pub(crate) deleted: Vec<(usize, EventId)>,
}

/// What can be seen at a moment.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// The origin that is stored of each source.
    pub(crate) stored: Vec<Option<u64>>,
    /// How many deletions there are.
    pub(crate) deleted: usize,
    pub(crate) now: Millis,
}

/// What may be shown of one event: nothing, or one of its versions.
type Outcomes<'a> = Vec<Option<&'a Enriched>>;

impl Known {
    /// Compares with what was found between two moments. Events may be missing where the answer said so.
    pub(crate) fn check(&self, asked: &Asked, found: &Found, begin: &Moment, end: &Moment) {
        let filter = Filter::parse(&asked.q).unwrap();
        let at = |version: Option<&Enriched>, moment: &Moment, now: Millis| {
            version.is_some_and(|event| {
                let deleted = &self.deleted[..moment.deleted];
                !deleted.contains(&(asked.tenant, event.event.id))
                    && event.expires_at > now
                    && (asked.from..asked.to).contains(&event.event.id.time())
                    && filter.matches(&event.event, &event.context)
            })
        };
        assert_in_order(asked, found);
        let outcomes = self.outcomes(asked.tenant, begin);
        for event in &found.events {
            let id = event.event.id;
            let possible = outcomes.get(&id).into_iter().flatten();
            let mut may_be = possible.filter(|version| at(**version, begin, begin.now));
            assert!(
                may_be.any(|version| *version == Some(event)),
                "foreign: {event:?}"
            );
        }
        if found.is_behind {
            return;
        }
        let ids: BTreeSet<EventId> = found.events.iter().map(|event| event.event.id).collect();
        for (id, outcomes) in &outcomes {
            let must_be = outcomes.iter().all(|version| at(*version, end, end.now));
            assert!(ids.contains(id) || !must_be, "missing: {:?}", outcomes[0]);
        }
    }

    /// What may be stored of each event of a tenant since a moment.
    fn outcomes(&self, tenant: usize, moment: &Moment) -> BTreeMap<EventId, Outcomes<'_>> {
        let is_sure = |version: &Version| moment.stored[version.source] >= Some(version.origin);
        let own = || self.versions.iter().filter(|version| version.tenant == tenant);
        let mut sure: BTreeMap<EventId, &Enriched> = BTreeMap::new();
        for version in own().filter(|version| is_sure(version)) {
            let last = sure.entry(version.event.event.id).or_insert(&version.event);
            if last.revision < version.event.revision {
                *last = &version.event;
            }
        }
        let mut outcomes: BTreeMap<EventId, Outcomes<'_>> = BTreeMap::new();
        for version in own() {
            let id = version.event.event.id;
            let last = sure.get(&id).copied();
            let all = outcomes.entry(id).or_insert_with(|| vec![last]);
            if last.is_none_or(|last| last.revision < version.event.revision) {
                all.push(Some(&version.event));
            }
        }
        outcomes
    }
}

fn assert_in_order(asked: &Asked, found: &Found) {
    for pair in found.events.windows(2) {
        let [one, next] = [pair[0].event.id, pair[1].event.id];
        let is_in_order = match asked.order {
            Order::NewestFirst => one > next,
            Order::OldestFirst => one < next,
        };
        assert!(is_in_order, "{next} comes after {one}");
    }
}
