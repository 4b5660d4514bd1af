//! The control plane as a fold: records of the control topic -> what every service has in memory.

mod record;
mod state;

pub use record::{BadRecord, KeyRecord, MAX_NAME_BYTES, Record, Revocation, TenantRecord, TopicsRecord};
pub use state::{Caller, Denied, State};
