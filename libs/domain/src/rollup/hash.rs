//! How a row hashes the keys of its groups: with XXH3, for every event is looked up in several rows.
//!
//! Keys are made of what tenants send, and the seed is known, so they may be made to collide. What that costs is bounded:
//! a row has about a thousand groups at the most.

use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Hashes bytes.
#[derive(Clone, Default)]
pub(super) struct KeyHasher(u64);

/// Makes hashers for a map.
pub(super) type BuildKeyHasher = BuildHasherDefault<KeyHasher>;

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    /// The length of what follows.
    fn write_usize(&mut self, number: usize) {
        self.0 = self.0.wrapping_add(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
