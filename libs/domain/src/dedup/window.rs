//! How long a record is remembered, in slices of time and of offsets.

/// Slices of time that a record is remembered for, beside its own.
const TIME_SLICES: i64 = 4;
/// Slices of time that a clock may step back.
const STEPS_BACK: i64 = 1;
/// Slices of offsets that a record is remembered for, beside its own.
const OFFSET_SLICES: u64 = 8;

/// How long a record is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    slice_ms: i64,
    slice_offsets: u64,
}

/// A slice of time and a slice of offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    time: i64,
    offsets: u64,
}

impl Window {
    /// At least so many milliseconds, and so many records; each is 1 where it is 0.
    pub fn new(within_ms: u64, records: u64) -> Self {
        let slice_ms = within_ms.max(1).div_ceil(TIME_SLICES.unsigned_abs());
        Self {
            slice_ms: i64::try_from(slice_ms).unwrap_or(i64::MAX),
            slice_offsets: records.max(1).div_ceil(OFFSET_SLICES),
        }
    }

    /// The first offset that may be remembered at `offset`.
    pub fn first_offset(self, offset: u64) -> u64 {
        (offset / self.slice_offsets).saturating_sub(OFFSET_SLICES) * self.slice_offsets
    }

    /// Whether two records with these append times, in either order, make a partition forget all that stands before
    /// both.
    ///
    /// What is remembered behind both is at most one slice ahead of each and at most four behind, so the two are at
    /// most five apart.
    pub fn are_apart(self, one_ms: i64, other_ms: i64) -> bool {
        let slices = self.time_slice(one_ms).abs_diff(self.time_slice(other_ms));
        slices > (TIME_SLICES + STEPS_BACK).unsigned_abs()
    }

    pub(super) fn slice(self, offset: u64, appended_at_ms: i64) -> Slice {
        Slice {
            time: self.time_slice(appended_at_ms),
            offsets: offset / self.slice_offsets,
        }
    }

    fn time_slice(self, ms: i64) -> i64 {
        ms.div_euclid(self.slice_ms)
    }
}

impl Slice {
    /// Whether it is remembered when a record of another slice comes.
    pub(super) fn is_remembered_at(self, other: Self) -> bool {
        let time = other.time.saturating_sub(self.time);
        (-STEPS_BACK..=TIME_SLICES).contains(&time)
            && other.offsets.saturating_sub(self.offsets) <= OFFSET_SLICES
    }

    /// Whether there may be records of it behind one of another slice.
    pub(super) fn may_come_again(self, other: Self) -> bool {
        self.offsets == other.offsets
    }
}
