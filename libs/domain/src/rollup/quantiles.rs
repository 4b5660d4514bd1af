//! How numbers are distributed.

use std::collections::BTreeMap;

/// A distribution of whole numbers that can be merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    counts: BTreeMap<u64, u64>,
}

impl Quantiles {
    /// Adds a number, in microseconds.
    pub fn add(&mut self, us: u64) {
        *self.counts.entry(us).or_default() += 1;
    }

    /// Adds all that the other one has. Associative and commutative.
    pub fn merge(&mut self, other: &Self) {
        for (us, count) in &other.counts {
            *self.counts.entry(*us).or_default() += count;
        }
    }

    /// How many numbers were added.
    pub fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The number, in microseconds, that a part `q` of the others does not exceed; none where there are no numbers.
    #[expect(clippy::cast_precision_loss, reason = "the error is far greater")]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        let mut seen = 0;
        let found = self.counts.iter().find(|(_, count)| {
            seen += **count;
            seen as f64 > q * last as f64
        });
        found.or(self.counts.last_key_value()).map(|(us, _)| *us as f64)
    }
}
