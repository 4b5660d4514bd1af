//! The harness of the stories: the real program as a child process, and clients that talk to it as anyone would; and
//! that of random schedules, where workers are driven step by step.
//!
//! - [`system`]: a whole system, in one process or in many.
//! - [`distributed`]: every role as a process of its own, on real engines.
//! - [`process`]: one process of the program.
//! - [`clock`]: the present time.
//! - [`client`]: HTTP and gRPC with a key.
//! - [`sample`]: events to send.
//! - [`schedule`]: random schedules of workers over a store, in this process.
#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a story fails by panicking"
)]

pub mod client;
pub mod clock;
pub mod distributed;
pub mod process;
pub mod sample;
pub mod schedule;
pub mod system;

pub use client::Client;
pub use system::{Stack, System};
