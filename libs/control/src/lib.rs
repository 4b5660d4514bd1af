//! The control topic in memory: tenants and keys as every service sees them, and the one way to change them.
//!
//! - [`Follower`] reads the topic and folds it with [`domain::control`].
//! - [`View`] is the fold so far; looking at it takes no lock and waits for nothing.
//! - [`Writer`] checks, appends, and answers when the view has the change.
//!
//! One process at a time may write. It does not tell how fresh a view is.

mod error;
mod follower;
mod request;
mod view;
mod writer;

pub use error::Error;
pub use eventlog::Class;
pub use follower::Follower;
pub use request::NewKey;
pub use view::View;
pub use writer::{SEEN_WITHIN, Writer};
