//! Bytes of one `sluice.v1.Event` -> [`Draft`], with every fault that reading can find.

use bytes::Bytes;
use domain::draft::Draft;
use domain::event::{Kind, Priority, Severity};
use domain::fault::{Code, Fault, Faults};
use domain::limits::Limits;
use domain::time::Millis;
use prost::Message;
use prost_types::Timestamp;

use crate::v1;
use crate::v1::event::Body;

/// Reads one event. Fields that the schema does not know are passed over, as protobuf has it.
///
/// Bytes that do not decode give a draft whose only content is that fault.
pub fn read(bytes: Bytes, limits: &Limits) -> Draft {
    if bytes.len() > limits.event_bytes {
        return Draft::unreadable(Fault::event_too_large(bytes.len(), limits.event_bytes));
    }
    match v1::Event::decode(bytes) {
        Ok(event) => draft(event),
        Err(error) => {
            let message = format!("event is no message sluice.v1.Event: {error}");
            Draft::unreadable(Fault::new(Code::InvalidProtobuf, "", message))
        }
    }
}

/// Reads the time that a request was sent at.
pub fn sent_at(timestamp: Option<Timestamp>) -> Result<Option<Millis>, Fault> {
    timestamp.map(|timestamp| time("sent_at", timestamp)).transpose()
}

fn time(field: &'static str, timestamp: Timestamp) -> Result<Millis, Fault> {
    Millis::from_parts(timestamp.seconds, timestamp.nanos).ok_or_else(|| {
        let message = format!(
            "{field} has nanos {}, 0 to 999999999 are allowed",
            timestamp.nanos
        );
        Fault::new(Code::InvalidValue, field, message)
    })
}

fn draft(event: v1::Event) -> Draft {
    let mut faults = Faults::default();
    let timestamp = event.timestamp.and_then(|timestamp| {
        time("timestamp", timestamp)
            .map_err(|fault| faults.push(fault))
            .ok()
    });
    let severity = severity(event.severity, &mut faults);
    let priority = priority(event.priority, &mut faults);
    let draft = Draft {
        faults,
        id: text(event.id),
        timestamp,
        service: text(event.service),
        environment: text(event.environment),
        release: text(event.release),
        user_id: text(event.user_id),
        session_id: text(event.session_id),
        trace_id: text(event.trace_id),
        span_id: text(event.span_id),
        severity,
        external_id: text(event.external_id),
        priority,
        attributes: Some(event.attributes)
            .filter(|raw| !raw.is_empty())
            .map(Vec::from),
        ..Draft::default()
    };
    match event.body {
        Some(body) => with_body(draft, body),
        None => draft,
    }
}

fn with_body(draft: Draft, body: Body) -> Draft {
    match body {
        Body::ApiRequest(body) => Draft {
            kind: Some(Kind::ApiRequest),
            method: text(body.method),
            path: text(body.path),
            status_code: Some(i64::from(body.status_code)).filter(|code| *code != 0),
            duration_ms: body.duration_ms,
            route: text(body.route),
            request_bytes: body.request_bytes,
            response_bytes: body.response_bytes,
            client_ip: text(body.client_ip),
            user_agent: text(body.user_agent),
            query: text(body.query),
            ..draft
        },
        Body::Error(body) => Draft {
            kind: Some(Kind::Error),
            error_type: text(body.error_type),
            message: text(body.message),
            stack_trace: text(body.stack_trace),
            handled: body.handled,
            fingerprint: text(body.fingerprint),
            client_ip: text(body.client_ip),
            user_agent: text(body.user_agent),
            ..draft
        },
        Body::UserAction(body) => Draft {
            kind: Some(Kind::UserAction),
            action: text(body.action),
            target: text(body.target),
            url: text(body.url),
            client_ip: text(body.client_ip),
            user_agent: text(body.user_agent),
            ..draft
        },
        Body::Generic(body) => Draft {
            kind: Some(Kind::Generic),
            name: text(body.name),
            ..draft
        },
    }
}

fn text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn severity(number: i32, faults: &mut Faults) -> Option<Severity> {
    if let Ok(severity) = v1::Severity::try_from(number) {
        return crate::into_domain::severity(severity);
    }
    let message = format!("severity is {number}, which is no value of sluice.v1.Severity");
    faults.push(Fault::new(Code::InvalidValue, "severity", message));
    None
}

fn priority(number: i32, faults: &mut Faults) -> Option<Priority> {
    if let Ok(priority) = v1::Priority::try_from(number) {
        return crate::into_domain::priority(priority);
    }
    let message = format!("priority is {number}, which is no value of sluice.v1.Priority");
    faults.push(Fault::new(Code::InvalidValue, "priority", message));
    None
}
