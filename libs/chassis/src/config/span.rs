//! A length of time in configuration: `250ms`, `30s`, `7d`.

use super::quantity::{self, Unit};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const UNITS: &[Unit] = &[
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];
const EXPECTED: &str = "a duration such as `250ms`, `30s` or `7d` (units: us, ms, s, m, h, d)";

/// A length of time, in whole microseconds; written as one number and one unit.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    us: u64,
}

/// The text is no length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {EXPECTED}")]
pub struct InvalidSpan;

impl Span {
    /// So many milliseconds, at most `u64::MAX` microseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self {
            us: ms.saturating_mul(1_000),
        }
    }

    /// So many seconds, at most `u64::MAX` microseconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self {
            us: secs.saturating_mul(1_000_000),
        }
    }

    /// The same as a `Duration`.
    pub const fn duration(self) -> Duration {
        Duration::from_micros(self.us)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.duration()
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        quantity::parse(text, UNITS)
            .map(|us| Self { us })
            .ok_or(InvalidSpan)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.us {
            0 => f.write_str("0s"),
            us => quantity::print(f, us, UNITS),
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        quantity::deserialize(deserializer, EXPECTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_duration_reads_as_written() {
        let read = |text: &str| text.parse::<Span>().map(Span::duration);
        assert_eq!(read("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(read("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(read("7d"), Ok(Duration::from_hours(7 * 24)));
        assert_eq!(read("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1.5s",
            "30 s",
            " 30s",
            "1y",
            "99999999999999999999s",
            "999999999999999d",
        ] {
            assert_eq!(text.parse::<Span>(), Err(InvalidSpan), "{text}");
        }
    }

    #[test]
    fn it_prints_in_the_largest_unit_without_a_fraction() {
        assert_eq!(Span::from_secs(90).to_string(), "90s");
        assert_eq!(Span::from_secs(3_600).to_string(), "1h");
        assert_eq!(Span::from_ms(1_500).to_string(), "1500ms");
        assert_eq!(Span::default().to_string(), "0s");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(us: u64) {
            prop_assert_eq!(Span { us }.to_string().parse(), Ok(Span { us }));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = text.parse::<Span>();
        }
    }
}
