//! Why retention stops.

use domain::index::Corrupt;
use eventlog::runner::{self, Failure};
use eventlog::{Class as LogClass, TopicPartition};
use store::Class as StoreClass;

/// Why [`run`](crate::run) ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log has removed records before they were sealed.
    #[error(
        "{partition} begins at {start}, but the search index has its events only up to {next}: the log has removed \
         what is in between, so the index of these events can't be made from it; start once with \
         retention.index.skip_unsealed = true, then make the hours of these events anew with `sluice index rebuild`"
    )]
    UnsealedRemoved {
        /// The enriched partition.
        partition: TopicPartition,
        /// Its begin.
        start: u64,
        /// Where the index goes on.
        next: u64,
    },
    /// The partition can't be read, or not further.
    #[error(transparent)]
    Enriched(#[from] enriched::Error),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] eventlog::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Part of the index is not what was written.
    #[error(transparent)]
    Index(#[from] Corrupt),
    /// A partition failed for good.
    #[error(transparent)]
    Runner(#[from] runner::Error),
}

impl Error {
    /// What the runner is told. Exhaustive on purpose.
    pub(crate) fn into_failure(self) -> Failure {
        let is_transient = match self {
            Self::Enriched(error) => return error.into_failure(),
            Self::Log(ref error) => error.class() == LogClass::Transient,
            Self::Store(ref error) => error.class() == StoreClass::Transient,
            Self::UnsealedRemoved { .. } | Self::Index(_) | Self::Runner(_) => false,
        };
        if is_transient {
            Failure::transient(self)
        } else {
            Failure::fatal(self)
        }
    }
}
