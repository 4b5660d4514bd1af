//! What a caller may ask a writer for: the rules that need no log.

use domain::control::{MAX_NAME_BYTES, Rates, SizeLimits, Slo, Wrong};
use domain::key::{Scope, Scopes};
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::validate::FuturePolicy;

use crate::Error;

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Whose it is; none for a platform key.
    pub tenant: Option<TenantId>,
    /// What people call it.
    pub name: String,
    /// What it may be used for. A key of a tenant has any of ingest, read and manage; a platform key has platform.
    pub scopes: Scopes,
    /// From when on it is refused.
    pub expires_at: Option<Millis>,
}

/// What is to be different about a key; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyChange {
    /// What people call it.
    pub name: Option<String>,
    /// From when on it is refused; `Some(None)` is never.
    pub expires_at: Option<Option<Millis>>,
}

/// The limits of a tenant, whole: what is absent is as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsChange {
    /// How much it may send in a time.
    pub rates: Rates,
    /// What an event and a request may measure.
    pub sizes: SizeLimits,
    /// Whether going over a rate is only reported.
    pub dry_run: bool,
    /// What is done about a time too far in the future.
    pub future: FuturePolicy,
}

/// What is said of a service, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceChange {
    /// Who looks after it.
    pub team: Option<String>,
    /// How much depends on it.
    pub tier: Option<String>,
    /// Where its code is.
    pub repository: Option<String>,
    /// What it has promised.
    pub slo: Option<Slo>,
}

impl NewKey {
    /// Checks it.
    pub(crate) fn checked(self, now: Millis) -> Result<Self, Error> {
        check_name(&self.name)?;
        let has_platform = self.scopes.contains(Scope::Platform);
        match &self.tenant {
            _ if self.scopes.is_empty() => return Err(invalid("scopes", "a key has at least one scope")),
            None if self.scopes != Scopes::from([Scope::Platform]) => {
                let message = "a key without a tenant is a platform key, its only scope is platform";
                return Err(invalid("scopes", message));
            }
            Some(_) if has_platform => {
                let message = "a key of a tenant has scopes of ingest, read and manage only";
                return Err(invalid("scopes", message));
            }
            _ => {}
        }
        check_expiry(self.expires_at, now)?;
        Ok(self)
    }
}

/// Checks from when on a key is refused.
pub(crate) fn check_expiry(expires_at: Option<Millis>, now: Millis) -> Result<(), Error> {
    if expires_at.is_some_and(|expires_at| expires_at <= now) {
        let message = format!("expires_at must be later than now, which is {now}; to end a key, revoke it");
        return Err(invalid("expires_at", message));
    }
    Ok(())
}

/// Checks the name of a tenant or a key.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if name.trim().is_empty() {
        return Err(invalid("name", "name is empty"));
    }
    if name.len() > MAX_NAME_BYTES {
        let bytes = name.len();
        let message = format!("name has {bytes} bytes, at most {MAX_NAME_BYTES} are allowed");
        return Err(invalid("name", message));
    }
    if name.chars().any(char::is_control) {
        return Err(invalid("name", "name has a control character"));
    }
    Ok(())
}

pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Error {
    Error::Invalid {
        field,
        message: message.into(),
    }
}

/// The first of these, if there is any.
pub(crate) fn none_wrong(wrong: Vec<Wrong>) -> Result<(), Error> {
    wrong
        .into_iter()
        .next()
        .map_or(Ok(()), |Wrong { field, message }| Err(invalid(field, message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis::from_ms(1_000);

    fn key() -> NewKey {
        NewKey {
            tenant: Some(TenantId::parse("demo").unwrap()),
            name: "laptop".into(),
            scopes: Scopes::from([Scope::Read, Scope::Ingest]),
            expires_at: Some(NOW.plus_ms(1)),
        }
    }

    fn fault(request: NewKey) -> &'static str {
        match request.checked(NOW) {
            Err(Error::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_a_key_without_a_tenant_is_a_platform_key() {
        let scopes = |tenant: Option<TenantId>, scopes: &[Scope]| NewKey {
            tenant,
            scopes: scopes.iter().copied().collect(),
            ..key()
        };
        assert!(key().checked(NOW).is_ok());
        assert!(scopes(None, &[Scope::Platform]).checked(NOW).is_ok());
        assert_eq!(fault(scopes(None, &[Scope::Platform, Scope::Read])), "scopes");
        assert_eq!(fault(scopes(None, &[Scope::Ingest])), "scopes");
        assert_eq!(fault(scopes(None, &[])), "scopes");
        assert_eq!(fault(scopes(key().tenant, &[])), "scopes");
        assert_eq!(fault(scopes(key().tenant, &[Scope::Platform])), "scopes");
    }

    #[test]
    fn a_key_that_is_expired_already_is_refused() {
        let expires_at = Some(NOW);
        assert_eq!(fault(NewKey { expires_at, ..key() }), "expires_at");
    }

    #[test]
    fn a_name_is_short_text_of_one_line() {
        for name in ["", "  ", "a\nb", &"x".repeat(MAX_NAME_BYTES + 1)] {
            let name = name.to_owned();
            assert_eq!(fault(NewKey { name, ..key() }), "name");
        }
        assert!(check_name(&"x".repeat(MAX_NAME_BYTES)).is_ok());
    }
}
