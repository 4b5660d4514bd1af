//! Records of the accepted and the enriched topics, and events as the query service returns them.

use bytes::Bytes;
use domain::dedup;
use domain::event::Event;
use domain::id::EventId;
use domain::record::{Accepted, Enriched};
use domain::retention::Class;
use domain::tenant::TenantId;
use prost::Message;

use crate::{from_domain, into_domain, v1};

/// A record that no version of ours wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// The bytes are no such message.
    #[error("record does not decode: {0}")]
    Undecodable(#[from] prost::DecodeError),
    /// A part that we always write is absent or not what we write.
    #[error("record has no valid {what}")]
    Missing {
        /// The part.
        what: &'static str,
    },
}

/// Value of a record in an accepted topic.
pub fn encode_accepted(accepted: Accepted) -> Bytes {
    let message = v1::AcceptedEvent {
        tenant: accepted.tenant.to_string(),
        received_at: Some(from_domain::time(accepted.received_at)),
        event: Some(from_domain::event(accepted.event)),
    };
    message.encode_to_vec().into()
}

/// Reads the value of a record in an accepted topic.
pub fn decode_accepted(value: Bytes) -> Result<Accepted, BadRecord> {
    let message = v1::AcceptedEvent::decode(value)?;
    Ok(Accepted {
        tenant: tenant(&message.tenant)?,
        received_at: into_domain::time("received_at", message.received_at)?,
        event: into_domain::event(message.event.ok_or(BadRecord::Missing { what: "event" })?)?,
    })
}

/// What makes two accepted events the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    tenant: TenantId,
    id: EventId,
    external_id: Option<String>,
}

impl Identity {
    /// It, to be compared with others.
    pub fn get(&self) -> dedup::Identity<'_> {
        dedup::Identity {
            tenant: &self.tenant,
            id: self.id,
            external_id: self.external_id.as_deref(),
        }
    }
}

/// Reads only the identity in the value of a record in an accepted topic: a few times faster than all of it, and
/// possible where the rest is of a version that this one can't read.
pub fn decode_identity(value: Bytes) -> Result<Identity, BadRecord> {
    let message = Identified::decode(value)?;
    let event = message.event.ok_or(BadRecord::Missing { what: "event" })?;
    Ok(Identity {
        tenant: tenant(&message.tenant)?,
        id: EventId::parse(&event.id).map_err(|_| BadRecord::Missing { what: "id" })?,
        external_id: Some(event.external_id).filter(|text| !text.is_empty()),
    })
}

/// `sluice.v1.AcceptedEvent` without what is not read.
#[derive(Clone, PartialEq, Message)]
struct Identified {
    #[prost(string, tag = "1")]
    tenant: String,
    #[prost(message, optional, tag = "3")]
    event: Option<IdentifiedEvent>,
}

/// `sluice.v1.Event` without what is not read.
#[derive(Clone, PartialEq, Message)]
struct IdentifiedEvent {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "11")]
    external_id: String,
}

/// Value of a record in an enriched topic, and of a row of the store.
pub fn encode_enriched(enriched: Enriched) -> Bytes {
    enriched_message(enriched).encode_to_vec().into()
}

/// Reads the value of a record in an enriched topic, or of a row of the store.
pub fn decode_enriched(value: Bytes) -> Result<Enriched, BadRecord> {
    enriched(v1::EnrichedEvent::decode(value)?)
}

/// An enriched event as a message.
pub fn enriched_message(enriched: Enriched) -> v1::EnrichedEvent {
    v1::EnrichedEvent {
        tenant: enriched.tenant.to_string(),
        received_at: Some(from_domain::time(enriched.received_at)),
        event: Some(from_domain::event(enriched.event)),
        context: Some(from_domain::context(enriched.context)),
        retention_class: from_domain::class(enriched.class).into(),
        expires_at: Some(from_domain::time(enriched.expires_at)),
        revision: enriched.revision.into(),
    }
}

/// An enriched event from its message.
pub fn enriched(message: v1::EnrichedEvent) -> Result<Enriched, BadRecord> {
    let revision = u16::try_from(message.revision).map_err(|_| BadRecord::Missing { what: "revision" })?;
    Ok(Enriched {
        tenant: tenant(&message.tenant)?,
        received_at: into_domain::time("received_at", message.received_at)?,
        event: into_domain::event(message.event.ok_or(BadRecord::Missing { what: "event" })?)?,
        context: message.context.map(into_domain::context).unwrap_or_default(),
        class: class(message.retention_class)?,
        expires_at: into_domain::time("expires_at", message.expires_at)?,
        revision: Some(revision)
            .filter(|r| *r <= Enriched::MAX_REVISION)
            .ok_or(BadRecord::Missing { what: "revision" })?,
    })
}

/// An event as a message of the published schema.
pub fn event_message(event: Event) -> v1::Event {
    from_domain::event(event)
}

/// A time as a message.
pub fn timestamp(time: domain::time::Millis) -> prost_types::Timestamp {
    from_domain::time(time)
}

fn tenant(name: &str) -> Result<TenantId, BadRecord> {
    TenantId::parse(name).map_err(|_| BadRecord::Missing { what: "tenant" })
}

fn class(number: i32) -> Result<Class, BadRecord> {
    let class = v1::RetentionClass::try_from(number)
        .ok()
        .and_then(into_domain::class);
    class.ok_or(BadRecord::Missing {
        what: "retention_class",
    })
}
