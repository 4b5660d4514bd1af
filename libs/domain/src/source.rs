//! Where a record of an event stands in the log, independent of the log's kind.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which of the parallel ways through the system an event takes: a function of the event alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// The way of all events.
    Standard,
}

impl Lane {
    /// The name in topics, metrics and stored keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
        }
    }

    /// The number in stored bytes.
    pub const fn number(self) -> u8 {
        match self {
            Self::Standard => 0,
        }
    }

    /// The lane of this number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Standard),
            _ => None,
        }
    }
}

/// Generation of topics that were made once and never anew.
pub const FIRST_GENERATION: u32 = 1;

/// One partition of accepted events, and of the enriched ones that come from it, in one life of the topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source {
    /// The lane.
    pub lane: Lane,
    /// Raised when topics are made anew, so that offsets never mean two things.
    pub generation: u32,
    /// The partition.
    pub partition: u32,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.lane.as_str(), self.generation, self.partition)
    }
}
