//! Random schedules of what a system does, over the real code of its services: processes that crash, fail, are paused
//! and wake up late, driven step by step, and the least schedule that breaks a promise.
//!
//! - [`actor`]: a worker of a partition, driven by hand in the place of the runner.
//! - [`trouble`]: what the calls of a process to its store come to; [`flaky`]: such calls.
//! - [`fates`]: the enriched topic, in memory.
//! - [`runner`]: many cases at once.
//!
//! What can happen in a case, and what must hold meanwhile, is told by the tests that have cases.

pub mod actor;
pub mod fates;
pub mod flaky;
pub mod runner;
pub mod trouble;

pub use actor::{Actor, Flow};
pub use fates::Fates;
pub use flaky::{Flaky, Late, Write};
pub use trouble::{Control, Plan, Trouble};
