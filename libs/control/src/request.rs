//! What a caller may ask a writer for: the rules that need no log.

use domain::control::MAX_NAME_BYTES;
use domain::key::Scope;
use domain::tenant::TenantId;
use domain::time::Millis;

use crate::Error;

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Whose it is; none for a platform key.
    pub tenant: Option<TenantId>,
    /// What people call it.
    pub name: String,
    /// What it may be used for. A key of a tenant has any of ingest, read and manage; a platform key has platform.
    pub scopes: Vec<Scope>,
    /// From when on it is refused.
    pub expires_at: Option<Millis>,
}

impl NewKey {
    /// Checks it, and brings its scopes into order.
    pub(crate) fn checked(mut self, now: Millis) -> Result<Self, Error> {
        check_name(&self.name)?;
        self.scopes.sort_unstable();
        self.scopes.dedup();
        match (&self.tenant, self.scopes.as_slice()) {
            (_, []) => return Err(invalid("scopes", "a key has at least one scope")),
            (None, [Scope::Platform]) => {}
            (None, _) => {
                let message = "a key without a tenant is a platform key, its only scope is platform";
                return Err(invalid("scopes", message));
            }
            (Some(_), scopes) if scopes.contains(&Scope::Platform) => {
                let message = "a key of a tenant has scopes of ingest, read and manage only";
                return Err(invalid("scopes", message));
            }
            (Some(_), _) => {}
        }
        if self.expires_at.is_some_and(|expires_at| expires_at <= now) {
            let message = format!("expires_at must be later than now, which is {now}");
            return Err(invalid("expires_at", message));
        }
        Ok(self)
    }
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

fn invalid(field: &'static str, message: impl Into<String>) -> Error {
    Error::Invalid {
        field,
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis::from_ms(1_000);

    fn key() -> NewKey {
        NewKey {
            tenant: Some(TenantId::parse("demo").unwrap()),
            name: "laptop".into(),
            scopes: vec![Scope::Read, Scope::Ingest, Scope::Read],
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
    fn scopes_are_put_in_order_once_each() {
        assert_eq!(key().checked(NOW).unwrap().scopes, [Scope::Ingest, Scope::Read]);
    }

    #[test]
    fn only_a_key_without_a_tenant_is_a_platform_key() {
        let scopes = |tenant: Option<TenantId>, scopes: &[Scope]| NewKey {
            tenant,
            scopes: scopes.to_vec(),
            ..key()
        };
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
