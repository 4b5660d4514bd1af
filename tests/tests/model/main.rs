//! The way of an event from accepted to store, step by step: the test decides what every append, every write and
//! every commit comes to, who crashes, and who wakes up late. Nothing here depends on luck or on time.
//!
//! The workers are those of the services and the engines are the embedded ones; in between are wrappers that ask the
//! test.
//!
//! - `questions`: what a worker has asked and nobody has decided; `wire`: appends; `desk`: writes of the store.
//! - `topics`: the two topics, which can be made anew; `actor`: a worker that is driven by hand; `event`: events.
//! - `world`: all of them, and what must hold in the end; `index`: the search index as a reader finds it; `repeats`:
//!   which events are repeated, by the rule.
//! - `interleavings`, `recreated`, `resent`: stories that broke earlier drafts; `schedules`: any others.
#![expect(clippy::unwrap_used, reason = "a model fails by panicking")]

mod actor;
mod desk;
mod event;
mod index;
mod interleavings;
mod questions;
mod recreated;
mod repeats;
mod resent;
mod schedules;
mod topics;
mod wire;
mod world;
