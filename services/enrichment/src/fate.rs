//! The fates of accepted records, and back to their origins. Pure: the same record makes the same fate of a kind.

use std::sync::Arc;

use bytes::Bytes;
use domain::enrich::{Stage, enrich};
use domain::event::Event;
use domain::record::{Accepted, Enriched};
use domain::retention::Class;
use domain::topic;
use eventlog::{Headers, NewRecord, Record, TopicPartition};
use proto::record::{decode_accepted, decode_enriched, encode_enriched};

/// What becomes of one accepted record.
pub(crate) struct Fate {
    /// The accepted offset.
    pub(crate) origin: u64,
    /// What it is.
    pub(crate) kind: Kind,
    /// What is appended to the enriched partition.
    pub(crate) record: NewRecord,
}

/// What a fate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The event with its context.
    Enriched,
    /// The marker of one that repeats an earlier one.
    Duplicate,
    /// The marker of one that can never be enriched.
    Dead,
}

impl Kind {
    /// The name in metrics, and of a marker in its header.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Enriched => "enriched",
            Self::Duplicate => topic::FATE_DUPLICATE,
            Self::Dead => topic::FATE_DEAD,
        }
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

    /// The enriched event of an accepted record, which says what is `accepted`.
    pub(crate) fn enriched(&self, record: &Record, accepted: Accepted) -> Fate {
        let Accepted {
            tenant,
            received_at,
            event,
        } = accepted;
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
        self.fate(
            Kind::Enriched,
            record.offset,
            record.key.clone(),
            encode_enriched(enriched),
            headers,
        )
    }

    /// The marker of an accepted record that repeats an earlier one.
    pub(crate) fn duplicate(&self, record: &Record) -> Fate {
        self.marker(Kind::Duplicate, record.offset, record.key.clone())
    }

    /// The marker of an accepted record that can never be enriched.
    pub(crate) fn dead(&self, origin: u64, key: Bytes) -> Fate {
        self.marker(Kind::Dead, origin, key)
    }

    fn marker(&self, kind: Kind, origin: u64, key: Bytes) -> Fate {
        let headers = vec![
            self.origin_header(origin),
            (self.names.fate.clone(), kind.as_str().into()),
        ];
        self.fate(kind, origin, key, Bytes::new(), headers)
    }

    fn fate(&self, kind: Kind, origin: u64, key: Bytes, value: Bytes, headers: Headers) -> Fate {
        let to = self.to.clone();
        Fate {
            origin,
            kind,
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
