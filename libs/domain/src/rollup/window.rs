//! Windows of event time: minutes and hours, each with the time for which its rows are kept.

use crate::time::Millis;

const MINUTE_MS: i64 = 60 * 1000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// How long a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grain {
    /// Kept for some days.
    Minute,
    /// Kept for a year and some.
    Hour,
}

impl Grain {
    /// All of them, shortest first.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// The number in stored keys.
    pub const fn number(self) -> u8 {
        match self {
            Self::Minute => 0,
            Self::Hour => 1,
        }
    }

    /// The grain of this number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Minute),
            1 => Some(Self::Hour),
            _ => None,
        }
    }

    /// The name in tables, metrics and queries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    /// How long a window is, in milliseconds.
    pub const fn length_ms(self) -> i64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Hour => 60 * MINUTE_MS,
        }
    }

    /// How long rows are kept after the end of their window, in milliseconds: longer than the greatest age at which
    /// an event is accepted.
    pub const fn life_ms(self) -> i64 {
        match self {
            Self::Minute => 15 * DAY_MS,
            Self::Hour => 400 * DAY_MS,
        }
    }
}

/// One minute or hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// How long it is.
    pub grain: Grain,
    /// How many windows of this grain lie between 1970 and its begin.
    pub number: i64,
}

impl Window {
    /// The window that has this time in it.
    pub const fn of(grain: Grain, time: Millis) -> Self {
        Self {
            grain,
            number: time.as_ms().div_euclid(grain.length_ms()),
        }
    }

    /// Its first millisecond.
    pub const fn begin(self) -> Millis {
        Millis::from_ms(self.number.saturating_mul(self.grain.length_ms()))
    }

    /// The first millisecond behind it.
    pub const fn end(self) -> Millis {
        self.begin().plus_ms(self.grain.length_ms())
    }

    /// When its rows are gone.
    pub const fn expires_at(self) -> Millis {
        self.end().plus_ms(self.grain.life_ms())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_in_its_window_and_in_no_other(ms in -10_000_000_000_i64..=Millis::MAX.as_ms()) {
            let time = Millis::from_ms(ms);
            for grain in Grain::ALL {
                let window = Window::of(grain, time);
                prop_assert!((window.begin()..window.end()).contains(&time));
                prop_assert_eq!(window.end().since(window.begin()), grain.length_ms());
                prop_assert_eq!(Window::of(grain, window.end()).number, window.number + 1);
            }
        }
    }

    #[test]
    fn rows_are_kept_longer_than_an_event_may_be_old() {
        for grain in Grain::ALL {
            assert!(grain.life_ms() > 2 * crate::limits::Limits::default().max_age_ms);
            let window = Window { grain, number: 7 };
            assert_eq!(window.expires_at(), window.end().plus_ms(grain.life_ms()));
        }
    }

    #[test]
    fn a_number_is_that_of_one_grain() {
        let numbers: Vec<_> = (0..=u8::MAX).filter_map(Grain::from_number).collect();
        assert_eq!(numbers, Grain::ALL);
        assert!(
            Grain::ALL
                .into_iter()
                .all(|grain| Grain::from_number(grain.number()) == Some(grain))
        );
    }
}
