//! The fold: what was written last counts, what may not go stays, what is unknown is passed over.

use super::*;
use crate::key::{ApiKey, Pepper, Scope, Scopes};

fn demo() -> TenantId {
    TenantId::parse("demo").unwrap()
}

fn tenant(name: &str) -> Record {
    Record::Tenant(TenantRecord {
        id: demo(),
        name: name.into(),
        created_at: Millis::EPOCH,
        closed_at: None,
        version: 1,
    })
}

fn service(name: &str, team: &str) -> Record {
    Record::Service(ServiceRecord {
        tenant: demo(),
        name: name.into(),
        team: Some(team.into()),
        tier: None,
        repository: None,
        slo: None,
        updated_at: Millis::EPOCH,
        version: 1,
    })
}

fn key() -> KeyRecord {
    let key = ApiKey::generate(&[7; ApiKey::RANDOM_BYTES]);
    KeyRecord {
        id: *key.id(),
        tenant: Some(demo()),
        name: "test".into(),
        scopes: Scopes::from([Scope::Ingest, Scope::Read]),
        created_at: Millis::EPOCH,
        expires_at: None,
        pepper: "p".into(),
        digest: key.digest(&Pepper::new("p", &[1; 32]).unwrap()),
        replaces: None,
        version: 1,
    }
}

/// Through the bytes, as in the topic.
fn state(records: impl IntoIterator<Item = Record>) -> State {
    let mut state = State::default();
    for record in records {
        let (key, value) = (record.log_key().unwrap(), record.log_value().unwrap());
        state.apply(Record::decode(key.as_bytes(), &value).unwrap());
    }
    state
}

#[test]
fn the_last_record_of_an_entity_counts() {
    let state = state([
        tenant("a"),
        service("x", "one"),
        tenant("b"),
        service("x", "two"),
        service("y", "three"),
    ]);
    assert_eq!(&*state.tenant(&demo()).unwrap().name, "b");
    let teams: Vec<_> = state
        .services(&demo())
        .filter_map(|service| service.team.as_deref())
        .collect();
    assert_eq!(teams, ["two", "three"]);
}

#[test]
fn services_and_limits_can_go_and_tenants_keys_and_revocations_can_not() {
    let revocation = Revocation {
        key: key().id,
        revoked_at: Millis::from_ms(5),
    };
    let records = [
        tenant("a"),
        service("x", "one"),
        Record::Limits(LimitsRecord::new(demo())),
        Record::Key(key()),
        Record::Revocation(revocation),
    ];
    let entities: Vec<Entity> = records.iter().map(Record::entity).collect();
    let full = state(records.clone());
    assert_eq!(full.records().count(), records.len());
    let removed = state(
        records
            .into_iter()
            .chain(entities.into_iter().map(Record::Removed)),
    );
    let left: Vec<_> = removed.records().filter_map(|record| record.log_key()).collect();
    let id = key().id;
    assert_eq!(
        left,
        [
            format!("key/{id}"),
            format!("revocation/{id}"),
            "tenant/demo".to_owned()
        ]
    );
    assert_eq!(removed.services(&demo()).count(), 0);
}

#[test]
fn a_revocation_is_never_moved() {
    let at = |ms| {
        Record::Revocation(Revocation {
            key: key().id,
            revoked_at: Millis::from_ms(ms),
        })
    };
    assert_eq!(
        state([at(5), at(9)]).revoked_at(&key().id),
        Some(Millis::from_ms(5))
    );
}

#[test]
fn a_clone_does_not_see_later_changes() {
    let before = state([tenant("a")]);
    let mut after = before.clone();
    after.apply(tenant("b"));
    after.apply(service("x", "one"));
    assert_eq!(&*before.tenant(&demo()).unwrap().name, "a");
    assert_eq!(before.services(&demo()).count(), 0);
}

#[test]
fn all_records_make_the_same_state_again() {
    let full = state([
        tenant("a"),
        service("x/y", "one"),
        Record::Key(key()),
        Record::Spread(SpreadRecord::new(demo())),
    ]);
    let again = state(full.records());
    let texts = |state: &State| {
        state
            .records()
            .map(|record| format!("{record:?}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&again), texts(&full));
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
fn a_record_of_a_newer_version_is_passed_over_and_a_broken_one_is_named() {
    assert!(matches!(
        Record::decode(b"colour/demo", b"{}"),
        Ok(Record::Unknown)
    ));
    assert!(matches!(Record::decode(b"colour/demo", b""), Ok(Record::Unknown)));
    let error = Record::decode(b"tenant/demo", b"{").unwrap_err();
    assert_eq!(
        error.to_string(),
        "control record \"tenant/demo\" does not decode"
    );
}

#[test]
fn records_of_the_version_before_are_read() {
    let tenant = br#"{"id":"demo","name":"Demo","created_at":"2026-01-01T00:00:00.000Z","version":1}"#;
    let Ok(Record::Tenant(tenant)) = Record::decode(b"tenant/demo", tenant) else {
        panic!()
    };
    assert!(tenant.is_open());
    let digest = "0".repeat(64);
    let key = format!(
        r#"{{"id":"abcdefghijkl","tenant":"demo","name":"k","scopes":["ingest","read"],"created_at":"2026-01-01T00:00:00.000Z","expires_at":null,"pepper":"p","digest":"{digest}","version":1}}"#
    );
    let Ok(Record::Key(key)) = Record::decode(b"key/abcdefghijkl", key.as_bytes()) else {
        panic!()
    };
    assert!(key.scopes.contains(Scope::Read) && !key.scopes.contains(Scope::Manage));
}

#[test]
fn what_is_shown_of_a_key_has_no_digest() {
    let shown = Record::Key(key()).shown().unwrap();
    assert!(shown.get("digest").is_none() && shown.get("scopes").is_some());
    assert_eq!(Record::Removed(Entity::Key(key().id)).shown(), None);
}
