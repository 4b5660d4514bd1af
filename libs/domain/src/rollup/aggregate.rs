//! What is kept of the events of one group.

use super::distinct::Distinct;
use super::quantiles::Quantiles;
use crate::time::Millis;

/// What is known of the events of a group. What its rollup does not keep is 0 or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aggregate {
    /// How many events.
    pub count: u64,
    /// How long requests took.
    pub duration: Option<Durations>,
    /// Size of all requests.
    pub request_bytes: u64,
    /// Size of all answers.
    pub response_bytes: u64,
    /// Time of the earliest event.
    pub first_seen: Option<Millis>,
    /// Time of the latest event.
    pub last_seen: Option<Millis>,
    /// How many users.
    pub users: Option<Distinct>,
    /// How many sessions.
    pub sessions: Option<Distinct>,
}

impl Aggregate {
    /// Adds what another one has of other events. Associative and commutative.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
    }
}

/// How long requests took, in whole microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durations {
    /// All together.
    pub sum_us: u64,
    /// The shortest.
    pub min_us: u64,
    /// The longest.
    pub max_us: u64,
    /// How they are distributed.
    pub quantiles: Quantiles,
}
