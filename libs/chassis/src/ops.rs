//! The ops server: whether the process lives, whether it is ready, and its metrics.
//!
//! It has a listener of its own and no authentication: the network keeps strangers out. Connections are bounded in
//! number and in time.

mod readiness;
mod routes;
mod serve;

pub use readiness::{Check, CheckReport, Readiness, Report};
pub use serve::serve;
