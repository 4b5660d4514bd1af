//! How long requests took: sum, least, greatest and quantiles, in whole microseconds, so that merging is associative.

use super::quantiles::Quantiles;
use crate::varint::{self, Reader};

/// How long some requests took, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durations {
    /// All together; it stays at the end of its type.
    pub sum_us: u64,
    /// The shortest.
    pub min_us: u64,
    /// The longest.
    pub max_us: u64,
    /// How they are distributed.
    pub quantiles: Quantiles,
}

impl Durations {
    /// Of one request.
    pub(super) fn of(us: u64) -> Self {
        let mut quantiles = Quantiles::default();
        quantiles.add(us);
        Self {
            sum_us: us,
            min_us: us,
            max_us: us,
            quantiles,
        }
    }

    /// Adds a request.
    pub(super) fn add(&mut self, us: u64) {
        self.sum_us = self.sum_us.saturating_add(us);
        self.min_us = self.min_us.min(us);
        self.max_us = self.max_us.max(us);
        self.quantiles.add(us);
    }

    /// Adds what another one has of other requests. Associative and commutative.
    pub fn merge(&mut self, other: &Self) {
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.min_us = self.min_us.min(other.min_us);
        self.max_us = self.max_us.max(other.max_us);
        self.quantiles.merge(&other.quantiles);
    }

    /// As [`Quantiles::quantile`], and never outside of what was measured.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the error of a quantile is far greater"
    )]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let us = self.quantiles.quantile(q)?;
        Some(us.max(self.min_us as f64).min(self.max_us as f64))
    }

    /// Bytes outside of the value itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.quantiles.heap_bytes()
    }

    /// Appends it to stored bytes.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        varint::push(bytes, self.sum_us);
        varint::push(bytes, self.min_us);
        varint::push(bytes, self.max_us);
        self.quantiles.write(bytes);
    }

    /// Reads what [`Durations::write`] has written.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let read = Self {
            sum_us: reader.varint()?,
            min_us: reader.varint()?,
            max_us: reader.varint()?,
            quantiles: Quantiles::read(reader)?,
        };
        let is_right = read.min_us <= read.max_us && read.quantiles.is_between(read.min_us, read.max_us);
        is_right.then_some(read)
    }
}

/// Milliseconds as an event has them, in microseconds: rounded, at most what the type holds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "neither negative nor a fraction; beyond 64 bits it stays at their end"
)]
pub(super) fn micros(ms: f64) -> u64 {
    (ms * 1000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_rounded_to_microseconds() {
        let rounded = [0.0, 0.0004, 0.0006, 1.5, 12.345_678, 1e300].map(micros);
        assert_eq!(rounded, [0, 0, 1, 1_500, 12_346, u64::MAX]);
    }

    #[test]
    fn quantiles_are_within_what_was_measured() {
        let mut durations = Durations::of(123_456);
        assert_eq!(durations.quantile(0.5), Some(123_456.0));
        durations.add(654_321);
        assert!(durations.quantile(0.0) >= Some(123_456.0));
        assert!(durations.quantile(1.0) <= Some(654_321.0));
    }

    #[test]
    fn a_sum_stays_at_the_end_of_its_type() {
        let mut durations = Durations::of(u64::MAX);
        durations.add(5);
        durations.merge(&durations.clone());
        assert_eq!((durations.sum_us, durations.min_us), (u64::MAX, 5));
        assert_eq!(durations.quantiles.count(), 4);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let read = |min_us, max_us| {
            let quantiles = Durations::of(5).quantiles;
            let mut bytes = Vec::new();
            Durations {
                sum_us: 5,
                min_us,
                max_us,
                quantiles,
            }
            .write(&mut bytes);
            Durations::read(&mut Reader::new(&bytes))
        };
        assert!(read(5, 5).is_some());
        assert!(read(6, 5).is_none());
        assert!(read(5, 500).is_none());
        assert!(read(0, 5).is_none());
    }
}
