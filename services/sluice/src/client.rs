//! How the command line talks to a running system.
//!
//! - [`http`]: one request, one answer, for all but sending;
//! - [`grpc`]: the stream that events are sent over;
//! - [`trouble`]: why there is no connection, and what to do.

pub(crate) mod grpc;
pub(crate) mod http;
mod trouble;

#[cfg(test)]
mod tests;

use std::time::Duration;

use anyhow::Context;
use edge::dial::{Dial, Origin, Protocol};
use edge::tls::Trust;

use crate::cli::Connection;

const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Connections to an address of the system.
fn dial(connection: &Connection, origin: &Origin, protocol: Protocol) -> anyhow::Result<Dial> {
    let trust = Trust {
        ca: connection.ca.clone(),
        identity: None,
    };
    Dial::new(origin.clone(), protocol, &trust, CONNECT_PATIENCE)
        .context("preparing encrypted connections (--ca)")
}
