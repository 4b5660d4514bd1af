//! Names of tenants.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Name of a tenant; clones share it. Holding one proves it is valid: 1 to 64 bytes of `a-z 0-9 -`, starting with a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(Arc<str>);

/// Why a text is no name of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTenant {
    /// Empty or longer than the limit.
    #[error("tenant has {bytes} bytes, 1 to {} are allowed", TenantId::MAX_BYTES)]
    Length {
        /// Bytes that were given.
        bytes: usize,
    },
    /// Begins with something else than a letter.
    #[error("tenant must start with a letter of a-z")]
    Start,
    /// Has a character that is not allowed.
    #[error("tenant has the character {found:?}, only a-z 0-9 and - are allowed")]
    Char {
        /// The first such character.
        found: char,
    },
}

impl TenantId {
    /// Longest name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, InvalidTenant> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(InvalidTenant::Length { bytes: text.len() });
        }
        if let Some(found) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
            return Err(InvalidTenant::Char { found });
        }
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(InvalidTenant::Start);
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TenantId {
    type Error = InvalidTenant;

    fn try_from(text: String) -> Result<Self, InvalidTenant> {
        Self::parse(&text)
    }
}

impl From<TenantId> for String {
    fn from(tenant: TenantId) -> Self {
        tenant.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_letters_digits_and_hyphens() {
        for good in ["a", "demo", "team-7", &"x".repeat(64)] {
            assert_eq!(TenantId::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(TenantId::parse(""), Err(InvalidTenant::Length { bytes: 0 }));
        assert_eq!(
            TenantId::parse(&"x".repeat(65)),
            Err(InvalidTenant::Length { bytes: 65 })
        );
        assert_eq!(TenantId::parse("7up"), Err(InvalidTenant::Start));
        assert_eq!(TenantId::parse("-a"), Err(InvalidTenant::Start));
        assert_eq!(TenantId::parse("Demo"), Err(InvalidTenant::Char { found: 'D' }));
        assert_eq!(TenantId::parse("a/b"), Err(InvalidTenant::Char { found: '/' }));
    }
}
