//! Statistics against a plain count of the events, whatever happened to those who count: workers that crash, fail, are
//! paused and wake up late, of which two have the same source, whose windows find no room in memory, and whose
//! enricher has a successor that it does not know of.
//!
//! The workers are those of analytics; in between are a log in memory and a store whose calls come to what the case
//! says. After each step a row is what its source has up to some origin, byte for byte, and a position is never ahead of
//! the rows; in the end the rows of all sources sum up to what a count by hand over all events says.
//!
//! - `case`: what happens, and what must hold meanwhile; `steps`: the things that can; `world`: where they do.
//! - `spec`: events; `history`: what a row may be; `naive`: what the sum must be.
//! - `ground`, `flaky`: a store, and one with troubles; `embedded`, `cql`: which.
//! - `stories`: cases step by step.
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

mod case;
mod cql;
mod embedded;
mod flaky;
mod ground;
mod history;
mod naive;
mod spec;
mod steps;
mod stories;
mod world;
