//! Reading the enriched topic into a store: each origin once, from where a service stands.
//!
//! It promises, for a service that keeps its [`Position`](store::Position) behind what it has written:
//! - a partition that is not the one that was read is refused, and so is one that lacks what was not read
//!   ([`check`]);
//! - a record whose origin is not greater than the greatest that was applied is told apart, and a record that comes
//!   before the one of the origin before its own is an error ([`Reached`]);
//! - what is no fate is an error that names the record ([`fate`]).
//!
//! It keeps nothing and writes nothing: what is to be done with an event is the service's.

pub mod check;
mod error;
pub mod fate;
mod reached;

pub use error::{BadFate, Error};
pub use reached::{Place, Reached};
