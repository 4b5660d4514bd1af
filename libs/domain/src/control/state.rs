//! All tenants and keys, and the answer to "who is this?".

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::record::{KeyRecord, Record, TenantRecord, TopicsRecord};
use crate::key::{ApiKey, Digest, InvalidKey, KeyId, Peppers, Scope};
use crate::source::FIRST_GENERATION;
use crate::tenant::TenantId;
use crate::time::Millis;

/// The fold of the control topic so far.
#[derive(Clone, Debug, Default)]
pub struct State {
    tenants: BTreeMap<TenantId, TenantRecord>,
    keys: HashMap<KeyId, Arc<KeyRecord>>,
    revoked: HashSet<KeyId>,
    topics: Option<TopicsRecord>,
}

/// Who makes a call: the holder of a live key.
#[derive(Clone, Debug)]
pub struct Caller {
    key: Arc<KeyRecord>,
}

/// Why a presented key does not open anything.
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
        self.key.scopes.contains(&scope)
    }
}

impl State {
    /// Folds the next record in.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Tenant(tenant) => {
                self.tenants.insert(tenant.id.clone(), tenant);
            }
            Record::Key(key) => {
                self.keys.insert(key.id.clone(), Arc::new(key));
            }
            Record::Revocation(revocation) => {
                self.revoked.insert(revocation.key);
            }
            Record::Topics(topics) => self.topics = Some(topics),
            Record::Unknown => {}
        }
    }

    /// Who presents this key. Takes the same time for unknown ids and wrong secrets.
    pub fn authenticate(&self, presented: &str, peppers: &Peppers, now: Millis) -> Result<Caller, Denied> {
        let presented = ApiKey::parse(presented)?;
        let record = self.keys.get(presented.id());
        let pepper = record.and_then(|record| peppers.get(&record.pepper));
        let expected = record
            .filter(|_| pepper.is_some())
            .map_or(Digest::NONE, |record| record.digest);
        let matches = presented
            .digest(pepper.unwrap_or(peppers.first()))
            .matches(&expected);
        let key = record.filter(|_| matches).ok_or(Denied::Unknown)?;
        if self.revoked.contains(&key.id) {
            return Err(Denied::Revoked);
        }
        if key.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(Denied::Expired);
        }
        if key
            .tenant
            .as_ref()
            .is_some_and(|tenant| !self.tenants.contains_key(tenant))
        {
            return Err(Denied::Unknown);
        }
        Ok(Caller { key: Arc::clone(key) })
    }

    /// The topics of events as somebody last said; none where they are those of the beginning.
    pub fn topics(&self) -> Option<&TopicsRecord> {
        self.topics.as_ref()
    }

    /// The generation of the topics of events.
    pub fn generation(&self) -> u32 {
        self.topics
            .as_ref()
            .map_or(FIRST_GENERATION, |topics| topics.generation)
    }

    /// All tenants, by id.
    pub fn tenants(&self) -> impl Iterator<Item = &TenantRecord> {
        self.tenants.values()
    }

    /// The tenant of this id.
    pub fn tenant(&self, id: &TenantId) -> Option<&TenantRecord> {
        self.tenants.get(id)
    }

    /// All keys, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &KeyRecord> {
        self.keys.values().map(AsRef::as_ref)
    }

    /// The key of this id.
    pub fn key(&self, id: &KeyId) -> Option<&KeyRecord> {
        self.keys.get(id).map(AsRef::as_ref)
    }

    /// Whether this key was revoked.
    pub fn is_revoked(&self, id: &KeyId) -> bool {
        self.revoked.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Revocation;
    use super::*;
    use crate::key::Pepper;

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
            id: key.id().clone(),
            tenant: Some(TenantId::parse("demo").unwrap()),
            name: "test".into(),
            scopes: vec![Scope::Ingest],
            created_at: NOW,
            expires_at: None,
            pepper: pepper.into(),
            digest: key.digest(peppers().get(pepper).unwrap()),
            version: 1,
        }
    }

    fn state(records: impl IntoIterator<Item = Record>) -> State {
        let mut state = State::default();
        let tenant = TenantRecord {
            id: TenantId::parse("demo").unwrap(),
            name: "Demo".into(),
            created_at: NOW,
            version: 1,
        };
        for record in std::iter::once(Record::Tenant(tenant)).chain(records) {
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
    fn unknown_revoked_expired_and_malformed_keys_are_denied() {
        let expired = KeyRecord {
            expires_at: Some(NOW),
            ..record(&key(3), "p1")
        };
        let orphan = KeyRecord {
            tenant: Some(TenantId::parse("gone").unwrap()),
            ..record(&key(4), "p1")
        };
        let revocation = Revocation {
            key: key(1).id().clone(),
            revoked_at: NOW,
        };
        let state = state([
            Record::Revocation(revocation),
            Record::Key(record(&key(1), "p1")),
            Record::Key(expired),
            Record::Key(orphan),
        ]);
        let denied = |text: &str| state.authenticate(text, &peppers(), NOW).unwrap_err();
        assert_eq!(denied(key(1).reveal()), Denied::Revoked);
        assert_eq!(denied(key(2).reveal()), Denied::Unknown);
        assert_eq!(denied(key(3).reveal()), Denied::Expired);
        assert_eq!(denied(key(4).reveal()), Denied::Unknown);
        assert_eq!(denied("slk_"), Denied::Malformed(InvalidKey::Form));
    }

    #[test]
    fn topics_are_the_first_until_somebody_raises_their_generation() {
        assert_eq!(state([]).generation(), FIRST_GENERATION);
        let raised = TopicsRecord {
            generation: 3,
            version: 2,
        };
        assert_eq!(state([Record::Topics(raised)]).generation(), 3);
    }

    #[test]
    fn a_key_with_the_id_of_another_is_unknown() {
        let forged = KeyRecord {
            digest: key(2).digest(peppers().first()),
            ..record(&key(1), "p1")
        };
        assert_eq!(
            state([Record::Key(forged)])
                .authenticate(key(1).reveal(), &peppers(), NOW)
                .unwrap_err(),
            Denied::Unknown
        );
    }

    #[test]
    fn a_key_whose_pepper_is_gone_is_unknown() {
        let gone = KeyRecord {
            pepper: "p9".into(),
            ..record(&key(1), "p1")
        };
        assert_eq!(
            state([Record::Key(gone)])
                .authenticate(key(1).reveal(), &peppers(), NOW)
                .unwrap_err(),
            Denied::Unknown
        );
    }

    #[test]
    fn a_record_of_a_newer_version_is_passed_over_and_a_broken_one_is_named() {
        assert!(matches!(
            Record::decode(b"spread/demo", b"{}"),
            Ok(Record::Unknown)
        ));
        let error = Record::decode(b"tenant/demo", b"{").unwrap_err();
        assert_eq!(
            error.to_string(),
            "control record \"tenant/demo\" does not decode"
        );
    }
}
