//! How many groups a row has room for, and in which coarser group an event is counted that finds no room.
//!
//! It belongs to the version of rows, not to a configuration: a row is a function of the events alone, whoever folds them.
//! First come, first served.

use super::Rollup;

/// Groups of one coarseness.
pub(super) struct Level {
    /// For each dimension, whether its value is kept; else it is other.
    pub(super) keeps: &'static [bool],
    /// A new group of it is made while the row has fewer groups.
    pub(super) room: usize,
}

impl Level {
    /// Whether some values are not kept.
    pub(super) fn is_coarse(&self) -> bool {
        self.keeps.contains(&false)
    }
}

const fn level(keeps: &'static [bool], room: usize) -> Level {
    Level { keeps, room }
}

const NO: bool = false;
const ALWAYS: usize = usize::MAX;

const EVENTS: &[Level] = &[
    level(&[true, true, true, true], 1_000),
    level(&[true, true, NO, NO], ALWAYS),
];
const REQUESTS: &[Level] = &[
    level(&[true, true, true, true, true], 1_000),
    level(&[true, true, NO, NO, true], 1_256),
    level(&[NO, NO, NO, NO, true], ALWAYS),
];
const ERRORS: &[Level] = &[
    level(&[true, true, true, true], 1_000),
    level(&[true, true, NO, NO], 1_256),
    level(&[NO, NO, NO, NO], ALWAYS),
];
const ACTIONS: &[Level] = &[
    level(&[true, true, true], 500),
    level(&[true, true, NO], 628),
    level(&[NO, NO, NO], ALWAYS),
];
const USERS: &[Level] = &[level(&[true], 1_000), level(&[NO], ALWAYS)];

impl Rollup {
    /// From the finest to the coarsest, which has room always: it keeps nothing but names that are few and short.
    pub(super) const fn levels(self) -> &'static [Level] {
        match self {
            Self::Events => EVENTS,
            Self::Requests => REQUESTS,
            Self::Errors => ERRORS,
            Self::Actions => ACTIONS,
            Self::Users => USERS,
        }
    }

    /// The most groups that a row can have: beside those for which there is room, the coarsest ones.
    pub(super) const fn max_groups(self) -> usize {
        match self {
            // Kinds times severities.
            Self::Events => 1_000 + 20,
            // The classes of a status, and none.
            Self::Requests => 1_256 + 6,
            Self::Errors => 1_256 + 1,
            Self::Actions => 628 + 1,
            Self::Users => 1_000 + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Severity};

    #[test]
    fn each_level_is_coarser_than_the_one_before_and_the_last_has_room_always() {
        for rollup in Rollup::ALL {
            let levels = rollup.levels();
            assert!(
                levels
                    .iter()
                    .all(|level| level.keeps.len() == rollup.dimensions().len())
            );
            assert!(levels[0].keeps.iter().all(|keeps| *keeps));
            assert!(levels.is_sorted_by(|fine, coarse| fine.room < coarse.room && fine.keeps > coarse.keeps));
            assert_eq!(levels.last().map(|level| level.room), Some(ALWAYS));
        }
        assert_eq!(Kind::ALL.len() * Severity::ALL.len(), 20);
    }
}
