//! Records of the control topic: one per entity, so that writers of different things never overwrite each other.
//!
//! A record with an empty value removes its entity, where entities of that kind may go.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit;
use super::{Heartbeat, KeyRecord, LimitsRecord, Revocation, ServiceRecord, SpreadRecord, TenantRecord};
use crate::key::KeyId;
use crate::tenant::TenantId;

/// The topics of events as they are now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicsRecord {
    /// Raised when topics are made anew, so that offsets never mean two things.
    pub generation: u32,
    /// 1 at first, one more with each change.
    pub version: u64,
}

/// One record of the control topic.
#[derive(Clone, Debug)]
pub enum Record {
    /// A tenant is so.
    Tenant(TenantRecord),
    /// A key is so.
    Key(KeyRecord),
    /// A key is revoked.
    Revocation(Revocation),
    /// The limits of a tenant are so.
    Limits(LimitsRecord),
    /// The spread of a tenant is so.
    Spread(SpreadRecord),
    /// A service of a tenant is so.
    Service(ServiceRecord),
    /// The topics of events are so.
    Topics(TopicsRecord),
    /// A process is there.
    Heartbeat(Heartbeat),
    /// There is no such entity any more.
    Removed(Entity),
    /// An entity that this version does not know; a newer one does.
    Unknown,
}

/// What a record is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entity {
    /// A tenant.
    Tenant(TenantId),
    /// A key.
    Key(KeyId),
    /// The end of a key.
    Revocation(KeyId),
    /// The limits of a tenant.
    Limits(TenantId),
    /// The spread of a tenant.
    Spread(TenantId),
    /// A service of a tenant.
    Service(TenantId, Box<str>),
    /// The topics of events.
    Topics,
    /// A process.
    Heartbeat(Box<str>),
    /// Of a newer version.
    Unknown,
}

/// A record of a known entity that does not decode.
#[derive(Debug, thiserror::Error)]
#[error("control record {key:?} does not decode")]
pub struct BadRecord {
    /// Its key in the topic.
    pub key: String,
    /// What the decoder said.
    #[source]
    pub source: serde_json::Error,
}

impl Record {
    /// What it is of.
    pub fn entity(&self) -> Entity {
        match self {
            Self::Tenant(tenant) => Entity::Tenant(tenant.id.clone()),
            Self::Key(key) => Entity::Key(key.id),
            Self::Revocation(revocation) => Entity::Revocation(revocation.key),
            Self::Limits(limits) => Entity::Limits(limits.tenant.clone()),
            Self::Spread(spread) => Entity::Spread(spread.tenant.clone()),
            Self::Service(service) => Entity::Service(service.tenant.clone(), service.name.clone()),
            Self::Topics(_) => Entity::Topics,
            Self::Heartbeat(heartbeat) => Entity::Heartbeat(heartbeat.process.clone()),
            Self::Removed(entity) => entity.clone(),
            Self::Unknown => Entity::Unknown,
        }
    }

    /// Its key in the topic; none for what is unknown.
    pub fn log_key(&self) -> Option<String> {
        self.entity().log_key()
    }

    /// Its value in the topic, empty for what is removed; none for what is unknown.
    pub fn log_value(&self) -> Option<Vec<u8>> {
        let encoded = match self {
            Self::Tenant(tenant) => serde_json::to_vec(tenant),
            Self::Key(key) => serde_json::to_vec(key),
            Self::Revocation(revocation) => serde_json::to_vec(revocation),
            Self::Limits(limits) => serde_json::to_vec(limits),
            Self::Spread(spread) => serde_json::to_vec(spread),
            Self::Service(service) => serde_json::to_vec(service),
            Self::Topics(topics) => serde_json::to_vec(topics),
            Self::Heartbeat(heartbeat) => serde_json::to_vec(heartbeat),
            Self::Removed(_) => return Some(Vec::new()),
            Self::Unknown => return None,
        };
        Some(encoded.expect("records have text keys and no failing parts"))
    }

    /// What may be shown of it; none where it is a removal.
    pub fn shown(&self) -> Option<Value> {
        audit::shown(&self.log_value()?)
    }

    /// Reads a record of the topic.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<Self, BadRecord> {
        let text = String::from_utf8_lossy(key);
        let entity = text.split('/').next().unwrap_or_default();
        if value.is_empty() {
            return Ok(Entity::parse(&text).map_or(Self::Unknown, Self::Removed));
        }
        let decoded = match entity {
            "tenant" => serde_json::from_slice(value).map(Self::Tenant),
            "key" => serde_json::from_slice(value).map(Self::Key),
            "revocation" => serde_json::from_slice(value).map(Self::Revocation),
            "limits" => serde_json::from_slice(value).map(Self::Limits),
            "spread" => serde_json::from_slice(value).map(Self::Spread),
            "service" => serde_json::from_slice(value).map(Self::Service),
            "topics" => serde_json::from_slice(value).map(Self::Topics),
            "heartbeat" => serde_json::from_slice(value).map(Self::Heartbeat),
            _ => Ok(Self::Unknown),
        };
        decoded.map_err(|source| BadRecord {
            key: text.chars().take(128).collect(),
            source,
        })
    }
}

impl Entity {
    /// Its key in the topic; none for what is unknown.
    pub fn log_key(&self) -> Option<String> {
        Some(match self {
            Self::Tenant(id) => format!("tenant/{id}"),
            Self::Key(id) => format!("key/{id}"),
            Self::Revocation(id) => format!("revocation/{id}"),
            Self::Limits(id) => format!("limits/{id}"),
            Self::Spread(id) => format!("spread/{id}"),
            Self::Service(tenant, name) => format!("service/{tenant}/{name}"),
            Self::Topics => "topics".to_owned(),
            Self::Heartbeat(process) => format!("heartbeat/{process}"),
            Self::Unknown => return None,
        })
    }

    /// Reads the key of a record; none for what this version does not know.
    fn parse(key: &str) -> Option<Self> {
        let (kind, rest) = key.split_once('/').unwrap_or((key, ""));
        Some(match kind {
            "tenant" => Self::Tenant(TenantId::parse(rest).ok()?),
            "key" => Self::Key(KeyId::parse(rest).ok()?),
            "revocation" => Self::Revocation(KeyId::parse(rest).ok()?),
            "limits" => Self::Limits(TenantId::parse(rest).ok()?),
            "spread" => Self::Spread(TenantId::parse(rest).ok()?),
            "service" => {
                let (tenant, name) = rest.split_once('/')?;
                Self::Service(TenantId::parse(tenant).ok()?, name.into())
            }
            "topics" => Self::Topics,
            "heartbeat" => Self::Heartbeat(rest.into()),
            _ => return None,
        })
    }
}
