//! The hashes of one slice: a hash set while it is filled, then sorted, which takes half the memory.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Sorted hashes that one step of the directory leads to: so many on average, and less than twice as many.
const RUN: usize = 8;
/// What was added is sorted in when it is this part of what is sorted, so that a hash is moved a few times at most.
const WORTH_SORTING: usize = 8;
/// Fewer than that are not worth it while more are added.
const FEW: usize = 1 << 12;

/// Hashes, about 8.5 bytes each.
#[derive(Default)]
pub(super) struct Set {
    open: HashSet<u64, BuildHasherDefault<AsItIs>>,
    sealed: Sealed,
}

impl Set {
    pub(super) fn contains(&self, hash: u64) -> bool {
        self.sealed.contains(hash) || self.open.contains(&hash)
    }

    /// Adds a hash; whether it was not there.
    pub(super) fn insert(&mut self, hash: u64) -> bool {
        if self.sealed.contains(hash) || !self.open.insert(hash) {
            return false;
        }
        if self.open.len() >= FEW {
            self.rest();
        }
        true
    }

    pub(super) fn len(&self) -> usize {
        self.sealed.hashes.len() + self.open.len()
    }

    /// For when nothing is added for a while: sorts in what was added, unless it is little beside the rest.
    pub(super) fn rest(&mut self) {
        if self.open.len() * WORTH_SORTING >= self.sealed.hashes.len() {
            self.seal();
        }
    }

    /// For when nothing is added any more: sorts in what was added.
    pub(super) fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let mut hashes = Vec::with_capacity(self.len());
        hashes.extend(std::mem::take(&mut self.open));
        hashes.sort_unstable();
        hashes.extend_from_slice(&self.sealed.hashes);
        self.sealed = Sealed::new(hashes);
    }
}

/// Sorted hashes, with a directory by their leading bits. They are spread evenly, so all runs are short.
#[derive(Default)]
struct Sealed {
    hashes: Box<[u64]>,
    /// Where the hashes with each value of the leading bits begin, and the end.
    begins: Box<[u32]>,
    /// What is left of a hash without the leading bits.
    shift: u32,
}

impl Sealed {
    /// At most `u32::MAX` of them.
    #[expect(
        clippy::stable_sort_primitive,
        reason = "merges two sorted runs, where the other would sort anew"
    )]
    fn new(mut hashes: Vec<u64>) -> Self {
        hashes.sort();
        let bits = (hashes.len() / RUN).max(2).ilog2();
        let shift = u64::BITS - bits;
        let mut begins = Vec::with_capacity((1 << bits) + 1);
        let mut begin = 0;
        for leading in 0..1_u64 << bits {
            begins.push(begin);
            let run = hashes[begin as usize..].iter();
            let run = run.take_while(|hash| *hash >> shift == leading).count();
            begin += u32::try_from(run).expect("a slice has fewer hashes than that");
        }
        begins.push(begin);
        Self {
            hashes: hashes.into_boxed_slice(),
            begins: begins.into_boxed_slice(),
            shift,
        }
    }

    fn contains(&self, hash: u64) -> bool {
        if self.hashes.is_empty() {
            return false;
        }
        let leading = usize::try_from(hash >> self.shift).expect("there are few leading bits");
        let (begin, end) = (self.begins[leading] as usize, self.begins[leading + 1] as usize);
        self.hashes[begin..end].contains(&hash)
    }
}

/// Hashes are not hashed again.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {
        unreachable!("a u64 is written as one");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look like hashes.
    fn hashes(seed: u64) -> impl Iterator<Item = u64> {
        (0..).map(move |count: u64| (seed ^ count).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31))
    }

    #[test]
    fn a_set_has_what_was_added_however_often_it_was_sorted() {
        for (count, rest_every) in [(0, 1), (1, 1), (3, 2), (40, 7), (1_000, 300), (50_000, 7_777)] {
            let mut set = Set::default();
            for (number, hash) in hashes(1).take(count).enumerate() {
                assert!(!set.contains(hash) && set.insert(hash) && !set.insert(hash));
                if number % rest_every == 0 {
                    set.rest();
                }
                assert_eq!(set.len(), number + 1);
            }
            for _ in 0..2 {
                assert!(hashes(1).take(count).all(|hash| set.contains(hash)));
                assert!(hashes(1 << 40).take(count + 1).all(|hash| !set.contains(hash)));
                set.seal();
                assert!(set.open.is_empty());
            }
        }
    }

    #[test]
    fn least_and_greatest_hashes_are_found() {
        let mut set = Set::default();
        for hash in [0, 1, u64::MAX - 1, u64::MAX] {
            set.insert(hash);
        }
        set.seal();
        for hash in [0, 1, u64::MAX - 1, u64::MAX] {
            assert!(set.contains(hash));
        }
        assert!(!set.contains(2) && !set.contains(1 << 63));
    }

    #[test]
    fn while_it_is_filled_little_of_it_is_unsorted() {
        let mut set = Set::default();
        for hash in hashes(1).take(200_000) {
            set.insert(hash);
            assert!(set.open.len() <= FEW.max(set.sealed.hashes.len() / WORTH_SORTING + 1));
        }
        let directory = set.sealed.begins.len() * size_of::<u32>();
        assert!(directory * 16 <= set.sealed.hashes.len() * size_of::<u64>());
    }
}
