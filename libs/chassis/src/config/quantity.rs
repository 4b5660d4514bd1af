//! A whole number with a unit (`250ms`, `8MiB`): read and printed by a list of units.
//!
//! One form only: digits, then a unit, nothing between and nothing around. What is printed reads back as the same.

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// A unit's name and how many of the smallest unit it is.
pub(super) type Unit = (&'static str, u64);

/// The number of smallest units that `text` means.
pub(super) fn parse(text: &str, units: &[Unit]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

/// Prints in the largest unit that leaves no fraction; `units` go from small to large, the first being 1.
pub(super) fn print(f: &mut fmt::Formatter<'_>, amount: u64, units: &[Unit]) -> fmt::Result {
    let fits = |(_, scale): &&Unit| amount >= *scale && amount.is_multiple_of(*scale);
    let (name, scale) = units.iter().rev().find(fits).unwrap_or(&units[0]);
    write!(f, "{}{name}", amount / scale)
}

/// Reads a `T` from text; `expected` tells what would have been right.
pub(super) fn deserialize<'de, D: Deserializer<'de>, T: FromStr>(
    deserializer: D,
    expected: &'static str,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(Text {
        expected,
        target: PhantomData,
    })
}

struct Text<T> {
    expected: &'static str,
    target: PhantomData<T>,
}

impl<T: FromStr> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse()
            .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}
