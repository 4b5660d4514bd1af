//! Stories over the real program: what a person does with Sluice, and what must hold when things go wrong.
#![expect(clippy::unwrap_used, reason = "a story fails by panicking")]

mod bad_input;
mod crash;
mod protocols;
mod secured;
mod statistics;
mod stock_clients;
mod tenants;
