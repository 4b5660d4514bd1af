//! Stories over a store in a directory, through both protocols.

mod counted;
mod grpc;
pub(crate) mod harness;
mod http;
mod indexed;
mod run;
mod stats;
mod stream;
