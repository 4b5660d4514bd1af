//! Stories over a store in a directory, through both protocols.

mod grpc;
pub(crate) mod harness;
mod http;
mod indexed;
mod run;
mod stream;
