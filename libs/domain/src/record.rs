//! What the records of the accepted and the enriched topics mean.

use crate::enrich::Context;
use crate::event::Event;
use crate::retention;
use crate::tenant::TenantId;
use crate::time::Millis;

/// An event that was acknowledged to its producer.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// Whose it is.
    pub tenant: TenantId,
    /// When the gateway had read it.
    pub received_at: Millis,
    /// The event.
    pub event: Event,
}

/// An accepted event with what was found out about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Enriched {
    /// Whose it is.
    pub tenant: TenantId,
    /// When the gateway had read it.
    pub received_at: Millis,
    /// The event.
    pub event: Event,
    /// What enrichment found out.
    pub context: Context,
    /// How long it is kept.
    pub class: retention::Class,
    /// When it is gone from the store.
    pub expires_at: Millis,
    /// 0 at first, one more each time it is processed again; at most [`Enriched::MAX_REVISION`].
    pub revision: u16,
}

impl Enriched {
    /// The last revision: the stamp of a deletion has to be greater than that of any row.
    pub const MAX_REVISION: u16 = 998;
}
