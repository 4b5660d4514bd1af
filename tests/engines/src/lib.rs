//! Real Kafka, Cassandra and Redis as child processes, for tests and for a developer's shell.
//!
//! Most tests share three engines that the program of this crate starts once for a whole run
//! ([`kafka`], [`cql`], [`redis`]) and keep apart by [`unique`] names. A test that breaks its engine
//! starts one of its own ([`Kafka`], [`Cassandra`], [`Redis`]): on free ports of the loopback, in a
//! temporary directory, ended when it is dropped, or when the test itself is killed.
//!
//! Nothing here needs Docker. Kafka and Cassandra are jars that Maven fetches once into a cache outside of
//! the checkout; Redis is what the machine has. Everything panics with the tail of the engine's log when it
//! does not come up: a test has nothing better to do then.
//!
//! What it does not do: clusters of more than one node, and engines on other machines.

mod cassandra;
pub mod certificates;
mod folder;
mod jars;
mod java;
mod kafka;
mod ports;
mod probe;
mod process;
mod redis;
mod shared;
mod spawner;
mod trio;

pub use crate::cassandra::{Cassandra, CassandraOptions};
pub use crate::jars::fetch;
pub use crate::java::Tuning;
pub use crate::kafka::{Kafka, KafkaOptions, Listener, Mechanism, User};
pub use crate::redis::{Redis, RedisOptions};
pub use crate::shared::{CQL, KAFKA, REDIS, cql, kafka, redis, unique};
pub use crate::trio::{Ports, Trio};
