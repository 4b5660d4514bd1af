//! The control plane as a fold: records of the control topic -> what every service has in memory.
//!
//! - [`Record`]: one per entity, so that writers of different things never overwrite each other.
//! - [`State`]: the fold; [`Caller`]: who presents a key.
//! - [`Processes`]: who else is there, from heartbeats.
//! - [`Audit`]: who changed what, in a topic of its own.

mod audit;
mod caller;
mod key;
mod limits;
mod processes;
mod record;
mod service;
mod shards;
mod spread;
mod state;
mod tenant;

pub use audit::{Actor, Audit};
pub use caller::{Caller, Denied};
pub use key::{KeyRecord, Revocation};
pub use limits::{LimitsRecord, Rates, SizeLimits};
pub use processes::{Heartbeat, LIVE_WITHIN_MS, Processes};
pub use record::{BadRecord, Entity, Record, TopicsRecord};
pub use service::{MAX_SERVICES, ServiceRecord, Slo};
pub use spread::{ANNOUNCE_MS, SpreadRecord, SpreadStep};
pub use state::State;
pub use tenant::TenantRecord;

/// Longest name of a tenant, a key or a service, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// What is wrong with a value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The field.
    pub field: &'static str,
    /// What is wrong, what is allowed, and what to do.
    pub message: String,
}
