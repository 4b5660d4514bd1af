//! The windows that a partition has in memory: which rows have changed since they were written, and which windows were
//! not touched for the longest time. Pure.

use std::collections::HashMap;

use domain::record::Enriched;
use domain::rollup::{Grain, Rollup, Row, Window};
use domain::tenant::TenantId;
use domain::time::Millis;

/// A window of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) tenant: TenantId,
    pub(crate) window: Window,
}

/// An event with what the log says of it.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) event: Enriched,
    pub(crate) origin: u64,
    pub(crate) appended_at: Millis,
}

impl Counted {
    /// The windows it is counted in.
    pub(crate) fn windows(&self) -> impl Iterator<Item = Window> {
        let time = self.event.event.time();
        Grain::ALL.into_iter().map(move |grain| Window::of(grain, time))
    }
}

/// The rows of one window.
#[derive(Debug, Default)]
struct Open {
    rows: Vec<Dirty>,
    bytes: usize,
    /// When it was touched last, in folded events.
    touched: u64,
}

#[derive(Debug)]
struct Dirty {
    row: Row,
    /// Whether it has changed since it was written.
    changed: bool,
}

/// The windows in memory.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    tenants: HashMap<TenantId, HashMap<Window, Open>>,
    count: usize,
    bytes: usize,
    folded: u64,
}

/// What is kept of a window beside its rows, about.
const WINDOW_BYTES: usize = 128;

impl Windows {
    pub(crate) fn has(&self, tenant: &TenantId, window: Window) -> bool {
        self.tenants
            .get(tenant)
            .is_some_and(|windows| windows.contains_key(&window))
    }

    /// Takes a window in as the store has it. One that is here already stays as it is.
    pub(crate) fn insert(&mut self, place: Place, rows: Vec<Row>) {
        let windows = self.tenants.entry(place.tenant).or_default();
        if windows.contains_key(&place.window) {
            return;
        }
        let bytes = WINDOW_BYTES + rows.iter().map(Row::bytes).sum::<usize>();
        let rows = rows
            .into_iter()
            .map(|row| Dirty { row, changed: false })
            .collect();
        let open = Open {
            rows,
            bytes,
            touched: self.folded,
        };
        windows.insert(place.window, open);
        self.bytes += bytes;
        self.count += 1;
    }

    /// Counts an event in its windows, which must be here. Answers whether it was new to any of their rows.
    pub(crate) fn fold(&mut self, counted: &Counted) -> bool {
        self.folded += 1;
        let Some(windows) = self.tenants.get_mut(&counted.event.tenant) else {
            return false;
        };
        let mut is_new = false;
        for window in counted.windows() {
            let Some(open) = windows.get_mut(&window) else {
                continue;
            };
            open.touched = self.folded;
            let before = open.bytes;
            is_new |= open.fold(counted);
            self.bytes = self.bytes + open.bytes - before;
        }
        is_new
    }

    /// The rows of a grain that have changed since they were written.
    pub(crate) fn changed(&self, grain: Grain) -> impl Iterator<Item = (&TenantId, Window, &Row)> {
        self.tenants.iter().flat_map(move |(tenant, windows)| {
            let of_grain = windows.iter().filter(move |(window, _)| window.grain == grain);
            of_grain.flat_map(move |(window, open)| {
                let changed = open.rows.iter().filter(|dirty| dirty.changed);
                changed.map(move |dirty| (tenant, *window, &dirty.row))
            })
        })
    }

    /// All that [`Self::changed`] gave was written. Nothing may have been folded in between.
    pub(crate) fn written(&mut self, grain: Grain) {
        for windows in self.tenants.values_mut() {
            for (_, open) in windows.iter_mut().filter(|(window, _)| window.grain == grain) {
                for dirty in &mut open.rows {
                    dirty.changed = false;
                }
            }
        }
    }

    /// Drops windows that were not touched for the longest time, until at most `bytes` are left. Those with changes
    /// that are not written stay.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        if self.bytes <= bytes {
            return;
        }
        let mut ages: Vec<_> = self
            .tenants
            .iter()
            .flat_map(|(tenant, windows)| windows.iter().map(move |(window, open)| (tenant, window, open)))
            .filter(|(_, _, open)| open.rows.iter().all(|dirty| !dirty.changed))
            .map(|(tenant, window, open)| (open.touched, tenant.clone(), *window))
            .collect();
        ages.sort_unstable();
        for (_, tenant, window) in ages {
            if self.bytes <= bytes {
                return;
            }
            self.remove(&tenant, window);
        }
    }

    fn remove(&mut self, tenant: &TenantId, window: Window) {
        let Some(windows) = self.tenants.get_mut(tenant) else {
            return;
        };
        if let Some(open) = windows.remove(&window) {
            self.bytes -= open.bytes;
            self.count -= 1;
        }
        if windows.is_empty() {
            self.tenants.remove(tenant);
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

impl Open {
    fn fold(&mut self, counted: &Counted) -> bool {
        let mut is_new = false;
        for rollup in Rollup::of(&counted.event) {
            let dirty = self.row(rollup);
            let before = dirty.row.bytes();
            let folded = dirty
                .row
                .fold(&counted.event, counted.origin, counted.appended_at);
            dirty.changed |= folded;
            is_new |= folded;
            let after = dirty.row.bytes();
            self.bytes = self.bytes + after - before;
        }
        is_new
    }

    fn row(&mut self, rollup: Rollup) -> &mut Dirty {
        let found = self.rows.iter().position(|dirty| dirty.row.rollup() == rollup);
        let index = found.unwrap_or_else(|| {
            let row = Row::new(rollup);
            self.bytes += row.bytes();
            self.rows.push(Dirty { row, changed: false });
            self.rows.len() - 1
        });
        &mut self.rows[index]
    }
}
