//! What every Sluice process stands on. It knows no domain: no event, no tenant, no log, no store.
//!
//! - [`config`]: typed settings from defaults, a file, the environment and flags, checked as a whole;
//! - [`telemetry`]: logs on stderr, metrics for Prometheus;
//! - [`clock`]: the wall clock as an argument;
//! - [`random`]: random bytes as an argument;
//! - [`lifecycle`]: named tasks under one cancellation tree, drained and then aborted;
//! - [`ops`]: `/live`, `/ready` and `/metrics`;
//! - [`listen`]: sockets whose failure to bind names the key to change.

// `section!` writes paths that start with `::chassis`, in this crate too.
extern crate self as chassis;

pub mod clock;
pub mod config;
pub mod lifecycle;
pub mod listen;
pub mod ops;
pub mod random;
pub mod telemetry;
