//! Operations and shapes of answers for the published description.
//!
//! They describe and are never called or made: events are written by the domain. A test compares them with real
//! answers.

#![expect(dead_code, reason = "describes what is done elsewhere")]

use utoipa::{IntoResponses, ToSchema};

/// The path of a search.
pub(super) const EVENTS: &str = "/api/v1/ingestion/events";

/// One page of the events that match: each once, in order. Following `next_cursor` until it is null gives all.
#[utoipa::path(
    get,
    path = "/api/v1/ingestion/events",
    tag = "ingestion",
    operation_id = "search",
    responses(
        (status = 200, description = "A page. It has fewer events than `limit` where the range ends, where the \
            page has its most bytes, or where `complete` is false.", body = SearchPage),
        Refused,
    ),
)]
fn search() {}

/// One event by its id.
#[utoipa::path(
    get,
    path = "/api/v1/ingestion/events/{id}",
    tag = "ingestion",
    operation_id = "getEvent",
    params(
        ("id" = String, Path, description = "The id of the event.", example = "019c12f0-9ffa-7d0c-8a52-0f6f1f1d2c3b"),
        ("after" = Option<String>, Query,
            description = "Token of an ingest: where the event is not there yet, wait until that write is visible."),
    ),
    responses(
        (status = 200, description = "The event.", body = StoredEvent),
        (status = 404, description = "The tenant has no such event: unknown, expired or deleted.",
            body = Problem, content_type = "application/problem+json"),
        Refused,
    ),
)]
fn get() {}

/// Deletes one event by its id, also while it is on its way. Deleting it again changes nothing.
#[utoipa::path(
    delete,
    path = "/api/v1/ingestion/events/{id}",
    tag = "ingestion",
    operation_id = "deleteEvent",
    params(
        ("id" = String, Path, description = "The id of the event.", example = "019c12f0-9ffa-7d0c-8a52-0f6f1f1d2c3b"),
    ),
    responses(
        (status = 204, description = "No answer has the event from now on, whether there was one or not."),
        (status = 400, description = "The id is not one of events, or there are parameters.",
            body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "There is no key, or it opens nothing.",
            body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope manage.",
            body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store can't answer now; `Retry-After` says when to try again.",
            body = Problem, content_type = "application/problem+json"),
    ),
)]
fn delete() {}

/// Why a read is refused.
#[derive(IntoResponses)]
pub(super) enum Refused {
    /// A parameter is wrong; `errors` names it.
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem),
    /// There is no key, or it opens nothing.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
    /// The key lacks the scope read.
    #[response(status = 403, content_type = "application/problem+json")]
    MissingScope(Problem),
    /// Too many requests of the kind are under way, or those of the tenant have read more than they may over
    /// time; `Retry-After` says when to try again.
    #[response(status = 429, content_type = "application/problem+json")]
    Limited(Problem),
    /// The store can't answer now; `Retry-After` says when to try again.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
    /// The write that `after` names is on its way and was not visible in time; `Retry-After` says when to try again.
    #[response(status = 504, content_type = "application/problem+json")]
    NotYetVisible(Problem),
}

/// A page of a search.
#[derive(ToSchema)]
#[schema(example = json!({
    "events": [{
        "id": "019c12f0-9ffa-7d0c-8a52-0f6f1f1d2c3b", "timestamp": "2026-01-31T08:30:00.250Z",
        "received_at": "2026-01-31T08:30:00.311Z", "kind": "generic", "severity": "info", "priority": "standard",
        "service": "checkout", "name": "started", "attributes": {"cart": {"total": 99}}, "context": {}
    }],
    "next_cursor": "hJ2k...", "complete": true,
    "from": "2026-01-30T08:31:00.000Z", "to": "2026-01-31T08:31:00.000Z"
}))]
struct SearchPage {
    /// In the order asked for.
    events: Vec<StoredEvent>,
    /// Goes on after this page; null at the end.
    #[schema(required)]
    next_cursor: Option<String>,
    /// False where the work allowed for one request ended before the page was full, or where a part of the index can't
    /// be read for now: the events are right, and `next_cursor` goes on after the last one that was looked at.
    complete: bool,
    /// Begin of the range as it was resolved.
    #[schema(format = DateTime)]
    from: String,
    /// End of the range as it was resolved.
    #[schema(format = DateTime)]
    to: String,
    /// Where it was asked for.
    explain: Option<Explanation>,
}

/// What was read for one page, and why.
#[derive(ToSchema)]
#[schema(example = json!({
    "filter": "service:checkout kind:error", "index": "(service:checkout and kind:error)",
    "fresh_segments": 3, "fresh_events": 120, "units": 5, "unit_events": 91000, "opened_units": 1,
    "opened": [{
        "unit": "0f5e2a90c1d34b7788aa00112233ccdd", "source": "standard/1/3", "level": 1, "events": 20000,
        "first": "2026-01-31T08:00:00.000Z", "last": "2026-01-31T08:59:59.998Z"
    }],
    "pages": 14, "read_pages": 2, "candidates": 33, "tested": 33, "found": 33, "waves": 2, "elapsed_us": 4100,
    "notes": []
}))]
struct Explanation {
    /// The filter as it was understood.
    filter: String,
    /// What the index was asked; every candidate is read and tested.
    index: String,
    /// Segments that are not in units yet.
    fresh_segments: u64,
    /// Their events.
    fresh_events: u64,
    /// Units that touch the range.
    units: u64,
    /// Their events.
    unit_events: u64,
    /// Units of which something was read.
    opened_units: u64,
    /// The first of them.
    opened: Vec<OpenedUnit>,
    /// Pages of units that were needed.
    pages: u64,
    /// Those of them that were read from the store.
    read_pages: u64,
    /// Events that the index named.
    candidates: u64,
    /// Events that were read and tested.
    tested: u64,
    /// Events in the page.
    found: u64,
    /// Rounds of reading one after the other.
    waves: u64,
    /// Time in microseconds, without waiting for a write.
    elapsed_us: u64,
    /// What is worth knowing.
    notes: Vec<String>,
}

/// A unit of the index of which something was read.
#[derive(ToSchema)]
struct OpenedUnit {
    unit: String,
    source: String,
    /// 0 as it was sealed; merged of others to an hour 1, a day 2, eight days 3.
    level: u8,
    events: u32,
    /// Time of its first event.
    #[schema(format = DateTime)]
    first: String,
    /// Time of its last event.
    #[schema(format = DateTime)]
    last: String,
}

/// An event as it was sent, with the fields of its kind, and what was found out about it.
#[derive(ToSchema)]
#[schema(example = json!({
    "id": "019c12f0-9ffa-7d0c-8a52-0f6f1f1d2c3b", "timestamp": "2026-01-31T08:30:00.250Z",
    "received_at": "2026-01-31T08:30:00.311Z", "kind": "api_request", "severity": "info", "priority": "standard",
    "service": "checkout", "user_id": "u-77", "method": "GET", "path": "/api/v1/orders/1024", "status_code": 200,
    "duration_ms": 12.5, "user_agent": "curl/8.5.0", "attributes": {"cart": {"total": 99}},
    "context": {
        "client": {"browser": "curl", "browser_version": "8.5.0", "device": "other", "bot": false},
        "route": "/api/v1/orders/{number}"
    }
}))]
struct StoredEvent {
    /// A UUIDv7.
    id: String,
    /// When it happened: the time of the id.
    #[schema(format = DateTime)]
    timestamp: String,
    /// When it was received.
    #[schema(format = DateTime)]
    received_at: String,
    /// `api_request`, `error`, `user_action` or `generic`.
    kind: String,
    /// `debug`, `info`, `warning`, `error` or `fatal`.
    severity: String,
    /// `standard` or `urgent`.
    priority: String,
    service: Option<String>,
    environment: Option<String>,
    release: Option<String>,
    user_id: Option<String>,
    session_id: Option<String>,
    trace_id: Option<String>,
    span_id: Option<String>,
    external_id: Option<String>,
    /// As it was sent.
    #[schema(value_type = Option<Object>)]
    attributes: Option<()>,
    context: Context,
}

/// What enrichment found out.
#[derive(ToSchema)]
struct Context {
    client: Option<Client>,
    /// Template of the path, where the producer gave no route.
    route: Option<String>,
}

/// The program at the other end, from `user_agent`.
#[derive(ToSchema)]
struct Client {
    browser: Option<String>,
    browser_version: Option<String>,
    os: Option<String>,
    os_version: Option<String>,
    /// `desktop`, `mobile`, `appliance`, `crawler` or `other`.
    device: String,
    bot: bool,
}

/// An error, as in RFC 9457.
#[derive(ToSchema)]
pub(super) struct Problem {
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
    /// Where `q` is wrong, in characters from 1.
    column: Option<usize>,
}

/// One part that is wrong.
#[derive(ToSchema)]
struct Fault {
    /// A stable name.
    code: String,
    /// The parameter.
    field: String,
    /// What is wrong, what is allowed and what to do.
    message: String,
}
