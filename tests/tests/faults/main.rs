//! Faults on the real stack: processes killed, engines stopped, topics made anew, disks full. Each compares all
//! acknowledged ids with all stored ones: none is lost, none is stored twice, none is invented.
//!
//! - `ground`: engines of the test's own, the roles on them;
//! - `load`: producers that note what was acknowledged to them;
//! - `audit`: what log, store and search have, compared with that;
//! - `short`: a few of each, in every run of the tests; `long`: the whole, by `make faults`.
#![expect(clippy::unwrap_used, reason = "a story fails by panicking")]
#![expect(
    clippy::print_stdout,
    reason = "how much a fault was tried on belongs into the report"
)]

mod audit;
mod ground;
mod load;
mod long;
mod outage;
mod short;
