//! The bins of [`Quantiles`](super::Quantiles): which whole numbers are counted as one.
//!
//! A bin has the numbers from `low` up to `low * 1.01 / 0.99`, rounded down, and the next one begins behind it. So every
//! number is within 1 % of the bin's middle. All is whole numbers: a bin is the same on every machine.

/// A bin with the numbers from `low` on ends with this one.
const fn last_from(low: u64) -> u64 {
    // low * 101 / 99, where the product may not fit.
    low.saturating_add(low / 99 * 2 + low % 99 * 2 / 99)
}

/// How many bins there are.
pub(super) const COUNT: u16 = {
    let mut count = 1;
    let mut last = 0;
    while last < u64::MAX {
        last = last_from(last + 1);
        count += 1;
    }
    count
};

/// The last number of each bin. The first bin has 0 alone.
static LASTS: [u64; COUNT as usize] = {
    let mut lasts = [0; COUNT as usize];
    let mut bin = 1;
    while bin < lasts.len() {
        lasts[bin] = last_from(lasts[bin - 1] + 1);
        bin += 1;
    }
    lasts
};

/// The bin of a number.
pub(super) fn of(number: u64) -> u16 {
    let bin = LASTS.partition_point(|last| *last < number);
    u16::try_from(bin).expect("there are fewer than 2^16 bins")
}

/// The number that is nearest to all of a bin, relative to them: 2ab / (a + b) between a and b.
#[expect(clippy::cast_precision_loss, reason = "the error of a bin is far greater")]
pub(super) fn middle(bin: u16) -> f64 {
    let bin = usize::from(bin);
    let last = LASTS[bin] as f64;
    match bin.checked_sub(1) {
        None => last,
        Some(before) => {
            let low = LASTS[before] as f64 + 1.0;
            2.0 * (low / (low + last)) * last
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::cast_precision_loss, reason = "the error of a bin is far greater")]
    fn error(number: u64) -> f64 {
        (middle(of(number)) - number as f64).abs() / number as f64
    }

    proptest! {
        #[test]
        fn every_number_is_within_one_percent_of_the_middle_of_its_bin(number in 1..=u64::MAX, shift in 0..64_u32) {
            let number = (number >> shift).max(1);
            prop_assert!(error(number) <= 0.010_000_001, "{number}: {}", error(number));
        }

        #[test]
        fn bins_are_in_the_order_of_numbers(one: u64, other: u64, shifts: [u8; 2]) {
            let (one, other) = (one >> (shifts[0] % 64), other >> (shifts[1] % 64));
            prop_assert!(one > other || of(one) <= of(other));
        }
    }

    #[test]
    fn the_bins_end_where_numbers_end() {
        assert_eq!((of(0), of(u64::MAX)), (0, COUNT - 1));
        assert!((2_000..2_300).contains(&COUNT), "{COUNT}");
        assert!(error(u64::MAX) <= 0.01);
    }

    #[test]
    fn small_numbers_have_bins_of_their_own() {
        assert!((0..50).all(|number| of(number) == u16::try_from(number).unwrap()));
        assert_eq!(middle(of(0)).to_bits(), 0.0_f64.to_bits());
        assert_eq!(middle(of(49)).to_bits(), 49.0_f64.to_bits());
    }
}
