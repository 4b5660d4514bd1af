//! Who changed what in the control plane. Audit records go to a topic of their own, in one transaction with the change.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::{BadRecord, Entity};
use crate::key::KeyId;
use crate::tenant::TenantId;
use crate::time::Millis;

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// When.
    pub at: Millis,
    /// Who.
    pub actor: Actor,
    /// The request it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What was done, such as `key.revoke`.
    pub action: String,
    /// To what, as the control topic calls it.
    pub entity: String,
    /// Whose it is; what is the platform's has none.
    pub tenant: Option<TenantId>,
    /// As it was; none where it is new.
    pub before: Option<Value>,
    /// As it is; none where it is gone.
    pub after: Option<Value>,
}

/// Who makes a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The holder of a key.
    Key(KeyId),
    /// Somebody who can reach the log: a command, or the program at its first start.
    Operator(String),
}

impl Audit {
    /// Its key in the topic: what was changed.
    pub fn log_key(&self) -> Vec<u8> {
        self.entity.as_bytes().to_vec()
    }

    /// Its value in the topic.
    pub fn log_value(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("audit records have text keys and no failing parts")
    }

    /// Reads a record of the topic.
    pub fn decode(value: &[u8]) -> Result<Self, BadRecord> {
        serde_json::from_slice(value).map_err(|source| BadRecord {
            key: "audit".to_owned(),
            source,
        })
    }
}

/// What may be shown of a record: all but what a key is checked with.
pub(super) fn shown(encoded: &[u8]) -> Option<Value> {
    let mut value: Value = serde_json::from_slice(encoded).ok()?;
    if let Value::Object(fields) = &mut value {
        fields.remove("digest");
    }
    Some(value)
}

impl Entity {
    /// Whose this is.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Tenant(id) | Self::Limits(id) | Self::Spread(id) | Self::Service(id, _) => Some(id),
            Self::Key(_) | Self::Revocation(_) | Self::Topics | Self::Heartbeat(_) | Self::Unknown => None,
        }
    }
}
