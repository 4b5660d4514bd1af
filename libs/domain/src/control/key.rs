//! Keys without their secrets, and their end.

use serde::{Deserialize, Serialize};

use crate::key::{Digest, KeyId, Scopes};
use crate::tenant::TenantId;
use crate::time::Millis;

/// A key, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its public part.
    pub id: KeyId,
    /// Whose it is; a platform key has none.
    pub tenant: Option<TenantId>,
    /// What people call it.
    pub name: Box<str>,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Millis,
    /// From when on it is refused.
    pub expires_at: Option<Millis>,
    /// The pepper that the digest was made with.
    pub pepper: Box<str>,
    /// What a presented key is compared with.
    pub digest: Digest,
    /// The key that it takes the place of, where it was made for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<KeyId>,
    /// 1 at first, one more with each change.
    pub version: u64,
}

impl KeyRecord {
    /// Whether its time is over.
    pub fn is_expired(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// The end of a key. It has a record of its own, which no change of the key overwrites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The key.
    pub key: KeyId,
    /// Since when.
    pub revoked_at: Millis,
}
