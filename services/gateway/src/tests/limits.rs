//! Every published limit of an event, just within and just over.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::harness::{House, NOW_MS, pairs};

const ONE: &str = "/api/v1/ingestion/events";
const BATCH: &str = "/api/v1/ingestion/events/batch";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn generic() -> Value {
    json!({"kind": "generic", "name": "a"})
}

fn api_request() -> Value {
    json!({"kind": "api_request", "method": "GET", "path": "/", "status_code": 200, "duration_ms": 1})
}

fn error() -> Value {
    json!({"kind": "error", "error_type": "Timeout", "message": "too slow"})
}

fn action() -> Value {
    json!({"kind": "user_action", "action": "pay", "user_id": "u"})
}

fn with(mut event: Value, field: &str, value: Value) -> Value {
    event[field] = value;
    event
}

fn text(bytes: usize) -> Value {
    // Bytes count, not characters.
    let two = "\u{e4}".repeat(bytes / 2);
    json!(if bytes.is_multiple_of(2) { two } else { two + "x" })
}

fn time(ms: i64) -> Value {
    json!(domain::time::Millis::from_ms(ms).to_string())
}

fn nested(depth: usize) -> Value {
    (1..depth).fold(json!({}), |inner, _| json!({"k": inner}))
}

fn keys(number: usize) -> Value {
    (0..number)
        .map(|key| (format!("k{key}"), json!(1)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Attributes of so many bytes.
fn attributes(bytes: usize) -> Value {
    let empty = json!({"k": ""}).to_string().len();
    json!({"k": "x".repeat(bytes - empty)})
}

async fn assert_within(house: &House, event: &Value) {
    let answer = house.post(ONE, event.to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{:?}", answer.body);
}

async fn assert_over(house: &House, event: &Value, code: &str, field: &str) {
    let answer = house.post(ONE, event.to_string()).await;
    assert_eq!(answer.problem(), (400, "invalid_events".to_owned()));
    assert_eq!(answer.faults(), [(code.to_owned(), field.to_owned())]);
}

#[tokio::test]
async fn texts_have_their_bytes_and_no_more() {
    let house = House::new().await;
    let fields = [
        (generic(), "name", 128),
        (generic(), "service", 128),
        (generic(), "environment", 128),
        (generic(), "release", 128),
        (generic(), "user_id", 128),
        (generic(), "session_id", 128),
        (generic(), "trace_id", 128),
        (generic(), "span_id", 128),
        (generic(), "external_id", 128),
        (api_request(), "method", 128),
        (api_request(), "path", 2048),
        (api_request(), "route", 2048),
        (api_request(), "query", 2048),
        (api_request(), "user_agent", 512),
        (error(), "error_type", 128),
        (error(), "message", 8 * 1024),
        (error(), "stack_trace", 64 * 1024),
        (error(), "fingerprint", 128),
        (action(), "action", 128),
        (action(), "target", 128),
        (action(), "url", 2048),
    ];
    for (event, field, max) in fields {
        assert_within(&house, &with(event.clone(), field, text(max))).await;
        assert_over(&house, &with(event, field, text(max + 1)), "too_long", field).await;
    }
    house.stop().await;
}

#[tokio::test]
async fn numbers_have_their_range() {
    let house = House::new().await;
    for code in [100, 599] {
        assert_within(&house, &with(api_request(), "status_code", json!(code))).await;
    }
    for code in [99, 600, -1] {
        assert_over(
            &house,
            &with(api_request(), "status_code", json!(code)),
            "out_of_range",
            "status_code",
        )
        .await;
    }
    assert_within(&house, &with(api_request(), "duration_ms", json!(0))).await;
    assert_over(
        &house,
        &with(api_request(), "duration_ms", json!(-0.001)),
        "out_of_range",
        "duration_ms",
    )
    .await;
    house.stop().await;
}

#[tokio::test]
async fn attributes_have_their_bounds() {
    let house = House::new().await;
    for (within, over, code) in [
        (attributes(32 * 1024), attributes(32 * 1024 + 1), "too_long"),
        (keys(256), keys(257), "too_many_keys"),
        (nested(8), nested(9), "too_deep"),
        (
            json!({"k".repeat(128): 1}),
            json!({"k".repeat(129): 1}),
            "too_long",
        ),
        (json!({"k": "v"}), json!({"k": "\0"}), "nul_character"),
        (json!({}), json!([]), "invalid_json"),
    ] {
        assert_within(&house, &with(generic(), "attributes", within)).await;
        let answer = house
            .post(ONE, with(generic(), "attributes", over).to_string())
            .await;
        assert_eq!(answer.json()["errors"][0]["code"], code);
    }
    house.stop().await;
}

#[tokio::test]
async fn an_event_has_256_kib_and_no_more() {
    let house = House::new().await;
    let event = generic().to_string();
    let padded = |bytes: usize| {
        format!(
            "{}{}}}",
            &event[..event.len() - 1],
            " ".repeat(bytes - event.len())
        )
    };
    assert_eq!(
        house.post(ONE, padded(256 * 1024)).await.status,
        StatusCode::ACCEPTED
    );
    let answer = house.post(ONE, padded(256 * 1024 + 1)).await;
    assert_eq!(answer.faults(), [("event_too_large".to_owned(), String::new())]);
    house.stop().await;
}

#[tokio::test]
async fn a_batch_has_1_to_1000_events() {
    let house = House::new().await;
    let batch = |number: usize| json!(vec![generic(); number]).to_string();
    assert_eq!(house.post(BATCH, batch(1000)).await.json()["accepted"], 1000);
    assert_eq!(
        house.post(BATCH, batch(1001)).await.problem(),
        (413, "too_many_events".to_owned())
    );
    for empty in ["[]", r#"{"events":[]}"#] {
        assert_eq!(
            house.post(BATCH, empty).await.problem(),
            (400, "empty_batch".to_owned())
        );
    }
    for (content_type, body) in [("application/x-ndjson", "\n\n"), ("application/x-protobuf", "")] {
        let answer = house.post_as(BATCH, content_type, &[], body).await;
        assert_eq!(answer.problem(), (400, "empty_batch".to_owned()));
    }
    house.stop().await;
}

#[tokio::test]
async fn times_are_up_to_7_days_old_and_5_minutes_ahead() {
    let house = House::new().await;
    let at = |ms: i64| with(generic(), "timestamp", time(ms));
    assert_within(&house, &at(NOW_MS - 7 * DAY_MS)).await;
    assert_over(&house, &at(NOW_MS - 7 * DAY_MS - 1), "too_old", "timestamp").await;
    let answer = house.post(ONE, at(NOW_MS + 300_000).to_string()).await;
    assert_eq!(answer.json()["warnings"], json!([]));
    let answer = house.post(ONE, at(NOW_MS + 300_001).to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(
        pairs(&answer.json()["warnings"]),
        [("time_clamped".to_owned(), "timestamp".to_owned())]
    );
    let key = [("idempotency-key", "k")];
    let answer = house
        .post_as(ONE, "application/json", &key, at(NOW_MS + 300_001).to_string())
        .await;
    assert_eq!(
        answer.faults(),
        [("in_future".to_owned(), "timestamp".to_owned())]
    );
    house.stop().await;
}

#[tokio::test]
async fn an_id_is_a_uuid_of_version_7_that_agrees_with_the_timestamp() {
    let house = House::new().await;
    let id =
        |ms: i64| json!(domain::id::EventId::made(domain::time::Millis::from_ms(ms), [1; 10]).to_string());
    let event = |id: Value, ms: i64| with(with(generic(), "id", id), "timestamp", time(ms));
    assert_within(&house, &event(id(NOW_MS - 60_000), NOW_MS)).await;
    assert_over(
        &house,
        &event(id(NOW_MS - 60_001), NOW_MS),
        "id_time_mismatch",
        "timestamp",
    )
    .await;
    let other = json!("8a6e0804-2bd0-4672-b79d-d97027f9071a");
    assert_over(&house, &with(generic(), "id", other), "invalid_id", "id").await;
    house.stop().await;
}

#[tokio::test]
async fn what_a_kind_requires_must_be_there() {
    let house = House::new().await;
    for (event, required) in [
        (generic(), vec!["kind", "name"]),
        (
            api_request(),
            vec!["method", "path", "status_code", "duration_ms"],
        ),
        (error(), vec!["error_type", "message"]),
        (action(), vec!["action", "user_id"]),
    ] {
        assert_within(&house, &event).await;
        for field in required.into_iter().filter(|field| *field != "kind") {
            assert_over(&house, &with(event.clone(), field, Value::Null), "missing", field).await;
        }
    }
    assert_over(
        &house,
        &with(generic(), "kind", json!("nope")),
        "invalid_value",
        "kind",
    )
    .await;
    assert_over(
        &house,
        &with(generic(), "method", json!("GET")),
        "unknown_field",
        "method",
    )
    .await;
    house.stop().await;
}
