//! Whether requests are welcome, as callers without a key may know it: over HTTP and by the health service of gRPC.
//!
//! Both say what [`Readiness`](chassis::ops::Readiness) says, and name no reason.

pub mod grpc;
pub mod http;
