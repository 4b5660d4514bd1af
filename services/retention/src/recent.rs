//! Pages of small units that this process has written and will merge: so that they are not read back one by one.
//!
//! A tenant that sends little has many units of a few events, and to read one of them costs as much as to write it. What
//! does not fit is forgotten, the oldest first, and read from the store.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use domain::index::manifest::UnitRef;
use store::index::Page;

/// A unit with more bytes is read back: its read is a small part of what it costs.
const SMALL_BYTES: usize = 64 << 10;

/// Pages of units, whole, within a bound of bytes.
#[derive(Debug)]
pub struct Recent {
    max_bytes: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    units: HashMap<UnitRef, Vec<Page>>,
    /// In the order in which they came.
    order: VecDeque<(UnitRef, usize)>,
    bytes: usize,
}

impl Recent {
    /// Keeps at most so many bytes of pages.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            kept: Mutex::default(),
        }
    }

    /// Keeps the pages of a unit if they are few.
    pub(crate) fn keep(&self, unit: UnitRef, pages: &[Page]) {
        let bytes: usize = pages.iter().map(|(key, page)| key.len() + page.len()).sum();
        if bytes > SMALL_BYTES.min(self.max_bytes) {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.units.insert(unit, pages.to_vec()).is_none() {
            kept.order.push_back((unit, bytes));
            kept.bytes += bytes;
        }
        while kept.bytes > self.max_bytes
            && let Some((oldest, bytes)) = kept.order.pop_front()
        {
            kept.units.remove(&oldest);
            kept.bytes -= bytes;
        }
    }

    /// The pages of a unit, which are not kept any longer than that: a unit is merged once.
    pub(crate) fn take(&self, unit: UnitRef) -> Option<Vec<Page>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.units.remove(&unit)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use domain::index::manifest::UnitId;
    use domain::retention::Class;

    use super::*;

    fn unit(number: u8) -> UnitRef {
        UnitRef {
            class: Class::Days30,
            id: UnitId([number; 16]),
        }
    }

    fn pages(bytes: usize) -> Vec<Page> {
        vec![(Vec::new(), Bytes::from(vec![0; bytes]))]
    }

    #[test]
    fn the_oldest_go_first() {
        let recent = Recent::new(100);
        for number in 0..3 {
            recent.keep(unit(number), &pages(40));
        }
        let found = [0, 1, 2].map(|number| recent.take(unit(number)).is_some());
        assert_eq!(found, [false, true, true]);
    }

    #[test]
    fn what_was_taken_makes_room_when_its_turn_comes() {
        let recent = Recent::new(100);
        recent.keep(unit(0), &pages(100));
        assert_eq!(recent.take(unit(0)), Some(pages(100)));
        assert_eq!(recent.take(unit(0)), None);
        recent.keep(unit(1), &pages(100));
        assert_eq!(recent.take(unit(1)), Some(pages(100)));
    }

    #[test]
    fn a_large_unit_is_not_kept() {
        let recent = Recent::new(1 << 20);
        recent.keep(unit(0), &pages(SMALL_BYTES + 1));
        assert_eq!(recent.take(unit(0)), None);
    }
}
