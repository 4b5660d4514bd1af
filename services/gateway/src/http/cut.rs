//! The body of a request -> the bytes of each of its events, and what the body says of all of them.

use bytes::Bytes;
use domain::draft::Draft;
use domain::json;
use domain::limits::Limits;
use domain::split::{self, Batch};
use domain::time::Millis;
use edge::{ApiError, ErrorCode};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};
use proto::v1;

use super::format::Format;
use super::headers;
use crate::refusal;

/// Number of the field `events` in every request of many.
const EVENTS_FIELD: u32 = 1;

/// A body cut into its events.
#[derive(Debug, Default)]
pub(crate) struct Cut<'a> {
    pub(crate) events: Vec<Raw<'a>>,
    pub(crate) sent_at: Option<Millis>,
    pub(crate) idempotency_key: Option<String>,
}

/// The bytes of one event.
#[derive(Clone, Debug)]
pub(crate) enum Raw<'a> {
    Json(&'a [u8]),
    Protobuf(Bytes),
}

impl Raw<'_> {
    /// Reads the event.
    pub(crate) fn draft(self, limits: &Limits) -> Draft {
        match self {
            Self::Json(bytes) => json::read(bytes, limits),
            Self::Protobuf(bytes) => proto::read::read(bytes, limits),
        }
    }
}

impl<'a> Cut<'a> {
    /// A body that is one event.
    pub(crate) fn one(format: Format, body: &'a Bytes) -> Result<Self, ApiError> {
        if format != Format::Protobuf {
            return Ok(Self {
                events: vec![Raw::Json(body)],
                ..Self::default()
            });
        }
        let request: v1::IngestRequest = decode("IngestRequest", body)?;
        Ok(Self {
            events: vec![Raw::Protobuf(request.event)],
            sent_at: sent_at(request.sent_at)?,
            idempotency_key: key(&request.idempotency_key)?,
        })
    }

    /// A body of many events.
    pub(crate) fn many(format: Format, body: &'a Bytes, limits: &Limits) -> Result<Self, ApiError> {
        let max = limits.batch_events;
        match format {
            Format::Json => Self::of_batch(split::json(body, max)),
            Format::Ndjson => Self::of_batch(split::ndjson(body, max)),
            Format::Protobuf => {
                refuse_too_many(body, max)?;
                let request: v1::IngestBatchRequest = decode("IngestBatchRequest", body)?;
                Ok(Self {
                    events: request.events.into_iter().map(Raw::Protobuf).collect(),
                    sent_at: sent_at(request.sent_at)?,
                    idempotency_key: key(&request.idempotency_key)?,
                })
            }
        }
    }

    /// A body of one event or of many: a JSON object that does not begin as a batch does is one event.
    pub(crate) fn any(format: Format, body: &'a Bytes, limits: &Limits) -> Result<Self, ApiError> {
        if format == Format::Json && is_one_event(body) {
            return Self::one(format, body);
        }
        Self::many(format, body, limits)
    }

    fn of_batch(batch: Result<Batch<'a>, split::Error>) -> Result<Self, ApiError> {
        let batch = batch.map_err(|error| match error {
            split::Error::TooMany { max } => refusal::too_many_events(max),
            other => ApiError::new(ErrorCode::InvalidBody, other.to_string()),
        })?;
        let sent_at = batch.sent_at.map(|text| {
            text.parse()
                .map_err(|error| refusal::invalid_field("sent_at", format!("sent_at is {error}")))
        });
        Ok(Self {
            events: batch.events.into_iter().map(Raw::Json).collect(),
            sent_at: sent_at.transpose()?,
            idempotency_key: None,
        })
    }
}

fn is_one_event(body: &[u8]) -> bool {
    let Some(inside) = body.trim_ascii_start().strip_prefix(b"{") else {
        return false;
    };
    let inside = inside.trim_ascii_start();
    !inside.starts_with(b"\"events\"") && !inside.starts_with(b"\"sent_at\"")
}

fn decode<M: Message + Default>(name: &str, body: &Bytes) -> Result<M, ApiError> {
    M::decode(body.clone()).map_err(|error| {
        ApiError::new(
            ErrorCode::InvalidBody,
            format!("body is no message sluice.v1.{name}: {error}"),
        )
    })
}

fn sent_at(timestamp: Option<prost_types::Timestamp>) -> Result<Option<Millis>, ApiError> {
    proto::read::sent_at(timestamp).map_err(refusal::faulty)
}

/// In protobuf an empty text is the same as none.
fn key(key: &str) -> Result<Option<String>, ApiError> {
    Some(key)
        .filter(|key| !key.is_empty())
        .map(|key| headers::idempotency_key("idempotency_key", key))
        .transpose()
}

/// A message of millions of empty events takes far more memory than bytes, so they are counted before.
/// What does not decode is left for the decoder to say.
fn refuse_too_many(body: &Bytes, max: usize) -> Result<(), ApiError> {
    let mut rest = body.as_ref();
    let mut events = 0_usize;
    while !rest.is_empty() {
        let Ok((tag, wire_type)) = decode_key(&mut rest) else {
            break;
        };
        if skip_field(wire_type, tag, &mut rest, DecodeContext::default()).is_err() {
            break;
        }
        events += usize::from(tag == EVENTS_FIELD && wire_type == WireType::LengthDelimited);
        if events > max {
            return Err(refusal::too_many_events(max));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    fn events_of_any(text: &str) -> usize {
        Cut::any(Format::Json, &json(text), &Limits::default())
            .unwrap()
            .events
            .len()
    }

    #[test]
    fn a_body_to_validate_is_one_event_or_a_batch() {
        assert_eq!(events_of_any(r#" {"kind":"generic"}"#), 1);
        assert_eq!(events_of_any(r#"{"events":[{},{}]}"#), 2);
        assert_eq!(
            events_of_any(r#"{ "sent_at":"2026-01-01T00:00:00Z","events":[{},{},{}]}"#),
            3
        );
        assert_eq!(events_of_any("[{},{}]"), 2);
        assert_eq!(events_of_any("{}"), 1);
    }

    #[test]
    fn one_event_too_many_is_refused_in_every_form() {
        let limits = Limits {
            batch_events: 2,
            ..Limits::default()
        };
        let message = |count| v1::IngestBatchRequest {
            events: vec![Bytes::new(); count],
            ..Default::default()
        };
        let body = |format, count| match format {
            Format::Json => json(&format!("[{}]", vec!["{}"; count].join(","))),
            Format::Ndjson => json(&"{}\n".repeat(count)),
            Format::Protobuf => message(count).encode_to_vec().into(),
        };
        for format in Format::OF_MANY.iter().copied() {
            assert_eq!(
                Cut::many(format, &body(format, 2), &limits).unwrap().events.len(),
                2
            );
            let error = Cut::many(format, &body(format, 3), &limits).unwrap_err();
            assert_eq!(error.code, ErrorCode::TooManyEvents, "{format:?}");
        }
    }

    #[test]
    fn a_message_without_an_event_is_one_empty_event() {
        let body = Bytes::new();
        assert_eq!(Cut::one(Format::Protobuf, &body).unwrap().events.len(), 1);
    }

    proptest! {
        #[test]
        fn no_body_panics(body: Vec<u8>) {
            let body = Bytes::from(body);
            for format in Format::OF_MANY.iter().copied() {
                let _ = Cut::one(format, &body);
                let _ = Cut::many(format, &body, &Limits::default());
                let _ = Cut::any(format, &body, &Limits::default());
            }
        }
    }
}
