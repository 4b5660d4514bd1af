//! Ranges of time as queries name them.

use crate::time::Millis;

/// What a query covers when it does not say: the last 24 hours.
pub const DEFAULT_MS: i64 = 24 * 60 * 60 * 1000;

/// Times from `from` on and before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// First time in the range.
    pub from: Millis,
    /// First time behind the range.
    pub to: Millis,
}

/// Why a range is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRange {
    /// A text is neither a time nor relative to now, or before 1970, or after 9998.
    #[error(
        "{field} is {text:?}; RFC 3339 such as 2026-01-31T08:30:00Z, now, or now-15m (units s, m, h, d, w) is wanted"
    )]
    Time {
        /// `from` or `to`.
        field: &'static str,
        /// What was given.
        text: String,
    },
    /// It begins after its end.
    #[error("from, {from}, is not before to, {to}")]
    Empty {
        /// Begin.
        from: Millis,
        /// End.
        to: Millis,
    },
}

impl InvalidRange {
    /// The parameter that is at fault.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Time { field, .. } => field,
            Self::Empty { .. } => "from",
        }
    }
}

impl TimeRange {
    /// Resolves the texts of a query. Without `to` the range ends with the running millisecond.
    pub fn resolve(from: Option<&str>, to: Option<&str>, now: Millis) -> Result<Self, InvalidRange> {
        let to = to.map_or(Ok(now.plus_ms(1)), |text| point("to", text, now))?;
        let from = from.map_or(Ok(to.minus_ms(DEFAULT_MS)), |text| point("from", text, now))?;
        if from >= to {
            return Err(InvalidRange::Empty { from, to });
        }
        Ok(Self { from, to })
    }
}

fn point(field: &'static str, text: &str, now: Millis) -> Result<Millis, InvalidRange> {
    let parsed = match text.strip_prefix("now") {
        Some("") => Some(now),
        Some(offset) => span_ms(offset).map(|ms| now.plus_ms(ms)),
        None if text.starts_with('-') => span_ms(text).map(|ms| now.plus_ms(ms)),
        None => text.parse().ok(),
    };
    let has_text = |time: &Millis| (Millis::EPOCH..=Millis::MAX).contains(time);
    parsed.filter(has_text).ok_or_else(|| InvalidRange::Time {
        field,
        text: text.chars().take(64).collect(),
    })
}

/// `-15m` -> -900,000.
fn span_ms(text: &str) -> Option<i64> {
    let (sign, text) = match text.split_at_checked(1)? {
        ("-", rest) => (-1, rest),
        ("+", rest) => (1, rest),
        _ => return None,
    };
    let (number, unit_ms) = match text.split_at_checked(text.len().checked_sub(1)?)? {
        (number, "s") => (number, 1000),
        (number, "m") => (number, 60 * 1000),
        (number, "h") => (number, 60 * 60 * 1000),
        (number, "d") => (number, 24 * 60 * 60 * 1000),
        (number, "w") => (number, 7 * 24 * 60 * 60 * 1000),
        _ => return None,
    };
    let number: u32 = number
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| number.parse().ok())??;
    i64::from(number).checked_mul(unit_ms)?.checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = Millis::from_ms(1_700_000_000_000);

    #[test]
    fn relative_and_absolute_times_resolve() {
        let range = TimeRange::resolve(Some("now-15m"), Some("now"), NOW).unwrap();
        assert_eq!((range.from, range.to), (NOW.minus_ms(900_000), NOW));
        let range = TimeRange::resolve(Some("-2d"), Some("now+1h"), NOW).unwrap();
        assert_eq!(
            (range.from, range.to),
            (NOW.minus_ms(172_800_000), NOW.plus_ms(3_600_000))
        );
        let range = TimeRange::resolve(Some("2020-01-01T00:00:00Z"), None, NOW).unwrap();
        assert_eq!(
            (range.from.to_string().as_str(), range.to),
            ("2020-01-01T00:00:00.000Z", NOW.plus_ms(1))
        );
        let range = TimeRange::resolve(None, None, NOW).unwrap();
        assert_eq!(range.to.since(range.from), DEFAULT_MS);
    }

    #[test]
    fn other_texts_are_refused_by_name() {
        for text in [
            "",
            "now-",
            "now-m",
            "now-15",
            "now-1.5h",
            "now 1h",
            "-1y",
            "now--1h",
            "now-99999999999w",
            "now-4294967295w",
            "now+4294967295w",
            "soon",
            "now-1é",
        ] {
            let error = TimeRange::resolve(None, Some(text), NOW).unwrap_err();
            assert_eq!(error.field(), "to", "{text}");
        }
        assert_eq!(
            TimeRange::resolve(Some("now"), Some("now"), NOW)
                .unwrap_err()
                .field(),
            "from"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(from: String, to: String) {
            let _ = TimeRange::resolve(Some(&from), Some(&to), NOW);
        }
    }
}
