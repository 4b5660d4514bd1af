//! What is written to the topics reads back, and no bytes panic.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use domain::dedup;
use domain::draft::Draft;
use domain::enrich;
use domain::event::{Event, Kind, Severity};
use domain::fault::Code;
use domain::limits::Limits;
use domain::record::{Accepted, Enriched};
use domain::retention::Class;
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::validate::{FuturePolicy, Receipt, validate};
use proptest::prelude::*;
use prost::Message;
use proto::{read, record, v1};

const NOW: Millis = Millis::from_ms(1_700_000_000_123);

const EVENTS: [&str; 4] = [
    r#"{"kind":"api_request","method":"GET","path":"/users/7","status_code":200,"duration_ms":1.5,"request_bytes":0,
        "response_bytes":18446744073709551615,"client_ip":"::1","user_agent":"curl/8.0","query":"a=b","user_id":"u",
        "severity":"warning","priority":"urgent","attributes":{"a":[1,{"b":null}]}}"#,
    r#"{"kind":"error","error_type":"T","message":"m","stack_trace":"s","handled":false,"fingerprint":"f","trace_id":"t","span_id":"s"}"#,
    r#"{"kind":"user_action","action":"pay","user_id":"u","target":"t","url":"https://x/","session_id":"s"}"#,
    r#"{"kind":"generic","name":"n","service":"s","environment":"e","release":"r","external_id":"x"}"#,
];

fn event(json: &str) -> Event {
    valid(domain::json::read(json.as_bytes(), &Limits::default()))
}

fn valid(draft: Draft) -> Event {
    let tenant = tenant();
    let limits = Limits::default();
    let receipt = Receipt {
        tenant: &tenant,
        received_at: NOW,
        sent_at: None,
        idempotency_key: None,
        future: FuturePolicy::Clamp,
        limits: &limits,
    };
    validate(draft, 0, &receipt, [7; 10]).unwrap().event
}

fn tenant() -> TenantId {
    TenantId::parse("demo").unwrap()
}

fn enriched(event: Event) -> Enriched {
    let context = enrich::enrich(&event, &enrich::Stage::ALL);
    let expires_at = Class::Days90.expires_at(event.time(), NOW);
    Enriched {
        tenant: tenant(),
        received_at: NOW,
        event,
        context,
        class: Class::Days90,
        expires_at,
        revision: 998,
    }
}

#[test]
fn records_of_every_kind_read_back() {
    for json in EVENTS {
        let accepted = Accepted {
            tenant: tenant(),
            received_at: NOW,
            event: event(json),
        };
        assert_eq!(
            record::decode_accepted(record::encode_accepted(accepted.clone())),
            Ok(accepted.clone())
        );
        let enriched = enriched(accepted.event);
        assert_eq!(
            record::decode_enriched(record::encode_enriched(enriched.clone())),
            Ok(enriched)
        );
    }
}

/// What the identity of a record has to be.
fn identity(accepted: &Accepted) -> dedup::Identity<'_> {
    dedup::Identity {
        tenant: &accepted.tenant,
        id: accepted.event.id,
        external_id: accepted.event.external_id.as_deref(),
    }
}

#[test]
fn the_identity_of_an_accepted_event_is_that_of_the_whole() {
    for json in EVENTS {
        let accepted = Accepted {
            tenant: tenant(),
            received_at: NOW,
            event: event(json),
        };
        let read = record::decode_identity(record::encode_accepted(accepted.clone())).unwrap();
        assert_eq!(read.get(), identity(&accepted));
    }
}

#[test]
fn the_identity_is_read_where_the_rest_is_of_a_later_version() {
    let accepted = Accepted {
        tenant: tenant(),
        received_at: NOW,
        event: event(EVENTS[3]),
    };
    let mut later = v1::AcceptedEvent::decode(record::encode_accepted(accepted.clone())).unwrap();
    later.event.as_mut().unwrap().body = None;
    let value = Bytes::from(later.encode_to_vec());
    assert!(record::decode_accepted(value.clone()).is_err());
    let read = record::decode_identity(value).unwrap();
    assert_eq!(read.get(), identity(&accepted));

    later.event.as_mut().unwrap().id = "no id".to_owned();
    assert!(record::decode_identity(later.encode_to_vec().into()).is_err());
}

#[test]
fn an_event_that_is_sent_again_as_it_came_back_is_the_same() {
    for json in EVENTS {
        let event = event(json);
        let bytes = record::event_message(event.clone()).encode_to_vec();
        assert_eq!(valid(read::read(bytes.into(), &Limits::default())), event);
    }
}

#[test]
fn faults_of_reading_name_their_field() {
    let faults = |message: v1::Event| {
        read::read(message.encode_to_vec().into(), &Limits::default())
            .faults
            .into_vec()
    };
    let message = v1::Event {
        severity: 77,
        priority: -1,
        timestamp: Some(prost_types::Timestamp {
            seconds: 0,
            nanos: -1,
        }),
        ..v1::Event::default()
    };
    let found: Vec<_> = faults(message)
        .into_iter()
        .map(|fault| (fault.code, fault.field))
        .collect();
    let expected = ["timestamp", "severity", "priority"].map(|field| (Code::InvalidValue, field.into()));
    assert_eq!(found, expected);

    let broken = read::read(Bytes::from_static(b"\x1a\x02\xff\xfe"), &Limits::default());
    assert_eq!(broken.faults.clone().into_vec()[0].code, Code::InvalidProtobuf);
    assert!(broken.faults.into_vec()[0].message.contains("service"));

    let large = read::read(vec![0; 256 * 1024 + 1].into(), &Limits::default());
    assert_eq!(large.faults.into_vec()[0].code, Code::EventTooLarge);
}

#[test]
fn an_absent_severity_is_the_default_of_the_kind() {
    let body = v1::event::Body::Error(v1::ErrorReport {
        error_type: "T".into(),
        message: "m".into(),
        ..v1::ErrorReport::default()
    });
    let message = v1::Event {
        body: Some(body),
        ..v1::Event::default()
    };
    let event = valid(read::read(message.encode_to_vec().into(), &Limits::default()));
    assert_eq!((event.kind(), event.severity), (Kind::Error, Severity::Error));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        let _ = read::read(bytes.clone(), &Limits::default());
        let _ = record::decode_accepted(bytes.clone());
        let _ = record::decode_identity(bytes.clone());
        let _ = record::decode_enriched(bytes);
    }
}
