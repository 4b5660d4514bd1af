//! Numbers as bytes in the order of the numbers.

/// Eight bytes of which the order is that of the numbers. Both zeros are the same.
pub(crate) fn key(number: f64) -> [u8; 8] {
    let bits = (number + 0.0).to_bits();
    let is_negative = bits >> 63 == 1;
    let key = if is_negative { !bits } else { bits | 1 << 63 };
    key.to_be_bytes()
}

/// The first two bytes of the key: sign, exponent and four bits of the mantissa, so that a step is about 6%.
pub(crate) fn coarse(number: f64) -> [u8; 2] {
    let [first, second, ..] = key(number);
    [first, second]
}

#[cfg(test)]
mod tests {
    use proptest::num::f64;
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = f64> {
        f64::POSITIVE | f64::NEGATIVE | f64::NORMAL | f64::SUBNORMAL | f64::ZERO
    }

    #[test]
    fn both_zeros_are_one_key() {
        assert_eq!(key(-0.0), key(0.0));
    }

    proptest! {
        #[test]
        fn keys_are_in_the_order_of_the_numbers(one in number(), other in number()) {
            prop_assert_eq!(key(one).cmp(&key(other)), one.partial_cmp(&other).unwrap());
            prop_assert!(one > other || coarse(one) <= coarse(other));
        }
    }
}
