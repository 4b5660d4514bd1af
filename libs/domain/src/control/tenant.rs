//! Tenants.

use serde::{Deserialize, Serialize};

use crate::tenant::TenantId;
use crate::time::Millis;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// Its id.
    pub id: TenantId,
    /// What people call it.
    pub name: Box<str>,
    /// When it was made.
    pub created_at: Millis,
    /// Since when none of its keys opens anything. Its id is never given again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Millis>,
    /// 1 at first, one more with each change.
    pub version: u64,
}

impl TenantRecord {
    /// Whether its keys open something.
    pub fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }
}
