//! The store port: events by tenant and id, deletions, the search index, statistics, and how far each source is
//! stored.
//!
//! - [`port`]: [`Events`] and [`Progress`], implemented by the adapters.
//! - [`mod@index`]: [`Index`], likewise: the search index.
//! - [`rollups`]: [`Rollups`], likewise: statistics.
//! - [`stamp`]: the computed stamps that make last write win without a clock.
//! - [`embedded`]: the adapter that keeps its rows in a directory of this machine.
//! - [`cql`]: the adapter that keeps them in ScyllaDB or Cassandra.
//! - `conformance` (feature of that name): the contract of the port as tests that every adapter runs.
//! - [`metric_definitions`]: the metrics of this crate.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod cql;
pub mod embedded;
pub mod index;
pub mod metric_definitions;
pub mod port;
pub mod rollups;
pub mod stamp;

pub use index::Index;
pub use port::{
    COUNTED_MINUTES, COUNTING_SERVICE, Class, Clock, Error, Events, Position, Progress, STORING_SERVICE, Scan,
};
pub use rollups::Rollups;
