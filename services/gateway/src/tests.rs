//! The gateway as its callers see it: whole requests over a real log, with faults injected at the port of the log.

mod admin;
mod bodies;
mod events;
mod faults;
mod forward;
mod harness;
mod limits;
mod pages;
mod stream;
mod unary;
