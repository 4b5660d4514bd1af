//! Query: search, get and delete of events, and statistics of them, over HTTP and gRPC, from the store.
//!
//! It promises:
//! - a search is exact: following its cursors to the end gives each matching event of the range once, in order,
//!   and no other. An event that arrives meanwhile is among them when it lies ahead of the cursor;
//! - a page is bounded in events, in bytes and in work. One that ends because of the work says so and goes on
//!   from there;
//! - no answer lets a tenant see that another's data exists: the tenant is that of the key, and cursors and
//!   tokens open for the tenant they were made for;
//! - a deleted event is never returned again;
//! - statistics are sums of what was counted, each row once; what can't be told is said, and never guessed.
//!
//! - [`config`]: settings. [`Service`]: what both protocols call.
//! - `search`: one page; in it `plan`, what a request asks for, `snapshot`, what of the index there is for it, `streams`
//!   over `unit` and `fresh`, the candidates in order, and `walk`, how their events are read and tested.
//! - `get`, `delete`: one event by its id.
//! - `stats`: counts over time and the greatest groups, from rows of rollups.
//! - `visible`: waiting for a write; `admission`: how many may read and wait at once; `budget`: how much a tenant
//!   may read over time.
//! - [`run`](run()): query as a process of its own.
//! - `http`, `grpc`: the two protocols; [`openapi`](openapi()): the description of the first.

mod admission;
mod budget;
pub mod config;
mod delete;
mod fault;
mod get;
mod grpc;
mod http;
pub mod metric_definitions;
mod openapi;
mod run;
mod search;
mod service;
mod stats;
mod visible;

pub use config::Config;
pub use grpc::Grpc;
pub use openapi::openapi;
pub use run::{Error, Listeners, run};
pub use service::{Deps, Service};

#[cfg(test)]
mod tests;
