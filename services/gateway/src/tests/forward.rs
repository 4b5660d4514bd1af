//! Reads passed on over real sockets, to a query that does what a test wants.

mod grpc;
mod http;
mod query;
mod watch;
