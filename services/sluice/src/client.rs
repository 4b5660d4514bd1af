//! How the command line talks to a running system.
//!
//! - [`http`]: one request, one answer, for all but sending;
//! - [`grpc`]: the stream that events are sent over.

pub(crate) mod grpc;
pub(crate) mod http;
