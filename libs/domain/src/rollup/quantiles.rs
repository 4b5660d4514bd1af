//! How numbers are distributed: DDSketch, with a relative error of 1 %.
//!
//! Masson, Rim, Lee: "DDSketch: A fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019.
//! Numbers are counted in [bins] whose bounds grow by the factor 1.01 / 0.99. For whole numbers of 64 bits there are about
//! two thousand of them, so none are ever collapsed and merging loses nothing.
//!
//! It is written here because its bytes are stored: they have a version of ours, are equal for equal counts, and any bytes
//! have to be refused or read in bounded memory, which no library promises.
//!
//! ```text
//! varint bins that have a count | for each, ascending: varint bins left out before it, varint count
//! ```

mod bins;

use crate::varint::{self, Reader};

/// A distribution of whole numbers that can be merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// The bins that have a count, ascending.
    bins: Vec<u16>,
    /// The count of each of them, at least 1.
    counts: Vec<u64>,
}

impl Quantiles {
    /// Adds a number, in microseconds.
    pub fn add(&mut self, us: u64) {
        let bin = bins::of(us);
        let at = self.bins.partition_point(|own| *own < bin);
        self.put(at, bin, 1);
    }

    /// Adds all that the other one has. Associative and commutative.
    pub fn merge(&mut self, other: &Self) {
        let mut at = 0;
        for (&bin, &count) in other.bins.iter().zip(&other.counts) {
            at += self.bins[at..].partition_point(|own| *own < bin);
            self.put(at, bin, count);
        }
    }

    /// Adds to the count of the bin, whose place is or would be `at`.
    fn put(&mut self, at: usize, bin: u16, count: u64) {
        if self.bins.get(at) == Some(&bin) {
            self.counts[at] = self.counts[at].saturating_add(count);
        } else {
            self.bins.insert(at, bin);
            self.counts.insert(at, count);
        }
    }

    /// How many numbers were added.
    pub fn count(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, count| u64::saturating_add(sum, *count))
    }

    /// The least of the numbers to which the part `q` of all is not greater (nearest rank), the first for 0; in
    /// microseconds, within 1 %. So of two the 99th percentile is the greater. None where there are no numbers.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the place is between 0 and the count; of more than 2^53 numbers, a place off is no error to speak of"
    )]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        let rank = (self.count() as f64 * q.clamp(0.0, 1.0)).ceil() as u64;
        let place = rank.saturating_sub(1).min(last);
        let mut before = 0_u64;
        let holds_place = |count: &u64| {
            before = before.saturating_add(*count);
            before > place
        };
        let at = self.counts.iter().position(holds_place);
        // All counts together may be more than their type holds.
        let bin = at.map_or(self.bins.last(), |at| self.bins.get(at))?;
        Some(bins::middle(*bin))
    }

    /// Bytes outside of the value itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.bins.capacity() * size_of::<u16>() + self.counts.capacity() * size_of::<u64>()
    }

    /// Whether these may be the least and the greatest of the numbers.
    pub(super) fn is_between(&self, min: u64, max: u64) -> bool {
        let ends = (self.bins.first().copied(), self.bins.last().copied());
        ends == (Some(bins::of(min)), Some(bins::of(max)))
    }

    /// Appends it to stored bytes, see the module.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        varint::push(bytes, self.bins.len() as u64);
        let mut next = 0;
        for (&bin, &count) in self.bins.iter().zip(&self.counts) {
            varint::push(bytes, u64::from(bin - next));
            varint::push(bytes, count);
            next = bin + 1;
        }
    }

    /// Reads what [`Quantiles::write`] has written.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        // More would be refused anyway, but only after memory was taken for them.
        let is_possible = |length: &usize| *length <= bins::COUNT.into();
        let length = reader.length().filter(is_possible)?;
        let mut read = Self {
            bins: Vec::with_capacity(length),
            counts: Vec::with_capacity(length),
        };
        let mut next = 0;
        for _ in 0..length {
            let bin = u64::checked_add(next, reader.varint()?)?;
            let is_bin = |bin: &u16| *bin < bins::COUNT;
            read.bins.push(u16::try_from(bin).ok().filter(is_bin)?);
            read.counts.push(reader.varint().filter(|count| *count > 0)?);
            next = bin + 1;
        }
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(numbers: &[u64]) -> Quantiles {
        let mut quantiles = Quantiles::default();
        for number in numbers {
            quantiles.add(*number);
        }
        quantiles
    }

    fn merged(one: &Quantiles, other: &Quantiles) -> Quantiles {
        let mut merged = one.clone();
        merged.merge(other);
        merged
    }

    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        let number = (any::<u64>(), 0..64_u32).prop_map(|(number, shift)| number >> shift);
        prop::collection::vec(prop_oneof![number, 0..200_u64], 0..60)
    }

    proptest! {
        #[test]
        fn merged_is_as_if_all_were_added_to_one(one in numbers(), other in numbers()) {
            prop_assert_eq!(merged(&of(&one), &of(&other)), of(&[one, other].concat()));
        }

        #[test]
        fn order_and_grouping_of_merges_change_nothing(a in numbers(), b in numbers(), c in numbers()) {
            let [a, b, c] = [a, b, c].map(|numbers| of(&numbers));
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        }

        #[test]
        fn it_reads_back(numbers in numbers()) {
            let quantiles = of(&numbers);
            let mut bytes = Vec::new();
            quantiles.write(&mut bytes);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(Quantiles::read(&mut reader), Some(quantiles));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, q: f64) {
            if let Some(quantiles) = Quantiles::read(&mut Reader::new(&bytes)) {
                let _ = quantiles.quantile(q);
            }
        }
    }

    /// Between 0 and 1, without a pattern, the same in every run.
    fn uniform(number: u64) -> f64 {
        let hash = xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes());
        f64::from(u32::try_from(hash >> 32).unwrap()) / f64::from(u32::MAX)
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "test data"
    )]
    fn assert_within_one_percent(name: &str, number: impl Fn(f64, f64) -> f64) {
        let count = 150_000_u32;
        let draw = |at| number(uniform(2 * at), uniform(2 * at + 1)) as u64;
        let mut exact: Vec<u64> = (0..u64::from(count)).map(draw).collect();
        let quantiles = of(&exact);
        exact.sort_unstable();
        for q in [0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0] {
            let rank = (f64::from(count) * q).ceil() as usize;
            let exact = exact[rank.saturating_sub(1)] as f64;
            let found = quantiles.quantile(q).unwrap();
            assert!(
                (found - exact).abs() <= exact * 0.01,
                "{name}: {q}: {found} for {exact}"
            );
        }
    }

    #[test]
    fn quantiles_are_within_one_percent_of_the_exact_ones() {
        use std::f64::consts::TAU;
        let normal = |a: f64, b: f64| (-2.0 * (1.0 - a).max(1e-9).ln()).sqrt() * (TAU * b).cos();
        assert_within_one_percent("uniform", |a, _| 1_000.0 + a * 1e6);
        assert_within_one_percent("lognormal", |a, b| (10.0 + 2.0 * normal(a, b)).exp());
        assert_within_one_percent("heavy tail", |a, _| 500.0 / (1.0 - a).max(1e-9).powf(1.5));
        assert_within_one_percent("few", |a, _| (a * 3.0).floor() * 777.0);
        assert_within_one_percent("constant", |_, _| 123_456.0);
        assert_within_one_percent("the greatest", |a, _| if a < 0.5 { 0.0 } else { f64::MAX });
    }

    #[test]
    fn of_few_numbers_the_high_quantiles_are_the_greatest() {
        let quantiles = of(&[1, 10]);
        let found = [0.5, 0.51, 0.95, 0.99].map(|q| quantiles.quantile(q));
        assert_eq!(found, [1.0, 10.0, 10.0, 10.0].map(Some));
    }

    #[test]
    fn nothing_has_no_quantiles_and_odd_places_are_at_the_ends() {
        assert_eq!(Quantiles::default().quantile(0.5), None);
        let quantiles = of(&[1, 2, 3]);
        let found = [f64::NEG_INFINITY, -1.0, f64::NAN, 2.0, f64::INFINITY].map(|q| quantiles.quantile(q));
        assert_eq!(found, [1.0, 1.0, 1.0, 3.0, 3.0].map(Some));
    }

    #[test]
    fn counts_beyond_their_type_stay_at_its_end() {
        let mut quantiles = of(&[1, 2]);
        for _ in 0..64 {
            quantiles.merge(&quantiles.clone());
        }
        assert_eq!(quantiles.count(), u64::MAX);
        assert_eq!(quantiles.quantile(1.0), Some(1.0), "the first fills all places");
    }

    #[test]
    fn what_is_no_list_of_bins_is_refused() {
        let read = |numbers: &[u64]| {
            let mut bytes = Vec::new();
            for number in numbers {
                varint::push(&mut bytes, *number);
            }
            Quantiles::read(&mut Reader::new(&bytes))
        };
        let last = u64::from(bins::COUNT) - 1;
        assert!(read(&[1, last, 5]).is_some());
        assert!(read(&[1, last + 1, 5]).is_none(), "behind the last bin");
        assert!(read(&[2, last, 5, 0, 5]).is_none(), "behind the last bin");
        assert!(read(&[2, 1, 5, u64::MAX, 5]).is_none(), "a bin that does not fit");
        assert!(read(&[1, 0, 0]).is_none(), "a bin without a count");
        assert!(read(&[2, 0, 1]).is_none(), "cut");
        assert!(read(&[u64::MAX, 0, 1]).is_none(), "more bins than bytes");
    }
}
