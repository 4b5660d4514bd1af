//! Making, changing, rotating and revoking keys.

use std::time::Duration;

use domain::control::{KeyRecord, Record, Revocation, State};
use domain::key::{ApiKey, KeyId};
use domain::time::Millis;

use super::{Decision, Inner, Writer, check_version, not_found, open_tenant};
use crate::Error;
use crate::by::By;
use crate::request::{KeyChange, NewKey, check_expiry, check_name, invalid};

/// The longest time that a rotated key goes on to work.
const MAX_OVERLAP: Duration = Duration::from_hours(24 * 90);

impl Writer {
    /// Makes a key. Its secret is in the answer and nowhere else.
    pub async fn create_key(&self, by: &By, request: NewKey) -> Result<(ApiKey, KeyRecord), Error> {
        let request = request.checked(self.0.now())?;
        let decide = |state: &State| {
            if let Some(tenant) = &request.tenant {
                open_tenant(state, tenant)?;
            }
            let (key, record) = self.0.make_key(state, &request, None)?;
            Ok(Decision::one(
                "key.create",
                Record::Key(record.clone()),
                (key, record),
            ))
        };
        self.0.change(by, decide).await
    }

    /// Gives a key another name or another end.
    pub async fn change_key(
        &self,
        by: &By,
        id: &KeyId,
        change: KeyChange,
        expected: Option<u64>,
    ) -> Result<KeyRecord, Error> {
        if let Some(name) = &change.name {
            check_name(name)?;
        }
        check_expiry(change.expires_at.flatten(), self.0.now())?;
        let decide = |state: &State| {
            let before = live(state, id, self.0.now())?;
            check_version("key", id, expected, before.version)?;
            let record = KeyRecord {
                name: change
                    .name
                    .as_deref()
                    .map_or_else(|| before.name.clone(), Into::into),
                expires_at: change.expires_at.unwrap_or(before.expires_at),
                version: before.version.saturating_add(1),
                ..before.clone()
            };
            Ok(Decision::one("key.change", Record::Key(record.clone()), record))
        };
        self.0.change(by, decide).await
    }

    /// Makes a key that takes the place of another, which goes on to work for `overlap` and no longer.
    pub async fn rotate_key(
        &self,
        by: &By,
        id: &KeyId,
        overlap: Duration,
        expires_at: Option<Millis>,
    ) -> Result<(ApiKey, KeyRecord), Error> {
        if overlap > MAX_OVERLAP {
            return Err(invalid("overlap", "overlap is longer than 90 days"));
        }
        check_expiry(expires_at, self.0.now())?;
        let overlap_ms = i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX);
        let decide = |state: &State| {
            let now = self.0.now();
            let before = live(state, id, now)?;
            let end = now.plus_ms(overlap_ms);
            let ending = KeyRecord {
                expires_at: Some(before.expires_at.map_or(end, |expires_at| expires_at.min(end))),
                version: before.version.saturating_add(1),
                ..before.clone()
            };
            let request = NewKey {
                tenant: before.tenant.clone(),
                name: before.name.to_string(),
                scopes: before.scopes,
                expires_at,
            };
            let (key, record) = self.0.make_key(state, &request, Some(*id))?;
            Ok(Decision {
                action: "key.rotate",
                records: vec![Record::Key(record.clone()), Record::Key(ending)],
                answer: (key, record),
            })
        };
        self.0.change(by, decide).await
    }

    /// Ends a key for good. Ending it again changes nothing.
    pub async fn revoke_key(&self, by: &By, id: &KeyId) -> Result<(), Error> {
        let decide = |state: &State| {
            if state.key(id).is_none() {
                return Err(not_found("key", id));
            }
            if state.is_revoked(id) {
                return Ok(Decision::nothing("key.revoke", ()));
            }
            let revocation = Revocation {
                key: *id,
                revoked_at: self.0.now(),
            };
            Ok(Decision::one("key.revoke", Record::Revocation(revocation), ()))
        };
        self.0.change(by, decide).await
    }
}

/// A key that opens something still.
fn live<'a>(state: &'a State, id: &KeyId, now: Millis) -> Result<&'a KeyRecord, Error> {
    let key = state.key(id).ok_or_else(|| not_found("key", id))?;
    if let Some(tenant) = &key.tenant {
        open_tenant(state, tenant)?;
    }
    if state.is_revoked(id) || key.is_expired(now) {
        return Err(invalid(
            "id",
            format!("key {id} is revoked or expired: make a new one"),
        ));
    }
    Ok(key)
}

impl Inner {
    /// A key whose id is new. Ids of twelve random letters do not meet, unless the randomness is broken.
    fn make_key(
        &self,
        state: &State,
        request: &NewKey,
        replaces: Option<KeyId>,
    ) -> Result<(ApiKey, KeyRecord), Error> {
        let mut bytes = [0; ApiKey::RANDOM_BYTES];
        self.random.fill(&mut bytes);
        let key = ApiKey::generate(&bytes);
        if state.key(key.id()).is_some() {
            let (entity, id) = ("key", key.id().to_string());
            return Err(Error::Conflict { entity, id });
        }
        let pepper = self.peppers.first();
        let record = KeyRecord {
            id: *key.id(),
            tenant: request.tenant.clone(),
            name: request.name.as_str().into(),
            scopes: request.scopes,
            created_at: self.now(),
            expires_at: request.expires_at,
            pepper: pepper.id().into(),
            digest: key.digest(pepper),
            replaces,
            version: 1,
        };
        Ok((key, record))
    }
}
