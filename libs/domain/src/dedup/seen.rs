//! All that is remembered of a partition.

use super::hash::{Identity, Keyed};
use super::set::Set;
use super::window::{Slice, Window};

/// The hashes of the records that are remembered, a set for each slice.
///
/// There are at most 6 slices of time and 9 of offsets at once, so at most 54 sets. They have together one hash for
/// each record, two where there is an external id, for at most 9/8 of the window's records.
pub struct Seen {
    window: Window,
    keyed: Keyed,
    /// The last is that of the last record.
    pub(super) sets: Vec<(Slice, Set)>,
}

impl Seen {
    /// Remembers nothing yet. The answers do not depend on the key, but for collisions, which nobody who does not
    /// know it can make.
    pub fn new(window: Window, key: [u8; 16]) -> Self {
        Self {
            window,
            keyed: Keyed::new(key),
            sets: Vec::new(),
        }
    }

    /// Takes the next record of the partition and answers whether it is a duplicate. One without an identity is none,
    /// and is not remembered.
    pub fn take(&mut self, offset: u64, appended_at_ms: i64, identity: Option<Identity<'_>>) -> bool {
        self.turn_to(self.window.slice(offset, appended_at_ms));
        let Some(identity) = identity else {
            return false;
        };
        let ((_, current), before) = self.sets.split_last_mut().expect("there is the one turned to");
        let mut is_duplicate = false;
        for hash in self.keyed.hashes(identity) {
            // Also where it is a duplicate: what counts is when it was last seen.
            let is_here = !current.insert(hash);
            is_duplicate |= is_here || before.iter().rev().any(|(_, set)| set.contains(hash));
        }
        is_duplicate
    }

    /// How many hashes there are. One that was seen in two slices counts twice.
    pub fn hashes(&self) -> usize {
        self.sets.iter().map(|(_, set)| set.len()).sum()
    }

    /// Forgets what is too old for a record of this slice, and makes the set of the slice the last.
    fn turn_to(&mut self, slice: Slice) {
        if self.sets.last().is_some_and(|(last, _)| *last == slice) {
            return;
        }
        self.sets.retain(|(old, _)| old.is_remembered_at(slice));
        for (old, set) in &mut self.sets {
            if old.may_come_again(slice) {
                set.rest();
            } else {
                set.seal();
            }
        }
        let there = self.sets.iter().position(|(old, _)| *old == slice);
        let set = there.map(|index| self.sets.remove(index).1);
        self.sets.push((slice, set.unwrap_or_default()));
    }
}
