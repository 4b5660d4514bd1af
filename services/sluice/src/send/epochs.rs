//! Which times the lines of an input get. An input that grew after it was sent whole has one epoch for each
//! sending, so that lines that are sent again get the time, and with it the id, that they had.

use domain::time::Millis;
use serde::{Deserialize, Serialize};

/// Epochs that are remembered; older ones are dropped.
const MAX: usize = 1_000;
/// Beyond this age a time can't be sent again for sure: the system takes events of the last seven days.
const MAX_AGE_MS: i64 = 6 * 24 * 60 * 60 * 1_000;

/// The times of the lines from one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Epoch {
    first_line: u64,
    /// The time of events that say none.
    pub(crate) start: Millis,
    /// By how much other times are moved.
    pub(crate) shift_ms: Option<i64>,
}

impl Epoch {
    /// Whether events of this time may be refused for their age.
    pub(crate) fn is_stale(&self, now: Millis) -> bool {
        now.since(self.start) > MAX_AGE_MS
    }
}

/// All of them, never none, in the order of lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Epoch>", into = "Vec<Epoch>")]
pub(crate) struct Epochs {
    earlier: Vec<Epoch>,
    latest: Epoch,
}

impl Epochs {
    /// One, for all lines.
    pub(crate) fn new(start: Millis, shift_ms: Option<i64>) -> Self {
        Self {
            earlier: Vec::new(),
            latest: Epoch {
                first_line: 1,
                start,
                shift_ms,
            },
        }
    }

    /// Begins another at a line, in place of any that begin there or later.
    pub(crate) fn begin(&mut self, first_line: u64, start: Millis, shift_ms: Option<i64>) {
        self.earlier.push(self.latest);
        self.earlier.retain(|epoch| epoch.first_line < first_line);
        let first_kept = self.earlier.len().saturating_sub(MAX - 1);
        self.earlier.drain(..first_kept);
        self.latest = Epoch {
            first_line,
            start,
            shift_ms,
        };
    }

    /// The one of a line; the oldest for a line whose own is dropped.
    pub(crate) fn of(&self, line: u64) -> Epoch {
        if self.latest.first_line <= line {
            return self.latest;
        }
        let end = self.earlier.partition_point(|epoch| epoch.first_line <= line);
        let known = self.earlier.get(end.saturating_sub(1));
        known.copied().unwrap_or(self.latest)
    }

    /// The one of the last lines.
    pub(crate) fn latest(&self) -> Epoch {
        self.latest
    }

    /// Whether the lines from the first on can be sent again with the times that they had.
    pub(crate) fn can_be_repeated(&self, now: Millis) -> bool {
        let first = self.earlier.first().unwrap_or(&self.latest);
        first.first_line <= 1 && !first.is_stale(now)
    }

    /// Whether times are moved.
    pub(crate) fn shifts(&self) -> bool {
        let mut all = self.earlier.iter().chain([&self.latest]);
        all.any(|epoch| epoch.shift_ms.is_some())
    }
}

/// The list is none that was written.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("epochs are wanted in the order of their lines, at least one")]
pub(crate) struct Disorder;

impl TryFrom<Vec<Epoch>> for Epochs {
    type Error = Disorder;

    fn try_from(mut earlier: Vec<Epoch>) -> Result<Self, Disorder> {
        let is_ordered = earlier.is_sorted_by(|a, b| a.first_line < b.first_line);
        let latest = earlier.pop().filter(|_| is_ordered).ok_or(Disorder)?;
        Ok(Self { earlier, latest })
    }
}

impl From<Epochs> for Vec<Epoch> {
    fn from(epochs: Epochs) -> Self {
        let mut all = epochs.earlier;
        all.push(epochs.latest);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Millis = Millis::from_ms(1_700_000_000_000);

    fn starts(epochs: &Epochs, lines: &[u64]) -> Vec<i64> {
        let start = |line: &u64| epochs.of(*line).start.since(T);
        lines.iter().map(start).collect()
    }

    #[test]
    fn a_line_keeps_its_epoch_when_later_ones_begin() {
        let mut epochs = Epochs::new(T, None);
        epochs.begin(4, T.plus_ms(1), None);
        epochs.begin(4, T.plus_ms(2), None);
        epochs.begin(9, T.plus_ms(3), None);
        assert_eq!(starts(&epochs, &[1, 3, 4, 8, 9, u64::MAX]), [0, 0, 2, 2, 3, 3]);
        epochs.begin(2, T.plus_ms(4), None);
        assert_eq!(starts(&epochs, &[1, 2, 9]), [0, 4, 4]);
    }

    #[test]
    fn they_are_bounded_and_what_is_dropped_is_not_repeated() {
        let mut epochs = Epochs::new(T, None);
        for line in 2..=1_000 {
            epochs.begin(line, T, None);
        }
        assert!(epochs.can_be_repeated(T));
        epochs.begin(1_001, T, None);
        assert!(!epochs.can_be_repeated(T));
        assert_eq!(Vec::from(epochs).len(), MAX);
    }

    #[test]
    fn old_times_are_not_repeated() {
        let epochs = Epochs::new(T, None);
        assert!(epochs.can_be_repeated(T.plus_ms(MAX_AGE_MS)));
        assert!(!epochs.can_be_repeated(T.plus_ms(MAX_AGE_MS + 1)));
    }

    #[test]
    fn what_is_written_reads_back_and_nothing_else_does() {
        let mut epochs = Epochs::new(T, None);
        epochs.begin(4, T, Some(3));
        let text = serde_json::to_string(&epochs).unwrap();
        assert_eq!(serde_json::from_str::<Epochs>(&text).unwrap(), epochs);
        assert!(epochs.shifts() && !Epochs::new(T, None).shifts());
        assert!(serde_json::from_str::<Epochs>("[]").is_err());
        let mut twice = Vec::from(epochs);
        twice.reverse();
        assert!(Epochs::try_from(twice).is_err());
    }
}
