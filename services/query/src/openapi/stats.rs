//! Statistics in the published description. As in `schemas`, nothing here is called or made.
//!
//! - `parameters`: what requests may say.

#![expect(dead_code, reason = "describes what is done elsewhere")]

mod parameters;

use std::collections::BTreeMap;

use utoipa::ToSchema;

pub(super) use self::parameters::parameters;
use super::schemas::Refused;

/// The paths.
pub(super) const OVERVIEW: &str = "/api/v1/ingestion/stats";
pub(super) const TIMESERIES: &str = "/api/v1/analytics/timeseries";
pub(super) const TOP: &str = "/api/v1/analytics/top";
pub(super) const SUMMARY: &str = "/api/v1/analytics/summary";

/// How many events there were in a range, by kind, severity, service and environment.
#[utoipa::path(
    get,
    path = "/api/v1/ingestion/stats",
    tag = "ingestion",
    operation_id = "stats",
    responses((status = 200, description = "The counts.", body = EventStats), Refused),
)]
pub(super) fn overview() {}

/// The greatest groups over time: a value for each point of each.
#[utoipa::path(
    get,
    path = "/api/v1/analytics/timeseries",
    tag = "analytics",
    operation_id = "timeseries",
    responses((status = 200, description = "The series.", body = Timeseries), Refused),
)]
pub(super) fn timeseries() {}

/// The greatest groups of a range.
#[utoipa::path(
    get,
    path = "/api/v1/analytics/top",
    tag = "analytics",
    operation_id = "top",
    responses((status = 200, description = "The groups.", body = Top), Refused),
)]
pub(super) fn top() {}

/// Events, requests, errors and actions of a range.
#[utoipa::path(
    get,
    path = "/api/v1/analytics/summary",
    tag = "analytics",
    operation_id = "summary",
    responses((status = 200, description = "The summary.", body = Summary), Refused),
)]
pub(super) fn summary() {}

/// Counts of events.
#[derive(ToSchema)]
#[schema(example = json!({
    "from": "2026-01-30T08:31:00.000Z", "to": "2026-01-31T08:31:00.000Z", "fresh_until": "2026-01-31T08:30:59.120Z",
    "events_per_second": 0.001, "total": 123, "by_kind": {"api_request": 100, "error": 23},
    "by_severity": {"info": 100, "error": 23}, "by_service": {"": 3, "checkout": 120},
    "by_environment": {"production": 123}, "other_services": 0, "other_environments": 0, "lower_bound": false
}))]
struct EventStats {
    /// Begin of the range that was counted.
    #[schema(format = DateTime)]
    from: String,
    /// End of the range that was counted.
    #[schema(format = DateTime)]
    to: String,
    /// Everything that was acknowledged before this time is counted; null where that is not known.
    #[schema(format = DateTime, required)]
    fresh_until: Option<String>,
    /// Of the part of the range that has passed.
    events_per_second: f64,
    #[serde(flatten)]
    events: EventCounts,
    /// Whether a count may be too low, because some of its events had no room of their own.
    lower_bound: bool,
}

/// Counts of events by value; the key is empty where events have none.
#[derive(ToSchema)]
struct EventCounts {
    total: u64,
    by_kind: BTreeMap<String, u64>,
    by_severity: BTreeMap<String, u64>,
    by_service: BTreeMap<String, u64>,
    by_environment: BTreeMap<String, u64>,
    /// Events whose service had no room of its own.
    other_services: u64,
    /// Events whose environment had no room of its own.
    other_environments: u64,
}

/// Series of the greatest groups.
#[derive(ToSchema)]
#[schema(example = json!({
    "from": "2026-01-31T08:00:00.000Z", "to": "2026-01-31T09:00:00.000Z", "step": "30m",
    "fresh_until": "2026-01-31T08:59:59.120Z", "of": "events", "by": ["service"],
    "times": ["2026-01-31T08:00:00.000Z", "2026-01-31T08:30:00.000Z"],
    "series": [
        {"group": {"service": "checkout"}, "total": {"count": 7}, "values": [{"count": 4}, {"count": 3}]},
        {"group": null, "total": {"count": 2}, "values": [{"count": 0}, {"count": 2}]}
    ],
    "lower_bound": false
}))]
struct Timeseries {
    /// Begin of the range that was counted: where rows are left, that of the first point.
    #[schema(format = DateTime)]
    from: String,
    /// End of the last point.
    #[schema(format = DateTime)]
    to: String,
    step: String,
    /// Everything that was acknowledged before this time is counted; null where that is not known.
    #[schema(format = DateTime, required)]
    fresh_until: Option<String>,
    of: String,
    by: Vec<String>,
    /// When each point begins.
    #[schema(format = DateTime)]
    times: Vec<String>,
    /// The greatest by count first; all others, if there are any, are the last.
    series: Vec<Series>,
    /// Whether a group may have more than is said, because some of its events had no room of their own.
    lower_bound: bool,
}

/// One group over time.
#[derive(ToSchema)]
struct Series {
    /// A value for each dimension of `by`, null where events have none. Null for all other groups.
    #[schema(required)]
    group: Option<BTreeMap<String, Option<String>>>,
    /// Of all points.
    total: Values,
    /// One for each point.
    values: Vec<Values>,
}

/// What is said of the events of a group. What is not kept of what is counted is left out.
#[derive(ToSchema)]
struct Values {
    count: u64,
    /// Of requests: answered with a status of 500 or more.
    errors: Option<u64>,
    /// Of requests; null where there were none.
    duration_ms: Option<DurationMs>,
    /// Of requests: their size, of all that say it.
    request_bytes: Option<u64>,
    /// Of requests: the size of answers, of all that say it.
    response_bytes: Option<u64>,
    /// Of errors and actions: different users, within 2 %.
    users: Option<u64>,
    /// Of actions: different sessions, within 2 %.
    sessions: Option<u64>,
    /// Of errors: time of the first event, null where there is none.
    #[schema(format = DateTime)]
    first_seen: Option<String>,
    /// Of errors and users: time of the last event, null where there is none.
    #[schema(format = DateTime)]
    last_seen: Option<String>,
}

/// How long requests took, in milliseconds. Quantiles are within 1 %; the others are exact to the microsecond.
#[derive(ToSchema)]
struct DurationMs {
    mean: f64,
    min: f64,
    max: f64,
    p50: f64,
    p90: f64,
    p95: f64,
    p99: f64,
}

/// The greatest groups.
#[derive(ToSchema)]
#[schema(example = json!({
    "from": "2026-01-30T08:31:00.000Z", "to": "2026-01-31T08:31:00.000Z", "fresh_until": "2026-01-31T08:30:59.120Z",
    "of": "actions",
    "groups": [{"group": {"action": "pay"}, "count": 7, "users": 2, "sessions": 3}],
    "other": null, "lower_bound": false
}))]
struct Top {
    /// Begin of the range that was counted.
    #[schema(format = DateTime)]
    from: String,
    /// End of the range that was counted.
    #[schema(format = DateTime)]
    to: String,
    /// Everything that was acknowledged before this time is counted; null where that is not known.
    #[schema(format = DateTime, required)]
    fresh_until: Option<String>,
    of: String,
    /// The greatest by count first.
    groups: Vec<Ranked>,
    /// All other groups together, null where there are none.
    #[schema(required)]
    other: Option<Values>,
    /// Whether a group may have more than is said, or one that is not listed more than one that is.
    lower_bound: bool,
}

/// A group with its values.
#[derive(ToSchema)]
struct Ranked {
    /// A value for each dimension, null where events have none.
    group: BTreeMap<String, Option<String>>,
    #[serde(flatten)]
    values: Values,
}

/// What a first look wants to know.
#[derive(ToSchema)]
struct Summary {
    /// Begin of the range that was counted.
    #[schema(format = DateTime)]
    from: String,
    /// End of the range that was counted.
    #[schema(format = DateTime)]
    to: String,
    /// Everything that was acknowledged before this time is counted; null where that is not known.
    #[schema(format = DateTime, required)]
    fresh_until: Option<String>,
    events: EventCounts,
    requests: RequestSummary,
    errors: ErrorSummary,
    actions: Values,
    /// Whether a number may be too low, because some of its events had no room of their own.
    lower_bound: bool,
}

/// Of all requests.
#[derive(ToSchema)]
struct RequestSummary {
    #[serde(flatten)]
    values: Values,
    /// The part of the requests that were answered with a status of 500 or more, 0 to 1; null where there were none.
    #[schema(required)]
    error_rate: Option<f64>,
}

/// Of all errors.
#[derive(ToSchema)]
struct ErrorSummary {
    #[serde(flatten)]
    values: Values,
    /// Different errors: by service, type and fingerprint.
    groups: u64,
}
