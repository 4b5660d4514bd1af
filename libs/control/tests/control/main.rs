//! The control topic in an embedded log.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod changing;
mod heartbeats;
mod importing;
mod process;
mod writing;
