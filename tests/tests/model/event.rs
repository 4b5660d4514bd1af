//! Events and records of them.

use bytes::Bytes;
use domain::event::{Body, Event, Generic, Priority, Severity};
use domain::id::EventId;
use domain::record::Accepted;
use domain::tenant::TenantId;
use domain::time::Millis;
use domain::topic;
use eventlog::{NewRecord, Record};
use proto::record::encode_accepted;

use crate::topics::{accepted, enriched};

/// When everything begins.
pub(crate) const NOW: Millis = Millis::from_ms(1_700_000_000_000);
const KEY: &str = "demo/u";
/// Header of what is not written by our build.
const HEADER_BUILD: &str = "build";

/// Whose the events of a partition are.
pub(crate) fn tenant(partition: u32) -> TenantId {
    TenantId::parse(&format!("demo-{partition}")).unwrap()
}

pub(crate) fn id(number: u16) -> EventId {
    let mut random = [0; 10];
    random[8..].copy_from_slice(&number.to_be_bytes());
    EventId::made(NOW.plus_ms(i64::from(number)), random)
}

/// Event `number` as it is accepted.
pub(crate) fn valid(number: u16, partition: u32) -> NewRecord {
    named(number, number, partition)
}

/// Event `number` with the external id of another.
pub(crate) fn named(number: u16, other: u16, partition: u32) -> NewRecord {
    let event = Event {
        id: id(number),
        service: None,
        environment: None,
        release: None,
        user_id: Some("u".into()),
        session_id: None,
        trace_id: None,
        span_id: None,
        severity: Severity::Info,
        external_id: Some(format!("external {other}")),
        priority: Priority::Standard,
        attributes: None,
        body: Body::Generic(Generic {
            name: format!("e{number}"),
        }),
    };
    let value = encode_accepted(Accepted {
        tenant: tenant(partition),
        received_at: NOW,
        event,
    });
    record(value, partition)
}

/// An accepted record that can never be enriched.
pub(crate) fn undecodable(partition: u32) -> NewRecord {
    record("no event".into(), partition)
}

fn record(value: Bytes, partition: u32) -> NewRecord {
    NewRecord {
        to: accepted(partition),
        key: KEY.into(),
        value,
        headers: Vec::new(),
    }
}

/// The fate of one that could not be enriched, as a build writes it that knows less than ours.
pub(crate) fn marker(origin: u64, partition: u32) -> NewRecord {
    NewRecord {
        to: enriched(partition),
        key: KEY.into(),
        value: Bytes::new(),
        headers: vec![
            (topic::HEADER_ORIGIN.into(), origin.to_string().into()),
            (topic::HEADER_FATE.into(), topic::FATE_DEAD.into()),
            (HEADER_BUILD.into(), "older".into()),
        ],
    }
}

/// Whether it was not our build that decided this fate.
pub(crate) fn is_of_older_build(fate: &Record) -> bool {
    fate.header(HEADER_BUILD).is_some()
}

/// The accepted offset of a fate.
pub(crate) fn origin(fate: &Record) -> u64 {
    let digits = fate.header(topic::HEADER_ORIGIN).unwrap();
    std::str::from_utf8(digits).unwrap().parse().unwrap()
}
