//! The seam between the services and a store, for the search index. To a store the index is bytes under keys; what
//! they mean, and which of them to read, is in [`domain::index`].
//!
//! - *Fresh* segments are kept by the source and the minute of arrival, for [`FRESH_LIFE_MS`].
//! - *Pages* of a unit are written once, by one writer, and never changed.
//! - The *manifest* of a (tenant, period) lists units; the *mark* of a source says what of it is in listed units.

use async_trait::async_trait;
use bytes::Bytes;
use domain::index::manifest::{Entry, Minute, Period, UnitRef};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;

use crate::port::{Error, Position};

/// How long fresh segments are kept: two days.
pub const FRESH_LIFE_MS: i64 = 2 * 24 * 60 * 60 * 1000;

/// How long it is kept where a tenant's fresh segments are: as long as an event lives, for a source whose worker is
/// down must not be forgotten.
pub const FRESH_PLACE_LIFE_MS: i64 = domain::retention::Class::LONGEST_MS;

/// A fresh segment of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// Whose it is.
    pub tenant: TenantId,
    /// The greatest origin of its events.
    pub last_origin: u64,
    /// Tells segments that end at the same origin apart: of other writers, or of other classes.
    pub nonce: u64,
    /// The encoded segment.
    pub segment: Bytes,
}

/// Where a tenant has fresh segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshPlace {
    /// In which source.
    pub source: Source,
    /// The last minute that may have one.
    pub last_minute: Minute,
}

/// A page with its key.
pub type Page = (Vec<u8>, Bytes);

/// How much of a source is in listed units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Behind the last record whose event is in one.
    pub position: Position,
    /// What is not in one arrives in this minute or after it.
    pub minute: Minute,
}

/// The search index.
///
/// Reads give what was written before they began. A write that is made again changes nothing. After an error any part
/// of a call may be written.
#[async_trait]
pub trait Index: Send + Sync {
    /// Says that these tenants may have fresh segments of a source up to a minute. A lower minute than the one that
    /// is stored changes nothing.
    async fn mark_fresh(
        &self,
        tenants: &[TenantId],
        source: Source,
        minute: Minute,
        now: Millis,
    ) -> Result<(), Error>;

    /// Where this tenant may have fresh segments, in no order.
    async fn fresh_places(&self, tenant: &TenantId) -> Result<Vec<FreshPlace>, Error>;

    /// Writes fresh segments of one minute of a source: all of them or none, as far as a store can. They are kept for
    /// [`FRESH_LIFE_MS`] from `now` on.
    async fn put_fresh(
        &self,
        source: Source,
        minute: Minute,
        segments: &[Fresh],
        now: Millis,
    ) -> Result<(), Error>;

    /// The fresh segments of a tenant in one minute of a source whose last origin is greater than `after` (all for
    /// none), in the order of the last origin.
    async fn fresh(
        &self,
        tenant: &TenantId,
        source: Source,
        minute: Minute,
        after: Option<u64>,
    ) -> Result<Vec<Fresh>, Error>;

    /// Writes pages of a unit.
    async fn put_pages(
        &self,
        unit: UnitRef,
        pages: Vec<Page>,
        keep_until: Millis,
        now: Millis,
    ) -> Result<(), Error>;

    /// The page of a unit with the greatest key that is not greater than `key`.
    async fn page(&self, unit: UnitRef, key: &[u8]) -> Result<Option<Page>, Error>;

    /// The pages of a unit with `begin <= key < end`, in the order of their keys, at most `limit`.
    async fn pages(&self, unit: UnitRef, begin: &[u8], end: &[u8], limit: usize) -> Result<Vec<Page>, Error>;

    /// The pages of a unit with these keys, in no order, without those that are not there.
    async fn pages_at(&self, unit: UnitRef, keys: &[Vec<u8>]) -> Result<Vec<Page>, Error> {
        let mut pages = Vec::with_capacity(keys.len());
        for key in keys {
            pages.extend(self.page(unit, key).await?.filter(|(found, _)| found == key));
        }
        Ok(pages)
    }

    /// Removes all pages of a unit.
    async fn remove_unit(&self, unit: UnitRef) -> Result<(), Error>;

    /// Lists a unit: an entry of the same unit with a lower last origin is replaced. One that was unlisted stays so.
    /// The manifest is that of the [period](Entry::period) of the entry.
    async fn list(&self, tenant: &TenantId, entry: &Entry, now: Millis) -> Result<(), Error>;

    /// Takes a unit out of the manifest, also where the entry is written later.
    async fn unlist(&self, tenant: &TenantId, entry: &Entry) -> Result<(), Error>;

    /// Lists a unit and takes those out of the manifest that it replaces, all of the same period: no reader finds neither.
    async fn replace(
        &self,
        tenant: &TenantId,
        entry: &Entry,
        replaced: &[Entry],
        now: Millis,
    ) -> Result<(), Error> {
        self.list(tenant, entry, now).await?;
        for entry in replaced {
            self.unlist(tenant, entry).await?;
        }
        Ok(())
    }

    /// The units of a tenant in a period, in no order. One whose events have all expired may be among them.
    async fn manifest(&self, tenant: &TenantId, period: Period) -> Result<Vec<Entry>, Error>;

    /// The mark of a source, none where nothing of it was sealed.
    async fn mark(&self, source: Source) -> Result<Option<Mark>, Error>;

    /// Stores a mark. One with a lower origin than the stored one changes nothing. It is never durable before the
    /// units that were listed before it.
    async fn advance_mark(&self, source: Source, mark: Mark) -> Result<(), Error>;
}
