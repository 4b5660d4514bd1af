//! Steps: how long the points of a series are. A point begins at a multiple of its step, in UTC: points of a day at
//! midnight, those of a week on Monday.

use domain::rollup::Grain;
use domain::time::Millis;

const MINUTE_MS: i64 = Grain::Minute.length_ms();
const HOUR_MS: i64 = Grain::Hour.length_ms();
const DAY_MS: i64 = 24 * HOUR_MS;
/// 1970 began on a Thursday.
const FIRST_MONDAY_MS: i64 = 4 * DAY_MS;

/// The length of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    name: &'static str,
    ms: i64,
}

impl Step {
    /// All of them, the shortest first.
    pub(crate) const ALL: [Self; 14] = [
        Self::new("1m", MINUTE_MS),
        Self::new("2m", 2 * MINUTE_MS),
        Self::new("5m", 5 * MINUTE_MS),
        Self::new("10m", 10 * MINUTE_MS),
        Self::new("15m", 15 * MINUTE_MS),
        Self::new("30m", 30 * MINUTE_MS),
        Self::new("1h", HOUR_MS),
        Self::new("2h", 2 * HOUR_MS),
        Self::new("3h", 3 * HOUR_MS),
        Self::new("4h", 4 * HOUR_MS),
        Self::new("6h", 6 * HOUR_MS),
        Self::new("12h", 12 * HOUR_MS),
        Self::new("1d", DAY_MS),
        Self::new("7d", 7 * DAY_MS),
    ];

    const fn new(name: &'static str, ms: i64) -> Self {
        Self { name, ms }
    }

    /// The name in requests and answers.
    pub(crate) const fn as_str(self) -> &'static str {
        self.name
    }

    /// The step of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name == name)
    }

    /// Its length in milliseconds.
    pub(crate) const fn ms(self) -> i64 {
        self.ms
    }

    /// Whether its points are made of whole hours.
    pub(crate) const fn is_of_hours(self) -> bool {
        self.ms >= HOUR_MS
    }

    /// The begin of the point that has this time in it.
    pub(crate) const fn floor(self, time: Millis) -> Millis {
        let begin = if self.ms > DAY_MS { FIRST_MONDAY_MS } else { 0 };
        Millis::from_ms((time.as_ms() - begin).div_euclid(self.ms) * self.ms + begin)
    }

    /// The first begin of a point that is not before this time.
    pub(crate) const fn ceil(self, time: Millis) -> Millis {
        self.floor(time.plus_ms(self.ms - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_the_length() {
        let lengths = ["1m", "30m", "1h", "1d", "7d"].map(|name| Step::parse(name).unwrap().ms());
        assert_eq!(lengths, [60_000, 1_800_000, 3_600_000, 86_400_000, 604_800_000]);
        assert_eq!(
            [Step::parse("3m"), Step::parse("60m"), Step::parse("")],
            [None; 3]
        );
        assert!(Step::ALL.is_sorted_by_key(|step| step.ms()));
    }

    #[test]
    fn points_begin_on_the_hour_at_midnight_and_on_monday() {
        let floor = |step: &str, time: &str| {
            let step = Step::parse(step).unwrap();
            step.floor(time.parse().unwrap()).to_string()
        };
        let time = "2026-01-31T08:37:12.345Z";
        assert_eq!(floor("5m", time), "2026-01-31T08:35:00.000Z");
        assert_eq!(floor("6h", time), "2026-01-31T06:00:00.000Z");
        assert_eq!(floor("1d", time), "2026-01-31T00:00:00.000Z");
        assert_eq!(floor("7d", time), "2026-01-26T00:00:00.000Z");
        assert_eq!(floor("7d", "2026-01-26T00:00:00Z"), "2026-01-26T00:00:00.000Z");
    }
}
