//! Why analytics stops.

use domain::rollup::Corrupt;
use domain::rollup::Window;
use domain::tenant::TenantId;
use eventlog::runner::{self, Failure};
use store::Class;

/// Why [`run`](crate::run) ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The partition can't be read, or not further.
    #[error(transparent)]
    Enriched(#[from] enriched::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A stored row is not what was written.
    #[error(
        "the {rollup} of {tenant} in the {grain} that begins at {begin} can't be read: {reason}; a newer build has \
         written them, or the store is damaged",
        grain = window.grain.as_str(), begin = window.begin()
    )]
    Row {
        /// Whose it is.
        tenant: TenantId,
        /// Of which window.
        window: Window,
        /// Which statistics.
        rollup: &'static str,
        /// Why.
        reason: Corrupt,
    },
    /// A partition failed for good.
    #[error(transparent)]
    Runner(#[from] runner::Error),
}

impl Error {
    /// What the runner is told. Exhaustive on purpose.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Enriched(error) => error.into_failure(),
            Self::Store(error) if error.class() == Class::Transient => Failure::transient(error),
            Self::Store(_) | Self::Row { .. } | Self::Runner(_) => Failure::fatal(self),
        }
    }
}
