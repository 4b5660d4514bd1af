//! Search against the naive filter over the list of all events, whatever happened to them on the way: fresh, sealed,
//! merged, made anew, replayed, reprocessed, late, expired, deleted, and written by workers that crash, fail, are paused
//! and wake up late.
//!
//! The workers are those of retention and the questions go through the API of query; in between are a log in memory and
//! a store whose calls come to what the case says.
//!
//! - `case`: what happens, and what must hold meanwhile; `steps`: the things that can; `world`: where they do.
//! - `spec`, `values`: events; `filters`: what is asked for; `naive`: what must be answered; `reader`: the asking.
//! - `flaky`: a store with troubles, of which `writes` may come late; `embedded`, `cql`: on which store.
//! - `stories`: cases step by step; `large`: more events than any case has.
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

mod case;
mod cql;
mod embedded;
mod filters;
mod flaky;
mod large;
mod naive;
mod reader;
mod spec;
mod steps;
mod stories;
mod values;
mod world;
mod writes;
