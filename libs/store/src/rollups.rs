//! The seam between the services and a store, for statistics. To a store a rollup is bytes under a key, with a stamp;
//! what they mean, and that the stamp of a later state is greater, is in [`domain::rollup`].

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use domain::rollup::{Grain, Rollup, Window};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;

use crate::port::Error;

/// What one rollup is kept under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RollupKey {
    /// Whose it is.
    pub tenant: TenantId,
    /// Of which events: those of these times.
    pub window: Window,
    /// What is counted of them.
    pub rollup: Rollup,
    /// From where: each source has a row of its own, and one writer.
    pub source: Source,
}

/// A rollup with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupRow {
    /// What it is kept under.
    pub key: RollupKey,
    /// The greater one wins. Rows of one key with the same stamp are the same row. In microseconds since 1970, about
    /// when the last event of it was appended: an engine that keeps rows by windows of time takes it for the time.
    pub stamp: i64,
    /// The encoded state.
    pub state: Bytes,
}

/// Statistics.
///
/// Reads give what was written before they began; rows that have expired may be among it or not. A row is written and
/// read whole; rows are not written or read together.
#[async_trait]
pub trait Rollups: Send + Sync {
    /// Writes rows in any order. A row with a lower stamp than the stored one changes nothing. A row whose window
    /// [expires](Window::expires_at) at `now` or before is not written.
    ///
    /// After an error any part of the rows may be written; the caller writes all again.
    async fn put_rollups(&self, rows: &[RollupRow], now: Millis) -> Result<(), Error>;

    /// What a source has of a window of a tenant: each rollup that there is, in no order. A row that the store can't
    /// read in time is an error, never absent.
    async fn rollups_of(
        &self,
        tenant: &TenantId,
        window: Window,
        source: Source,
    ) -> Result<Vec<(Rollup, Bytes)>, Error>;

    /// The rows of one rollup of a tenant in the windows `numbers` of one grain, of all sources, in the order of the
    /// windows. The caller bounds the range: the work grows with it, whether there are rows or not, and all rows are
    /// in memory at once.
    async fn rollups_in(
        &self,
        tenant: &TenantId,
        rollup: Rollup,
        grain: Grain,
        numbers: Range<i64>,
    ) -> Result<Vec<(Window, Source, Bytes)>, Error>;
}
