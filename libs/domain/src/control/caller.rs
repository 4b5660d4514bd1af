//! Who makes a call: from a presented key to its holder.

use std::sync::Arc;

use super::{KeyRecord, State};
use crate::key::{ApiKey, Digest, InvalidKey, Peppers, Scope};
use crate::tenant::TenantId;
use crate::time::Millis;

/// Who makes a call: the holder of a live key.
#[derive(Clone, Debug)]
pub struct Caller {
    key: Arc<KeyRecord>,
}

/// Why a presented key does not open anything. It is for logs: a caller is told nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It is no key at all.
    #[error("{0}")]
    Malformed(#[from] InvalidKey),
    /// No key has this text. The same answer whether the id is known or not.
    #[error("key is unknown")]
    Unknown,
    /// It was revoked.
    #[error("key is revoked")]
    Revoked,
    /// Its time is over.
    #[error("key is expired")]
    Expired,
    /// Its tenant is closed, or was never there.
    #[error("tenant of the key is closed")]
    Closed,
}

impl Denied {
    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed(InvalidKey::Form) => "malformed",
            Self::Malformed(InvalidKey::Checksum) => "checksum",
            Self::Unknown => "unknown",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Closed => "closed",
        }
    }
}

impl Caller {
    /// The key.
    pub fn key(&self) -> &KeyRecord {
        &self.key
    }

    /// Whose data it may touch; a platform key has no tenant of its own.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.key.tenant.as_ref()
    }

    /// Whether it may be used for this.
    pub fn may(&self, scope: Scope) -> bool {
        self.key.scopes.contains(scope)
    }
}

impl State {
    /// Who presents this key. Takes the same time for unknown ids and wrong secrets.
    pub fn authenticate(&self, presented: &str, peppers: &Peppers, now: Millis) -> Result<Caller, Denied> {
        let presented = ApiKey::parse(presented)?;
        let record = self.key_record(presented.id());
        let pepper = record.and_then(|record| peppers.get(&record.pepper));
        let expected = record
            .filter(|_| pepper.is_some())
            .map_or(Digest::NONE, |record| record.digest);
        let matches = presented
            .digest(pepper.unwrap_or(peppers.first()))
            .matches(&expected);
        let key = record.filter(|_| matches).ok_or(Denied::Unknown)?;
        self.still_opens(key, now)?;
        Ok(Caller { key: Arc::clone(key) })
    }

    /// Whether a key that was checked before still opens something.
    pub fn recheck(&self, caller: &Caller, now: Millis) -> Result<(), Denied> {
        // Its expiry may have been changed since.
        let key = self.key_record(&caller.key.id).unwrap_or(&caller.key);
        self.still_opens(key, now)
    }

    fn still_opens(&self, key: &KeyRecord, now: Millis) -> Result<(), Denied> {
        if self.is_revoked(&key.id) {
            return Err(Denied::Revoked);
        }
        if key.is_expired(now) {
            return Err(Denied::Expired);
        }
        let is_open = |tenant: &TenantId| self.tenant(tenant).is_some_and(super::TenantRecord::is_open);
        if !key.tenant.as_ref().is_none_or(is_open) {
            return Err(Denied::Closed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Record, Revocation, TenantRecord};
    use super::*;
    use crate::key::{Pepper, Scopes};

    const NOW: Millis = Millis::from_ms(1_000);

    fn peppers() -> Peppers {
        Peppers::new(
            Pepper::new("p1", &[1; 32]).unwrap(),
            vec![Pepper::new("p0", &[2; 32]).unwrap()],
        )
    }

    fn key(seed: u8) -> ApiKey {
        ApiKey::generate(&[seed; ApiKey::RANDOM_BYTES])
    }

    fn record(key: &ApiKey, pepper: &str) -> KeyRecord {
        KeyRecord {
            id: *key.id(),
            tenant: Some(TenantId::parse("demo").unwrap()),
            name: "test".into(),
            scopes: Scopes::from([Scope::Ingest]),
            created_at: NOW,
            expires_at: None,
            pepper: pepper.into(),
            digest: key.digest(peppers().get(pepper).unwrap()),
            replaces: None,
            version: 1,
        }
    }

    fn tenant(id: &str, closed_at: Option<Millis>) -> Record {
        Record::Tenant(TenantRecord {
            id: TenantId::parse(id).unwrap(),
            name: "Demo".into(),
            created_at: NOW,
            closed_at,
            version: 1,
        })
    }

    fn state(records: impl IntoIterator<Item = Record>) -> State {
        let mut state = State::default();
        let closed = tenant("closed", Some(NOW));
        for record in [tenant("demo", None), closed].into_iter().chain(records) {
            // Through the bytes, as in the topic.
            let (key, value) = (record.log_key().unwrap(), record.log_value().unwrap());
            state.apply(Record::decode(key.as_bytes(), &value).unwrap());
        }
        state
    }

    #[test]
    fn a_live_key_of_any_pepper_tells_its_tenant_and_scopes() {
        let state = state([
            Record::Key(record(&key(1), "p1")),
            Record::Key(record(&key(2), "p0")),
        ]);
        for seed in [1, 2] {
            let caller = state.authenticate(key(seed).reveal(), &peppers(), NOW).unwrap();
            assert_eq!(caller.tenant().unwrap().as_str(), "demo");
            assert!(caller.may(Scope::Ingest) && !caller.may(Scope::Read));
        }
    }

    #[test]
    fn unknown_revoked_expired_closed_and_malformed_keys_are_denied() {
        let expired = KeyRecord {
            expires_at: Some(NOW),
            ..record(&key(3), "p1")
        };
        let of = |seed: u8, tenant: &str| KeyRecord {
            tenant: Some(TenantId::parse(tenant).unwrap()),
            ..record(&key(seed), "p1")
        };
        let revocation = Revocation {
            key: *key(1).id(),
            revoked_at: NOW,
        };
        let state = state([
            Record::Revocation(revocation),
            Record::Key(record(&key(1), "p1")),
            Record::Key(expired),
            Record::Key(of(4, "gone")),
            Record::Key(of(5, "closed")),
        ]);
        let denied = |text: &str| state.authenticate(text, &peppers(), NOW).unwrap_err();
        assert_eq!(denied(key(1).reveal()), Denied::Revoked);
        assert_eq!(denied(key(2).reveal()), Denied::Unknown);
        assert_eq!(denied(key(3).reveal()), Denied::Expired);
        assert_eq!(denied(key(4).reveal()), Denied::Closed);
        assert_eq!(denied(key(5).reveal()), Denied::Closed);
        assert_eq!(denied("slk_"), Denied::Malformed(InvalidKey::Form));
    }

    #[test]
    fn a_call_that_goes_on_is_denied_as_soon_as_a_new_one_would_be() {
        let mut state = state([Record::Key(record(&key(1), "p1"))]);
        let caller = state.authenticate(key(1).reveal(), &peppers(), NOW).unwrap();
        assert_eq!(state.recheck(&caller, NOW), Ok(()));
        let soon = NOW.plus_ms(5);
        state.apply(Record::Key(KeyRecord {
            expires_at: Some(soon),
            ..record(&key(1), "p1")
        }));
        assert_eq!(state.recheck(&caller, NOW), Ok(()));
        assert_eq!(state.recheck(&caller, soon), Err(Denied::Expired));
        state.apply(tenant("demo", Some(NOW)));
        assert_eq!(state.recheck(&caller, NOW), Err(Denied::Closed));
        state.apply(Record::Revocation(Revocation {
            key: *key(1).id(),
            revoked_at: NOW,
        }));
        assert_eq!(state.recheck(&caller, NOW), Err(Denied::Revoked));
    }

    #[test]
    fn a_key_with_the_id_of_another_is_unknown() {
        let forged = KeyRecord {
            digest: key(2).digest(peppers().first()),
            ..record(&key(1), "p1")
        };
        let state = state([Record::Key(forged)]);
        let denied = state.authenticate(key(1).reveal(), &peppers(), NOW);
        assert_eq!(denied.unwrap_err(), Denied::Unknown);
    }

    #[test]
    fn a_key_whose_pepper_is_gone_is_unknown() {
        let gone = KeyRecord {
            pepper: "p9".into(),
            ..record(&key(1), "p1")
        };
        let state = state([Record::Key(gone)]);
        let denied = state.authenticate(key(1).reveal(), &peppers(), NOW);
        assert_eq!(denied.unwrap_err(), Denied::Unknown);
    }
}
