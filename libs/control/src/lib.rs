//! The control topic in memory: tenants, keys and limits as every service sees them, and the one way to change them.
//!
//! - [`Follower`] reads the topic and folds it with [`domain::control`].
//! - [`View`] is the fold so far; looking at it takes no lock and waits for nothing. It knows how old it is.
//! - [`Heart`] writes a sign of life from time to time. Reading it back tells how old the view is, and those of others
//!   tell how many there are.
//! - [`Writer`] fences other writers, checks, appends, and answers when the view has the change.
//! - [`trail`]: reading who changed what.

mod by;
mod error;
mod follower;
mod freshness;
mod heart;
mod request;
pub mod trail;
mod view;
mod writer;

pub use by::By;
pub use error::Error;
pub use eventlog::Class;
pub use follower::Follower;
pub use freshness::{STALE_AFTER, Stale};
pub use heart::{BEAT_EVERY, Heart};
pub use request::{KeyChange, LimitsChange, NewKey, ServiceChange};
pub use view::View;
pub use writer::import::Imported;
pub use writer::{SEEN_WITHIN, Writer};
