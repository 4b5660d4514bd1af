//! The roles, each a process of its own over Kafka, a CQL store and Redis.
//!
//! A role binds its sockets, answers `/live` and `/ready`, waits for its engines, and then does its work until it is
//! asked to stop. An engine that does not answer is waited for; one that is not as it must be ends the process with
//! an error that says what to do. The orchestrator starts it again.
//!
//! - [`config`]: the settings of all roles, which one file may hold;
//! - [`engines`]: Kafka and the store, waited for and checked; [`topics`]: what Kafka must have;
//! - [`operator`]: what commands do to the engines;
//! - [`process`]: what every role does at its start; [`sockets`]: where it listens, and how others get to know;
//! - [`starting`]: what callers are told until a role can serve them;
//! - [`probe`]: asking an engine from time to time, for readiness; [`redis`]: Redis, which is only asked so far;
//! - [`gateway`], [`enrichment`], [`analytics`], [`retention`], [`query`]: each role.

mod analytics;
pub(crate) mod config;
pub(crate) mod engines;
mod enrichment;
mod gateway;
pub(crate) mod operator;
mod probe;
pub(crate) mod process;
mod query;
mod redis;
mod retention;
mod sockets;
mod starting;
pub(crate) mod topics;

use std::fmt;

use clap::ValueEnum;

/// What a process can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Takes events in and passes reads on
    Gateway,
    /// Gives each event its context
    Enrichment,
    /// Counts events
    Analytics,
    /// Stores events
    Retention,
    /// Finds events
    Query,
}

impl Role {
    /// Its name in every place.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Enrichment => "enrichment",
            Self::Analytics => "analytics",
            Self::Retention => "retention",
            Self::Query => "query",
        }
    }

    /// Whether it is called by the holders of keys.
    pub(crate) const fn checks_keys(self) -> bool {
        matches!(self, Self::Gateway | Self::Query)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
