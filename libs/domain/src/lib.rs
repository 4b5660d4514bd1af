//! The rules of Sluice as pure values: no I/O, no clock, no randomness, no async.
//!
//! What comes from outside (the time of receipt, random bits) is an argument.
//! A value that exists is valid: [`event::Event`], [`id::EventId`] and [`tenant::TenantId`] are only made
//! by parsing or by [`validate`](mod@validate).
//!
//! The way of an event: bytes -> [`split`] -> [`json`] (or protobuf, in crate `proto`) -> [`draft`] ->
//! [`validate`](mod@validate) -> [`event`] -> [`routing`] -> log -> [`enrich`] -> store -> [`filter`] -> [`json`].

pub mod attributes;
pub mod batch;
pub mod control;
pub mod cursor;
pub mod dedup;
pub mod draft;
pub mod enrich;
pub mod event;
pub mod fault;
pub mod filter;
pub mod id;
pub mod index;
pub mod json;
pub mod key;
pub mod limits;
pub mod quota;
pub mod range;
pub mod record;
pub mod retention;
pub mod rollup;
pub mod routing;
pub mod seal;
pub mod source;
pub mod split;
pub mod tenant;
pub mod text;
pub mod time;
pub mod token;
pub mod topic;
pub mod validate;
mod varint;
pub mod verdict;
