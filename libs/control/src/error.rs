//! Why control records could not be read or written, and whose fault it is.

use std::time::Duration;

use domain::control::BadRecord;
use eventlog::Class;

/// Why control records could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's: there is one already.
    #[error("{entity} {id} exists already")]
    Conflict {
        /// What.
        entity: &'static str,
        /// Which.
        id: String,
    },
    /// The caller's: there is none.
    #[error("there is no {entity} {id}")]
    NotFound {
        /// What.
        entity: &'static str,
        /// Which.
        id: String,
    },
    /// The caller's: somebody changed it since the caller looked.
    #[error("{entity} {id} has version {current} and not {expected}: somebody changed it; look at it again")]
    VersionMismatch {
        /// What.
        entity: &'static str,
        /// Which.
        id: String,
        /// The version that the caller has seen; 0 for none.
        expected: u64,
        /// The one it has; 0 where there is none.
        current: u64,
    },
    /// The caller's: a value that is not allowed.
    #[error("{message}")]
    Invalid {
        /// The field, as in the published API.
        field: &'static str,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// The log did not do what it was asked. A write that failed so may be there all the same.
    #[error("control log")]
    Log(#[from] eventlog::Error),
    /// A record of the topic does not decode. Going on without it could revive a revoked key.
    #[error("control record at offset {offset}")]
    BadRecord {
        /// Where.
        offset: u64,
        /// What.
        #[source]
        source: BadRecord,
    },
    /// The topic must have one partition, so that its records have one order.
    #[error("control topic has {partitions} partitions, it must have 1")]
    Partitions {
        /// How many it has.
        partitions: u32,
    },
    /// The view is behind. A write that failed so is in the log and will be seen later.
    #[error("control view did not reach offset {offset} within {} ms", within.as_millis())]
    Behind {
        /// Where it should be.
        offset: u64,
        /// How long was waited.
        within: Duration,
    },
    /// Nobody follows the topic any more.
    #[error("control topic is not being followed")]
    NotFollowed,
}

impl Error {
    /// What the caller should do. Exhaustive on purpose: a new variant does not compile until someone classifies it.
    pub fn class(&self) -> Class {
        match self {
            Self::Conflict { .. }
            | Self::NotFound { .. }
            | Self::VersionMismatch { .. }
            | Self::Invalid { .. } => Class::Poison,
            Self::Log(error) => error.class(),
            Self::Behind { .. } => Class::Transient,
            Self::BadRecord { .. } | Self::Partitions { .. } | Self::NotFollowed => Class::Fatal,
        }
    }
}
