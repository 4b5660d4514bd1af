//! What became of each event of a request, and of the request.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::fault::Fault;
use crate::id::EventId;

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the log.
    Accepted {
        /// Its id.
        id: EventId,
        /// Whether the id was made here.
        made_id: bool,
        /// What its producer should know.
        warnings: Vec<Fault>,
    },
    /// It repeats another event of the request, which is in the log.
    Duplicate {
        /// The id of that one.
        id: EventId,
    },
    /// It can never be taken.
    Invalid {
        /// Every fault.
        faults: Vec<Fault>,
    },
    /// It is over a limit of its tenant.
    Limited {
        /// When to send it again.
        retry_after_ms: u32,
    },
    /// The log did not take it in time; it may be there all the same.
    Unavailable {
        /// When to send it again.
        retry_after_ms: u32,
    },
}

impl Verdict {
    /// The name in every protocol.
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Duplicate { .. } => "duplicate",
            Self::Invalid { .. } => "invalid",
            Self::Limited { .. } => "limited",
            Self::Unavailable { .. } => "unavailable",
        }
    }
}

/// A verdict with the place of its event in the request, as JSON answers show it.
#[derive(Clone, Copy, Debug)]
pub struct VerdictJson<'a> {
    /// Place in the request, from 0.
    pub index: usize,
    /// The verdict.
    pub verdict: &'a Verdict,
}

impl Serialize for VerdictJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("index", &self.index)?;
        map.serialize_entry("status", self.verdict.status())?;
        match self.verdict {
            Verdict::Accepted { id, warnings, .. } => {
                map.serialize_entry("id", &id.to_string())?;
                if !warnings.is_empty() {
                    map.serialize_entry("warnings", warnings)?;
                }
            }
            Verdict::Duplicate { id } => map.serialize_entry("id", &id.to_string())?,
            Verdict::Invalid { faults } => map.serialize_entry("errors", faults)?,
            Verdict::Limited { retry_after_ms } | Verdict::Unavailable { retry_after_ms } => {
                map.serialize_entry("retry_after_ms", retry_after_ms)?;
            }
        }
        map.end()
    }
}

/// How many events of a request had which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New and in the log.
    pub accepted: u32,
    /// Repeats of an accepted event of the same request.
    pub duplicates: u32,
    /// All others.
    pub rejected: u32,
}

impl Counts {
    /// Counts verdicts.
    pub fn of(verdicts: &[Verdict]) -> Self {
        let mut counts = Self::default();
        for verdict in verdicts {
            match verdict {
                Verdict::Accepted { .. } => counts.accepted += 1,
                Verdict::Duplicate { .. } => counts.duplicates += 1,
                Verdict::Invalid { .. } | Verdict::Limited { .. } | Verdict::Unavailable { .. } => {
                    counts.rejected += 1;
                }
            }
        }
        counts
    }
}

/// What the request as a whole is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// At least one event was accepted.
    Accepted,
    /// None was accepted, and at least one may work later.
    Unavailable {
        /// When to try again.
        retry_after_ms: u32,
    },
    /// None was accepted or unavailable, and at least one was over a limit.
    Limited {
        /// When to try again.
        retry_after_ms: u32,
    },
    /// All are invalid, or there is none.
    Invalid,
}

impl Outcome {
    /// The outcome that follows from the verdicts.
    pub fn of(verdicts: &[Verdict]) -> Self {
        let is_accepted =
            |verdict: &Verdict| matches!(verdict, Verdict::Accepted { .. } | Verdict::Duplicate { .. });
        if verdicts.iter().any(is_accepted) {
            return Self::Accepted;
        }
        let unavailable = verdicts.iter().filter_map(|verdict| match verdict {
            Verdict::Unavailable { retry_after_ms } => Some(*retry_after_ms),
            _ => None,
        });
        if let Some(retry_after_ms) = unavailable.max() {
            return Self::Unavailable { retry_after_ms };
        }
        let limited = verdicts.iter().filter_map(|verdict| match verdict {
            Verdict::Limited { retry_after_ms } => Some(*retry_after_ms),
            _ => None,
        });
        match limited.min() {
            Some(retry_after_ms) => Self::Limited { retry_after_ms },
            None => Self::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Millis;

    #[test]
    fn one_accepted_event_makes_the_request_accepted_and_unavailable_beats_limited() {
        let accepted = Verdict::Accepted {
            id: EventId::made(Millis::EPOCH, [0; 10]),
            made_id: true,
            warnings: vec![],
        };
        let invalid = Verdict::Invalid { faults: vec![] };
        let limited = Verdict::Limited { retry_after_ms: 5 };
        let unavailable = Verdict::Unavailable { retry_after_ms: 7 };
        let of =
            |verdicts: &[&Verdict]| Outcome::of(&verdicts.iter().map(|v| (*v).clone()).collect::<Vec<_>>());
        assert_eq!(
            of(&[&unavailable, &limited, &invalid, &accepted]),
            Outcome::Accepted
        );
        assert_eq!(
            of(&[&invalid, &limited, &unavailable]),
            Outcome::Unavailable { retry_after_ms: 7 }
        );
        assert_eq!(of(&[&invalid, &limited]), Outcome::Limited { retry_after_ms: 5 });
        assert_eq!(of(&[&invalid]), Outcome::Invalid);
        assert_eq!(of(&[]), Outcome::Invalid);
    }
}
