//! Times that were measured, and their percentiles.

use std::time::Duration;

/// Measured times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn mean_ms(&self) -> f64 {
        let count = u32::try_from(self.0.len().max(1)).unwrap();
        self.0.iter().sum::<Duration>().as_secs_f64() * 1000.0 / f64::from(count)
    }

    /// The percentile in milliseconds, by nearest rank.
    pub(crate) fn ms(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted
            .get(rank)
            .map_or(f64::NAN, |sample| sample.as_secs_f64() * 1000.0)
    }
}
