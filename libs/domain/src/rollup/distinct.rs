//! How many different texts there were.

use std::collections::BTreeSet;

use xxhash_rust::xxh3::xxh3_64;

/// A count of different texts that can be merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distinct {
    hashes: BTreeSet<u64>,
}

impl Distinct {
    /// Adds a text. A text that was added before changes nothing.
    pub fn add(&mut self, text: &str) {
        self.hashes.insert(xxh3_64(text.as_bytes()));
    }

    /// Adds all that the other one has. Associative, commutative, and the same twice as once.
    pub fn merge(&mut self, other: &Self) {
        self.hashes.extend(&other.hashes);
    }

    /// About how many different texts were added.
    pub fn estimate(&self) -> u64 {
        self.hashes.len() as u64
    }
}
