//! The harness of the stories: the real program as a child process, and clients that talk to it as anyone would.
//!
//! - [`system`]: one `sluice standalone` with a directory of its own.
//! - [`client`]: HTTP and gRPC with a key.
//! - [`sample`]: events to send.
#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a story fails by panicking"
)]

pub mod client;
pub mod sample;
pub mod system;

pub use client::Client;
pub use system::System;
