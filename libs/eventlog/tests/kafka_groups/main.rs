//! Members of groups on Apache Kafka: what the contract of the port can't ask of every log, because it needs brokers
//! that fail, topics that go away and processes that sleep.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod brokers;
mod churn;
mod kafka;
mod owner;
mod sleeper;
mod topics;
