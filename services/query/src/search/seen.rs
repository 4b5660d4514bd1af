//! What a search has read: for its bounds, its metrics and those who ask to have it explained.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use domain::index::manifest::Entry;

use super::explain::{MAX_UNITS, Opened};

/// Counts of one search.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pages: AtomicU64,
    read_pages: AtomicU64,
    opened_units: AtomicU64,
    candidates: AtomicU64,
    tested: AtomicU64,
    opened: Mutex<Vec<Opened>>,
}

impl Seen {
    /// Pages that were needed.
    pub(crate) fn pages(&self, count: u64) {
        self.pages.fetch_add(count, Ordering::Relaxed);
    }

    /// Pages that this search has read itself.
    pub(crate) fn read_pages(&self, count: u64) {
        self.read_pages.fetch_add(count, Ordering::Relaxed);
    }

    /// Units of which something was read.
    pub(crate) fn opened_unit(&self, entry: &Entry) {
        self.opened_units.fetch_add(1, Ordering::Relaxed);
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.len() < MAX_UNITS {
            opened.push(Opened::new(entry));
        }
    }

    /// The first units of which something was read.
    pub(crate) fn opened(&self) -> Vec<Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Events that may match.
    pub(crate) fn candidates(&self, count: u64) {
        self.candidates.fetch_add(count, Ordering::Relaxed);
    }

    /// Events that are read and tested.
    pub(crate) fn tested(&self, count: u64) {
        self.tested.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        let of = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Counts {
            pages: of(&self.pages),
            read_pages: of(&self.read_pages),
            opened_units: of(&self.opened_units),
            candidates: of(&self.candidates),
            tested: of(&self.tested),
        }
    }
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) pages: u64,
    pub(crate) read_pages: u64,
    pub(crate) opened_units: u64,
    pub(crate) candidates: u64,
    pub(crate) tested: u64,
}
