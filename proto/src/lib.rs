//! The published contract in Rust: generated code of `sluice/v1/*.proto`, and its conversion from and to the
//! domain.
//!
//! - [`codec`]: protobuf over gRPC, with a bound on the fields of a message.
//! - [`v1`]: the generated messages, clients and servers.
//! - [`read`]: an event as a producer sent it -> [`Draft`](domain::draft::Draft).
//! - [`record`]: records of the topics, both ways.
//! - [`verdict`]: verdicts and faults as messages.
//!
//! Requests have their events as bytes, not as messages: see `build.rs`.

pub mod codec;
mod from_domain;
mod into_domain;
pub mod read;
pub mod record;
pub mod verdict;

/// Generated from `sluice/v1/*.proto`, where everything is documented.
#[expect(
    missing_docs,
    clippy::pedantic,
    clippy::allow_attributes,
    unused_qualifications,
    reason = "generated code"
)]
pub mod v1 {
    tonic::include_proto!("sluice.v1");
}

/// The published schema as an encoded `FileDescriptorSet`, for reflection.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sluice_descriptor.bin"));
