//! The whole system in one process: every role over the embedded log and the embedded store of one directory.
//!
//! In the directory: `log/`, `store/`, `pepper.key` (without it no key works), `demo.key`, `platform.key`, and
//! `addresses.json`, which says where it listens. A second process on the directory is refused. Killed at any moment, even in its
//! first start, it goes on at the next start with everything it acknowledged.
//!
//! - [`config`]: the settings, its own and those of every role;
//! - [`first_start`]: pepper, tenant `demo` and keys, made once and mended;
//! - [`assembly`]: what is opened, in which order, and who gets it;
//! - [`welcome`]: what a newcomer is told;
//! - [`writable`]: whether log and store still take writes, for readiness.

pub(crate) mod assembly;
pub(crate) mod config;
mod first_start;
mod welcome;
mod writable;
