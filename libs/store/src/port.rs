//! The seam between the services and a store. Narrow on purpose: planning, merging, cursors and policies are
//! written once, above it.

use std::sync::Arc;

use async_trait::async_trait;
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::record::Enriched;
use domain::retention;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;

/// The wall clock, for what a call has no time to go by.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// Rows of events.
#[async_trait]
pub trait Events: Send + Sync {
    /// Writes rows, in any order and of any tenants. Writing a row again changes nothing. A row whose
    /// expiry is not after `now` is not written.
    ///
    /// After an error any part of the rows may be written; the caller writes all again.
    async fn put(&self, rows: &[Enriched], now: Millis) -> Result<(), Error>;

    /// Reads the events of these ids that can be seen at `now`: stored, not expired, not deleted.
    /// In the order of `ids`, without those that can't. Every read of events goes through here.
    ///
    /// Only these retention classes are looked at; an event whose last revision is of another is found or not.
    async fn fetch_in(
        &self,
        tenant: &TenantId,
        ids: &[EventId],
        classes: &[retention::Class],
        now: Millis,
    ) -> Result<Vec<Enriched>, Error>;

    /// As [`Events::fetch_in`], of all classes.
    async fn fetch(&self, tenant: &TenantId, ids: &[EventId], now: Millis) -> Result<Vec<Enriched>, Error> {
        self.fetch_in(tenant, ids, &retention::Class::ALL, now).await
    }

    /// Reads ids of stored rows in a range, in the order asked for: at most `limit`, and perhaps less with
    /// [`Scan::next`] set. Ids of deleted or expired events may be among them.
    async fn ids(&self, tenant: &TenantId, range: IdRange, order: Order, limit: usize)
    -> Result<Scan, Error>;

    /// Deletes an event, whether it is stored already or not: no [`Events::fetch`] returns it again, also when
    /// its row is written later. The marker is durable when this answers and is kept until `keep_until`.
    async fn delete(&self, tenant: &TenantId, id: EventId, keep_until: Millis) -> Result<(), Error>;
}

/// Part of the ids of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Ids in the order asked for.
    pub ids: Vec<EventId>,
    /// The range that is left, none when it is read to its end.
    pub next: Option<IdRange>,
}

/// The service that stores events: its progress says what can be read.
pub const STORING_SERVICE: &str = "retention";

/// The service that counts events: its progress says up to where every row of statistics is written.
pub const COUNTING_SERVICE: &str = "analytics";

/// A progress of its own for the rows of minutes, which are written more often: it says what can be read.
pub const COUNTED_MINUTES: &str = "analytics.minutes";

/// How far each service has come in each source.
#[async_trait]
pub trait Progress: Send + Sync {
    /// The stored position, none where the service has never stored one for this source.
    async fn position(&self, service: &str, source: Source) -> Result<Option<Position>, Error>;

    /// Stores a position. One with a lower origin than the stored one changes nothing.
    ///
    /// It is never durable before the rows that were put before it.
    async fn advance(&self, service: &str, source: Source, position: Position) -> Result<(), Error>;
}

/// How far a service has come in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Offset in the enriched partition that comes next.
    pub next_offset: u64,
    /// Greatest accepted offset that was applied.
    pub origin: u64,
    /// Append time of the record before `next_offset`, in milliseconds since the Unix epoch.
    pub appended_at_ms: i64,
    /// XXH3 of the value of that record: tells a partition that was made anew from the one that was read.
    pub checksum: u64,
}

/// What the caller should do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same call may work later: back off and try again.
    Transient,
    /// This input can never work.
    Poison,
    /// This process can never work: stop it.
    Fatal,
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store can't answer now. Never to be taken for "not found".
    #[error("store is unavailable: {reason}")]
    Unavailable {
        /// What the store said.
        reason: String,
    },
    /// A row is larger than the store takes.
    #[error("row of event {id} has {bytes} bytes, the store takes at most {max_bytes}")]
    RowTooLarge {
        /// The event.
        id: EventId,
        /// Bytes of the row.
        bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// What is stored does not decode.
    #[error("stored {what} does not decode")]
    Corrupt {
        /// Which row.
        what: String,
    },
    /// The directory was written by another version.
    #[error("store has schema version {found}, this build needs {needed}")]
    SchemaMismatch {
        /// In the store.
        found: u32,
        /// In this build.
        needed: u32,
    },
    /// The store was shut down.
    #[error("store is closed")]
    Closed,
}

impl Error {
    /// Exhaustive on purpose: a new variant does not compile until someone classifies it.
    pub fn class(&self) -> Class {
        match self {
            Self::Unavailable { .. } => Class::Transient,
            Self::RowTooLarge { .. } => Class::Poison,
            Self::Corrupt { .. } | Self::SchemaMismatch { .. } | Self::Closed => Class::Fatal,
        }
    }
}
