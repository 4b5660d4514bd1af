//! Shapes of bodies and answers for the published description.
//!
//! They describe and are never made: bodies are read by the domain and answers are written from its verdicts.
//! A test compares them with real answers.

#![expect(dead_code, reason = "describes what is written elsewhere")]

use serde::Serialize;
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// Headers that say something of the events.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct EventHeaders {
    /// 1 to 128 visible characters of ASCII. With it, an event that has a `timestamp` and no `id` gets an id that a
    /// repeated request makes again.
    #[param(rename = "Idempotency-Key", example = "order-1024-attempt-1")]
    idempotency_key: Option<String>,
    /// The producer's clock as it sent the request, where the body does not say it. Corrects the timestamps of a
    /// clock that is off.
    #[param(rename = "Sluice-Sent-At", format = DateTime)]
    sent_at: Option<String>,
}

/// A message of the published protobuf schema.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(crate) struct Message(Vec<u8>);

/// One event a line.
#[derive(ToSchema)]
#[schema(value_type = String, example = "{\"kind\":\"generic\",\"name\":\"started\"}\n{\"kind\":\"generic\",\"name\":\"stopped\"}\n")]
pub(crate) struct Lines(String);

/// What happened. The fields of other kinds are refused.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    ApiRequest,
    Error,
    UserAction,
    Generic,
}

/// How bad it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    Debug,
    Info,
    Warning,
    Error,
    Fatal,
}

/// How soon it has to be through.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Priority {
    Standard,
    Urgent,
}

/// One event: the common fields and those of its kind. `null` is the same as absent; other fields are refused.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "kind": "api_request",
    "service": "checkout",
    "environment": "production",
    "user_id": "u-77",
    "method": "GET",
    "path": "/api/v1/orders/1024",
    "status_code": 200,
    "duration_ms": 12.5,
    "attributes": {"cart": {"total": 99}}
}))]
pub(crate) struct Event {
    kind: Kind,
    /// A UUIDv7, whose time is the event's time. Made where it is absent.
    id: Option<String>,
    /// When it happened; the time of receipt where it is absent.
    #[schema(format = DateTime)]
    timestamp: Option<String>,
    service: Option<String>,
    environment: Option<String>,
    release: Option<String>,
    /// Required by `user_action`.
    user_id: Option<String>,
    session_id: Option<String>,
    trace_id: Option<String>,
    span_id: Option<String>,
    /// `error` for errors and `info` for all others where it is absent.
    severity: Option<Severity>,
    /// The producer's own id, in any form of up to 128 bytes. An event that has the same one as another shortly before
    /// it is dropped as its repeat.
    external_id: Option<String>,
    priority: Option<Priority>,
    /// Anything else: at most 32 KiB, 256 keys, 8 levels.
    #[schema(value_type = Option<Object>)]
    attributes: Option<()>,
    /// Required by `api_request`.
    method: Option<String>,
    /// Required by `api_request`.
    path: Option<String>,
    /// Required by `api_request`.
    #[schema(minimum = 100, maximum = 599)]
    status_code: Option<u16>,
    /// Required by `api_request`.
    #[schema(minimum = 0)]
    duration_ms: Option<f64>,
    /// `api_request`: the template of the path, such as `/orders/{id}`.
    route: Option<String>,
    /// `api_request`
    request_bytes: Option<u64>,
    /// `api_request`
    response_bytes: Option<u64>,
    /// `api_request`
    query: Option<String>,
    /// `api_request`, `error`, `user_action`: an IPv4 or IPv6 address.
    client_ip: Option<String>,
    /// `api_request`, `error`, `user_action`
    user_agent: Option<String>,
    /// Required by `error`.
    error_type: Option<String>,
    /// Required by `error`.
    message: Option<String>,
    /// `error`
    stack_trace: Option<String>,
    /// `error`
    handled: Option<bool>,
    /// `error`: the producer's own grouping.
    fingerprint: Option<String>,
    /// Required by `user_action`.
    action: Option<String>,
    /// `user_action`
    target: Option<String>,
    /// `user_action`
    url: Option<String>,
    /// Required by `generic`.
    name: Option<String>,
}

/// Up to 1,000 events: a list, or an object that holds one.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Batch {
    List(Vec<Event>),
    Envelope(Envelope),
}

/// Events and the producer's clock.
#[derive(Serialize, ToSchema)]
pub(crate) struct Envelope {
    events: Vec<Event>,
    /// The producer's clock as it sent the request.
    #[schema(format = DateTime)]
    sent_at: Option<String>,
}

/// One event, a list, or an object that holds one and begins with `events` or `sent_at`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum EventOrBatch {
    Event(Box<Event>),
    List(Vec<Event>),
    Envelope(Envelope),
}

/// The log has the event.
#[derive(ToSchema)]
#[schema(example = json!({
    "id": "019c12f0-9ffa-7d0c-8a52-0f6f1f1d2c3b", "status": "accepted", "warnings": [], "token": "q83v..."
}))]
pub(crate) struct OneAccepted {
    id: String,
    /// Always `accepted`.
    status: String,
    warnings: Vec<Fault>,
    /// A search with it as `after` waits until the event is visible.
    token: String,
}

/// A verdict on each event, of which at least one was accepted.
#[derive(ToSchema)]
#[schema(example = json!({
    "accepted": 1, "duplicates": 0, "rejected": 1, "token": "q83v...",
    "results": [
        {"index": 0, "status": "accepted", "id": "019c12f0-9ffa-7d0c-8a52-0f6f1f1d2c3b"},
        {"index": 1, "status": "invalid", "errors": [{
            "code": "too_long", "field": "message", "message": "message has 9000 bytes, at most 8192 are allowed"
        }]}
    ]
}))]
pub(crate) struct ManyAccepted {
    /// New and in the log.
    accepted: u32,
    /// Repeats of an accepted event of this request.
    duplicates: u32,
    /// All others.
    rejected: u32,
    /// A search with it as `after` waits until the events are visible.
    token: String,
    /// One per event, in order.
    results: Vec<Verdict>,
}

/// What became of one event.
#[derive(ToSchema)]
pub(crate) struct Verdict {
    /// Place in the request, from 0.
    index: u32,
    status: VerdictStatus,
    /// Where it was accepted or is a duplicate.
    id: Option<String>,
    warnings: Option<Vec<Fault>>,
    /// Every fault of an invalid event.
    errors: Option<Vec<Fault>>,
    /// When to send a limited or unavailable event again.
    retry_after_ms: Option<u32>,
}

/// The fates of events.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VerdictStatus {
    Accepted,
    Duplicate,
    Invalid,
    Limited,
    Unavailable,
}

/// What a validation found.
#[derive(ToSchema)]
#[schema(example = json!({"valid": 1, "invalid": 0, "results": [{"index": 0, "status": "accepted"}]}))]
pub(crate) struct Validated {
    valid: u32,
    invalid: u32,
    /// One per event, in order. A valid event has the status `accepted`; an id that would be made is not shown.
    results: Vec<Verdict>,
}

/// One fault or warning.
#[derive(ToSchema)]
pub(crate) struct Fault {
    /// A stable name.
    #[schema(example = "too_long")]
    code: String,
    /// The field, empty where the whole is meant.
    #[schema(example = "message")]
    field: String,
    /// What is wrong, what is allowed and what to do.
    message: String,
}

/// An error, as in RFC 9457.
#[derive(ToSchema)]
#[schema(example = json!({
    "type": "urn:sluice:error:invalid_events", "title": "No event is valid", "status": 400,
    "detail": "event is not valid: name is required", "code": "invalid_events", "request_id": "b1946ac92492d2347c6235b4d2611184",
    "errors": [{"code": "missing", "field": "name", "message": "name is required"}]
}))]
pub(crate) struct Problem {
    r#type: String,
    title: String,
    status: u16,
    /// What is wrong this time and what to do.
    detail: String,
    /// A stable name to branch on.
    code: String,
    request_id: Option<String>,
    /// The parts that are wrong.
    errors: Option<Vec<Fault>>,
    /// When to try again.
    retry_after_ms: Option<u32>,
    /// Where no event of a request was accepted: as in the answer to one that was.
    accepted: Option<u32>,
    /// See `accepted`.
    duplicates: Option<u32>,
    /// See `accepted`.
    rejected: Option<u32>,
    /// See `accepted`.
    results: Option<Vec<Verdict>>,
}

/// Without a good key.
#[derive(IntoResponses)]
pub(crate) enum Denied {
    /// There is no key, or it opens nothing.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
    /// The key lacks a scope, or is another tenant's.
    #[response(status = 403, content_type = "application/problem+json")]
    MissingScope(Problem),
}

/// Why events are refused, beside their faults.
#[derive(IntoResponses)]
pub(crate) enum Refused {
    /// There is no key, or it opens nothing.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
    /// The key lacks the scope `ingest`.
    #[response(status = 403, content_type = "application/problem+json")]
    MissingScope(Problem),
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    Timeout(Problem),
    /// The body or the number of events is over the limit.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The type or the encoding of the body is not taken; `detail` names those that are.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(Problem),
    /// The tenant is over a limit; `Retry-After` says when to send again.
    #[response(status = 429, content_type = "application/problem+json")]
    Limited(Problem),
    /// The log did not take the events in time; `Retry-After` says when to send again.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}
