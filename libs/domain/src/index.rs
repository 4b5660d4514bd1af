//! The search index: which events have which terms, as blobs that a store only has to keep.
//!
//! An event yields [terms](term). What one flush of a partition's worker has stored becomes one [`segment`] for each
//! tenant, sorted by id, with a dictionary of terms and their [postings](posting): positions in the order of ids. The
//! segments of a few minutes are [merged](merge) into a [`mod@unit`]: the same, cut into [pages](page) that are read one by
//! one. Units are merged again as hours, days and weeks close ([`tiers`]), so that a long range is a few units. A
//! [`manifest`] lists the units of a tenant.
//!
//! The index answers which events **may** match: [`prune`] is what a filter asks of it. No event that matches is ever
//! missing from the answer; some may be there that do not match, or that are deleted or expired, so every candidate is
//! read and tested.
//!
//! Every format begins with a version. Any bytes decode, or are [`Corrupt`].

pub mod candidates;
pub mod ids;
pub mod manifest;
pub mod merge;
pub mod page;
pub mod posting;
pub mod prune;
pub mod segment;
pub mod term;
pub mod tiers;
pub mod unit;

/// Bytes of the index that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} of the index does not decode")]
pub struct Corrupt {
    /// Which part.
    pub what: &'static str,
}

impl Corrupt {
    pub(crate) const fn new(what: &'static str) -> Self {
        Self { what }
    }
}
