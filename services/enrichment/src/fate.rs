//! Accepted record -> its fate, and back to its origin. Pure: the same record always has the same fate.

use std::sync::Arc;

use bytes::Bytes;
use domain::enrich::{Stage, enrich};
use domain::event::Event;
use domain::record::{Accepted, Enriched};
use domain::retention::Class;
use domain::topic;
use eventlog::{Headers, NewRecord, Record, TopicPartition};
use proto::record::{BadRecord, decode_accepted, decode_enriched, encode_enriched};

/// What becomes of one accepted record.
pub(crate) struct Fate {
    /// The accepted offset.
    pub(crate) origin: u64,
    /// What is appended to the enriched partition.
    pub(crate) record: NewRecord,
}

impl Fate {
    /// Whether there is an event in it.
    pub(crate) fn is_marker(&self) -> bool {
        self.record.value.is_empty()
    }
}

/// The accepted offset that a fate says it came from.
pub(crate) fn origin_of(fate: &Record) -> Option<u64> {
    let digits = fate.header(topic::HEADER_ORIGIN)?;
    let is_plain = digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_plain)?;
    text.parse().ok()
}

/// Whether this is a fate that the accepted record may have. A marker has nothing to compare but its key.
pub(crate) fn is_fate_of(fate: &Record, accepted: &Record) -> bool {
    if fate.key != accepted.key {
        return false;
    }
    if fate.value.is_empty() {
        return true;
    }
    let enriched = decode_enriched(fate.value.clone());
    let accepted = decode_accepted(accepted.value.clone());
    match (enriched, accepted) {
        (Ok(enriched), Ok(accepted)) => {
            (enriched.event.id, enriched.received_at) == (accepted.event.id, accepted.received_at)
        }
        _ => false,
    }
}

/// Makes the fates of one partition.
pub(crate) struct Fates {
    to: TopicPartition,
    stages: Arc<[Stage]>,
    names: Names,
}

/// Names of headers, shared by all records.
struct Names {
    origin: Arc<str>,
    tenant: Arc<str>,
    kind: Arc<str>,
    severity: Arc<str>,
    fate: Arc<str>,
}

impl Fates {
    /// The maker for an enriched partition.
    pub(crate) fn new(to: TopicPartition, stages: Arc<[Stage]>) -> Self {
        let names = Names {
            origin: topic::HEADER_ORIGIN.into(),
            tenant: topic::HEADER_TENANT.into(),
            kind: topic::HEADER_KIND.into(),
            severity: topic::HEADER_SEVERITY.into(),
            fate: topic::HEADER_FATE.into(),
        };
        Self { to, stages, names }
    }

    /// The enriched partition.
    pub(crate) fn to(&self) -> &TopicPartition {
        &self.to
    }

    /// The enriched event of an accepted record.
    pub(crate) fn enriched(&self, record: &Record) -> Result<Fate, BadRecord> {
        let Accepted {
            tenant,
            received_at,
            event,
        } = decode_accepted(record.value.clone())?;
        let context = enrich(&event, &self.stages);
        let headers = self.event_headers(record.offset, tenant.as_str(), &event);
        let class = Class::default();
        let enriched = Enriched {
            expires_at: class.expires_at(event.time(), received_at),
            tenant,
            received_at,
            event,
            context,
            class,
            revision: 0,
        };
        Ok(self.fate(
            record.offset,
            record.key.clone(),
            encode_enriched(enriched),
            headers,
        ))
    }

    /// The marker of an accepted record that can never be enriched.
    pub(crate) fn dead(&self, origin: u64, key: Bytes) -> Fate {
        let headers = vec![
            self.origin_header(origin),
            (self.names.fate.clone(), topic::FATE_DEAD.into()),
        ];
        self.fate(origin, key, Bytes::new(), headers)
    }

    fn fate(&self, origin: u64, key: Bytes, value: Bytes, headers: Headers) -> Fate {
        let to = self.to.clone();
        Fate {
            origin,
            record: NewRecord {
                to,
                key,
                value,
                headers,
            },
        }
    }

    fn event_headers(&self, origin: u64, tenant: &str, event: &Event) -> Headers {
        vec![
            self.origin_header(origin),
            (
                self.names.tenant.clone(),
                Bytes::copy_from_slice(tenant.as_bytes()),
            ),
            (self.names.kind.clone(), event.kind().as_str().into()),
            (self.names.severity.clone(), event.severity.as_str().into()),
        ]
    }

    fn origin_header(&self, origin: u64) -> (Arc<str>, Bytes) {
        (self.names.origin.clone(), origin.to_string().into())
    }
}
