//! Points in time, to the millisecond.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC, without leap seconds.
///
/// In text it is RFC 3339 with three decimals: `2026-01-31T08:30:00.250Z`. Parts of a millisecond are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Millis(i64);

impl Millis {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// The begin of the year 9999: the greatest time of an event. It has a text and fits the 48 bits of an id.
    pub const MAX: Self = Self(253_370_764_800_000);

    /// The time `ms` milliseconds after the epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// This much later, at the most the end of time.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// This much earlier, at the least the begin of time.
    #[must_use]
    pub const fn minus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_sub(ms))
    }

    /// Milliseconds from `earlier` to this, negative where that is the later one.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time `seconds` and `nanos` after the epoch, none where `nanos` is no part of a second.
    pub fn from_parts(seconds: i64, nanos: i32) -> Option<Self> {
        if !(0..1_000_000_000).contains(&nanos) {
            return None;
        }
        let ms = seconds
            .checked_mul(1000)?
            .checked_add(i64::from(nanos / 1_000_000))?;
        Some(Self(ms))
    }

    /// Seconds since the epoch and nanoseconds within that second.
    pub fn to_parts(self) -> (i64, i32) {
        let nanos =
            i32::try_from(self.0.rem_euclid(1000) * 1_000_000).expect("under a second in nanoseconds");
        (self.0.div_euclid(1000), nanos)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{} ms after 1970", self.0),
        }
    }
}

/// A length of time, for messages: `7 days`, `5 min`, `1500 ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// In milliseconds, not negative.
    pub ms: i64,
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 4] = [
            (86_400_000, "days"),
            (3_600_000, "h"),
            (60_000, "min"),
            (1000, "s"),
        ];
        let whole = UNITS
            .iter()
            .find(|(unit_ms, _)| self.ms >= *unit_ms && self.ms % unit_ms == 0);
        let (unit_ms, unit) = whole.copied().unwrap_or((1, "ms"));
        write!(f, "{} {unit}", self.ms / unit_ms)
    }
}

/// The text is not a time in RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time in RFC 3339, such as 2026-01-31T08:30:00.250Z")]
pub struct InvalidTime;

impl FromStr for Millis {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let timestamp: jiff::Timestamp = whole_text(text)
            .ok_or(InvalidTime)?
            .parse()
            .map_err(|_| InvalidTime)?;
        Ok(Self(timestamp.as_millisecond()))
    }
}

/// The text when it has the form of RFC 3339, without what its fraction has beyond nine digits: other standards
/// allow more forms, and the parser knows them too.
fn whole_text(text: &str) -> Option<Cow<'_, str>> {
    const SHAPE: &[u8; 19] = b"0000-00-00T00:00:00";
    let (head, rest) = text.split_at_checked(SHAPE.len())?;
    let fits = |(found, shape): (u8, &u8)| match shape {
        b'0' => found.is_ascii_digit(),
        b'T' => matches!(found, b'T' | b't' | b' '),
        other => found == *other,
    };
    if !head.bytes().zip(SHAPE).all(fits) {
        return None;
    }
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("0", rest),
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
    };
    let has_zone = match zone.as_bytes() {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    if !has_zone || fraction.is_empty() {
        return None;
    }
    if fraction.len() <= 9 {
        return Some(Cow::Borrowed(text));
    }
    Some(Cow::Owned(format!("{head}.{}{zone}", &fraction[..9])))
}

impl TryFrom<String> for Millis {
    type Error = InvalidTime;

    fn try_from(text: String) -> Result<Self, InvalidTime> {
        text.parse()
    }
}

impl From<Millis> for String {
    fn from(time: Millis) -> Self {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_three_decimals_and_reads_back() {
        for ms in [0, 1, 999, 1_700_000_000_120, Millis::MAX.as_ms()] {
            let time = Millis::from_ms(ms);
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        assert_eq!(Millis::from_ms(1_500).to_string(), "1970-01-01T00:00:01.500Z");
    }

    #[test]
    fn a_length_is_said_in_the_greatest_unit_that_is_exact() {
        let said = |ms| Length { ms }.to_string();
        assert_eq!(
            [0, 1500, 60_000, 300_000, 604_800_000].map(said),
            ["0 ms", "1500 ms", "1 min", "5 min", "7 days"]
        );
    }

    #[test]
    fn an_offset_is_resolved() {
        assert_eq!("1970-01-01T01:00:00+01:00".parse(), Ok(Millis::EPOCH));
    }

    #[test]
    fn a_fraction_may_be_of_any_length() {
        let nanos = "1970-01-01T00:00:00.123456789Z".parse();
        assert_eq!(nanos, Ok(Millis::from_ms(123)));
        assert_eq!("1970-01-01T00:00:00.1234567890123Z".parse(), nanos);
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "2026-11-24T07Z",
            "20261124T074955Z",
            "2026-11-24T07:49:55,5Z",
            "2026-11-24T07:49:55.Z",
            "2026-11-24T07:49:55",
            "2026-11-24T07:49:55+00",
            "2026-11-24T07:49:55Z[UTC]",
            "+002026-11-24T07:49:55Z",
            "2026-11-24T07:49:5éZ",
            "",
            "yesterday",
            "1700000000000",
            "2026-01-31",
            "2026-13-01T00:00:00Z",
        ] {
            assert_eq!(text.parse::<Millis>(), Err(InvalidTime), "{text}");
        }
    }

    #[test]
    fn parts_round_trip_before_and_after_the_epoch() {
        for ms in [-1, -1000, -1001, 0, 999, 1000, 1_700_000_000_123] {
            let (seconds, nanos) = Millis::from_ms(ms).to_parts();
            assert_eq!(Millis::from_parts(seconds, nanos), Some(Millis::from_ms(ms)));
        }
        assert_eq!(Millis::from_parts(i64::MAX, 0), None);
        assert_eq!(Millis::from_parts(0, 1_000_000_000), None);
    }
}
