//! How long events are kept.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Retention class of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Class {
    /// A week.
    #[serde(rename = "7d")]
    Days7,
    /// A month, the default.
    #[default]
    #[serde(rename = "30d")]
    Days30,
    /// A quarter.
    #[serde(rename = "90d")]
    Days90,
    /// A year and some.
    #[serde(rename = "400d")]
    Days400,
}

impl Class {
    /// All of them, shortest first.
    pub const ALL: [Self; 4] = [Self::Days7, Self::Days30, Self::Days90, Self::Days400];

    /// The longest life of any event, in milliseconds.
    pub const LONGEST_MS: i64 = Self::Days400.life_ms();

    /// The number in stored bytes.
    pub const fn number(self) -> u8 {
        match self {
            Self::Days7 => 0,
            Self::Days30 => 1,
            Self::Days90 => 2,
            Self::Days400 => 3,
        }
    }

    /// The class of this number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Days7),
            1 => Some(Self::Days30),
            2 => Some(Self::Days90),
            3 => Some(Self::Days400),
            _ => None,
        }
    }

    /// How long events of it are kept, in milliseconds.
    pub const fn life_ms(self) -> i64 {
        match self {
            Self::Days7 => 7 * DAY_MS,
            Self::Days30 => 30 * DAY_MS,
            Self::Days90 => 90 * DAY_MS,
            Self::Days400 => 400 * DAY_MS,
        }
    }

    /// When an event of it expires: its life after the later of its time and its receipt.
    pub fn expires_at(self, event_time: Millis, received_at: Millis) -> Millis {
        event_time.max(received_at).plus_ms(self.life_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn life_begins_with_the_later_of_event_and_receipt() {
        let (early, late) = (Millis::from_ms(5), Millis::from_ms(9));
        let expected = Millis::from_ms(9 + 7 * DAY_MS);
        assert_eq!(Class::Days7.expires_at(early, late), expected);
        assert_eq!(Class::Days7.expires_at(late, early), expected);
    }
}
