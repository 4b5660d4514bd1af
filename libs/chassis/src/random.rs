//! Randomness as an argument, so that code that makes ids and keys is tested with known bytes.
//!
//! [`System`] is of cryptographic quality. [`Seeded`] repeats itself from its seed and is for tests and simulations
//! only: who knows the seed knows every key.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A source of random bytes.
pub trait Random: Send + Sync + fmt::Debug {
    /// Overwrites all of `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The generator of each thread, seeded by the operating system. Takes no lock.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Random for System {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes a generator")]
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// The same bytes for the same seed, in the order they are asked for.
pub struct Seeded(Mutex<StdRng>);

impl Seeded {
    /// A source that starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(bytes);
    }
}

impl fmt::Debug for Seeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seeded(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(random: &dyn Random) -> [u8; 32] {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        bytes
    }

    #[test]
    fn the_system_never_repeats_itself() {
        assert_ne!(bytes(&System), bytes(&System));
    }

    #[test]
    fn a_seed_gives_the_same_bytes_again() {
        let (one, same, other) = (Seeded::new(1), Seeded::new(1), Seeded::new(2));
        let first = bytes(&one);
        assert_eq!(first, bytes(&same));
        assert_ne!(first, bytes(&one));
        assert_ne!(first, bytes(&other));
    }
}
