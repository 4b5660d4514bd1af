//! Records of the control topic: one per entity, so that writers of different things never overwrite each other.

use serde::{Deserialize, Serialize};

use crate::key::{Digest, KeyId, Scope};
use crate::tenant::TenantId;
use crate::time::Millis;

/// Longest name of a tenant or a key, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// Its id.
    pub id: TenantId,
    /// What people call it.
    pub name: String,
    /// When it was made.
    pub created_at: Millis,
    /// 1 at first, one more with each change.
    pub version: u64,
}

/// A key, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its public part.
    pub id: KeyId,
    /// Whose it is; a platform key has none.
    pub tenant: Option<TenantId>,
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Millis,
    /// From when on it is refused.
    pub expires_at: Option<Millis>,
    /// The pepper that the digest was made with.
    pub pepper: String,
    /// What a presented key is compared with.
    pub digest: Digest,
    /// 1 at first, one more with each change.
    pub version: u64,
}

/// The end of a key. It has a record of its own, which no change of the key overwrites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The key.
    pub key: KeyId,
    /// Since when.
    pub revoked_at: Millis,
}

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
    /// The topics of events are so.
    Topics(TopicsRecord),
    /// An entity that this version does not know; a newer one does.
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
    /// Its key in the topic; none for what is unknown.
    pub fn log_key(&self) -> Option<String> {
        match self {
            Self::Tenant(tenant) => Some(format!("tenant/{}", tenant.id)),
            Self::Key(key) => Some(format!("key/{}", key.id)),
            Self::Revocation(revocation) => Some(format!("revocation/{}", revocation.key)),
            Self::Topics(_) => Some("topics".to_owned()),
            Self::Unknown => None,
        }
    }

    /// Its value in the topic; none for what is unknown.
    pub fn log_value(&self) -> Option<Vec<u8>> {
        let encoded = match self {
            Self::Tenant(tenant) => serde_json::to_vec(tenant),
            Self::Key(key) => serde_json::to_vec(key),
            Self::Revocation(revocation) => serde_json::to_vec(revocation),
            Self::Topics(topics) => serde_json::to_vec(topics),
            Self::Unknown => return None,
        };
        Some(encoded.expect("records have text keys and no failing parts"))
    }

    /// Reads a record of the topic.
    pub fn decode(key: &[u8], value: &[u8]) -> Result<Self, BadRecord> {
        let text = String::from_utf8_lossy(key);
        let entity = text.split('/').next().unwrap_or_default();
        let decoded = match entity {
            "tenant" => serde_json::from_slice(value).map(Self::Tenant),
            "key" => serde_json::from_slice(value).map(Self::Key),
            "revocation" => serde_json::from_slice(value).map(Self::Revocation),
            "topics" => serde_json::from_slice(value).map(Self::Topics),
            _ => Ok(Self::Unknown),
        };
        decoded.map_err(|source| BadRecord {
            key: text.chars().take(128).collect(),
            source,
        })
    }
}
