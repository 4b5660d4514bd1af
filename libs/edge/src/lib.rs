//! What every service shows to the outside: who may call, what errors look like, how bodies are read and
//! connections held and made. It knows no event and no route.
//!
//! - [`error`]: the one table of errors, as HTTP problems and as gRPC statuses.
//! - [`access`]: from the headers of a request to its [`Caller`](domain::control::Caller).
//! - [`body`]: the body of a request, decompressed, under a cap, with a bound over all requests.
//! - [`request_id`]: one id for each request, in every answer, error and log line.
//! - [`layers`](mod@layers): request id, log line, metrics and caught panics around a router.
//! - [`serve`]: listeners whose connections are bounded in number, in time and in memory.
//! - [`dial`]: connections to another service.
//! - [`tls`]: encryption of both.
//! - [`health`]: whether requests are welcome; [`reflection`]: the published schema over gRPC.
//! - [`metric_definitions`]: the metrics of this crate.

pub mod access;
pub mod body;
pub mod dial;
pub mod error;
pub mod health;
pub mod layers;
pub mod metric_definitions;
mod protocol;
pub mod reflection;
pub mod request_id;
pub mod serve;
pub mod tls;

pub use access::{Access, require, tenant_of};
pub use body::{BodyLimits, BodyReader, ReadBody};
pub use error::{ApiError, ErrorCode, Violation};
pub use layers::layers;
pub use request_id::RequestId;
pub use serve::{Listener, Server, ServerLimits, serve_grpc, serve_http};
pub use tls::{Tls, TlsConfig};
