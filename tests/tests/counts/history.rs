//! What a row may be: what its source has up to some origin, folded from the log alone, byte for byte. And what it must
//! be at least: what a position says is written.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::record::Enriched;
use domain::rollup::{Grain, Rollup, Row, Window};
use domain::source::Source;
use domain::time::Millis;
use store::Position;
use store::rollups::RollupKey;

/// Every row that there is in a store.
pub(crate) type Stored = BTreeMap<RollupKey, Bytes>;

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Histories(BTreeMap<RollupKey, History>);

/// What a row has been after each of its events.
struct History {
    row: Row,
    /// By last origin.
    states: BTreeMap<u64, Bytes>,
    /// The last origin that was seen in the store.
    seen: Option<u64>,
}

impl Histories {
    /// The first fate of an origin. They come in the order of the log.
    pub(crate) fn append(&mut self, source: Source, origin: u64, event: &Enriched, appended_at: Millis) {
        for grain in Grain::ALL {
            for rollup in Rollup::of(event) {
                let key = RollupKey {
                    tenant: event.tenant.clone(),
                    window: Window::of(grain, event.event.time()),
                    rollup,
                    source,
                };
                let history = self.0.entry(key).or_insert_with(|| History::new(rollup));
                assert!(history.row.fold(event, origin, appended_at));
                history.states.insert(origin, history.row.encode().into());
            }
        }
    }

    /// The keys of all rows that there can be.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &RollupKey> {
        self.0.keys()
    }

    /// Each row is one that its source has had, and is never one from before.
    pub(crate) fn check(&mut self, stored: &Stored) {
        for (key, bytes) in stored {
            let history = self
                .0
                .get_mut(key)
                .unwrap_or_else(|| panic!("{key:?} is of no event"));
            let last = Row::decode(key.rollup, bytes).unwrap().last_origin();
            let state = last.and_then(|last| history.states.get(&last));
            assert!(
                state == Some(bytes),
                "{key:?} is not what the log has up to {last:?}"
            );
            assert!(
                history.seen <= last,
                "{key:?} goes back from {:?} to {last:?}",
                history.seen
            );
            history.seen = last;
        }
        let lost = self
            .0
            .iter()
            .find(|(key, history)| history.seen.is_some() && !stored.contains_key(key));
        assert!(lost.is_none(), "{:?} is gone", lost.map(|(key, _)| key));
    }

    /// Every row of these grains that an origin up to the position has changed is as far as that.
    pub(crate) fn check_position(
        &self,
        source: Source,
        grains: &[Grain],
        position: Option<Position>,
        now: Millis,
    ) {
        let Some(position) = position else {
            return;
        };
        let written = |key: &&RollupKey| {
            key.source == source && grains.contains(&key.window.grain) && key.window.expires_at() > now
        };
        for (key, history) in self.0.iter().filter(|(key, _)| written(key)) {
            let due = history.states.range(..=position.origin).next_back();
            let due = due.map(|(origin, _)| *origin);
            assert!(
                history.seen >= due,
                "{key:?} is at {:?}, the position behind {due:?}",
                history.seen
            );
        }
    }

    /// Every row is what its whole source has.
    pub(crate) fn check_end(&self, stored: &Stored, now: Millis) {
        for (key, history) in self.0.iter().filter(|(key, _)| key.window.expires_at() > now) {
            let last = history.states.values().next_back();
            assert!(stored.get(key) == last, "{key:?} is not complete");
        }
    }
}

impl History {
    fn new(rollup: Rollup) -> Self {
        Self {
            row: Row::new(rollup),
            states: BTreeMap::new(),
            seen: None,
        }
    }
}
