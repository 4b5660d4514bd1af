//! The log port: ordered, durable partitions of opaque records, and the runner that drives
//! a service over them.
//!
//! - [`record`]: what is appended and what is read.
//! - [`port`]: [`Log`], [`Fenced`] and [`Consumer`], implemented by the adapters.
//! - [`ledger`]: pure accounting of how far a partition is done.
//! - [`runner`]: one task per assigned partition over a [`runner::Processor`].
//! - [`embedded`]: the adapter that keeps its partitions in a directory of this machine.
//! - [`kafka`]: the adapter for Apache Kafka.
//! - `conformance` (feature of that name): the contract of the port as tests that every adapter runs.
//! - [`metric_definitions`]: the metrics of this crate.
//!
//! This crate carries bytes. It knows nothing of events, tenants or stores.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod embedded;
mod in_flight;
pub mod kafka;
pub mod ledger;
pub mod metric_definitions;
pub mod port;
pub mod record;
pub mod runner;

pub use port::{Appended, Bounds, Class, Consumer, Error, Fenced, Log, Notice, Read, Sequence};
pub use record::{Headers, NewRecord, Record, TopicPartition};
