//! The store on a real Cassandra: the contract of the port, and what only this adapter promises.

mod apart;
mod conformance;
mod faults;
mod index;
mod keyspace;
mod migrations;
mod opening;
mod rollups;
mod rows;
