//! What is refused, and what is said where more is asked than rows can tell.

use std::sync::Arc;

use axum::http::StatusCode;
use chassis::config::{ByteSize, Span};
use domain::key::Scope;
use domain::record::Enriched;
use serde_json::json;
use store::{COUNTED_MINUTES, COUNTING_SERVICE, STORING_SERVICE};

use super::super::counted::{count, request};
use super::super::harness::{Harness, NOW, SOURCE, event, key_for, tenant};
use super::{MINUTE_MS, STATS, SUMMARY, TIMESERIES, TOP, of_service, told};
use crate::Config;

/// Asserts that queries of a path are refused with a code, a field and a part of what is said.
async fn assert_refused(path: &str, cases: &[(&str, &str, &str, &str)]) {
    let harness = Harness::new();
    for (query, code, field, part) in cases {
        let answer = harness.get(&format!("{path}?{query}"), "alpha").await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, *code),
            "{query}: {}",
            answer.body
        );
        assert_eq!(answer.body["errors"][0]["field"], *field, "{query}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(part), "{query}: {detail}");
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_named_with_what_is_right() {
    let cases = [
        ("servise=a", "invalid_request", "servise", "service is one"),
        (
            "step=1m",
            "invalid_request",
            "step",
            "not a parameter of this request",
        ),
        (
            "kind=error&kind=generic",
            "invalid_request",
            "kind",
            "more than once",
        ),
        (
            "route=/a",
            "invalid_request",
            "route",
            "not a parameter of this request",
        ),
        ("kind=bad", "invalid_filter", "kind", "one of api_request"),
        ("after=x", "invalid_token", "after", "of this tenant"),
    ];
    assert_refused(STATS, &cases).await;
    let cases = [(
        "kind=error",
        "invalid_request",
        "kind",
        "not a parameter of this request",
    )];
    assert_refused(SUMMARY, &cases).await;
}

#[tokio::test]
async fn a_wrong_range_is_refused_with_what_is_kept() {
    let cases = [
        ("from=soon", "invalid_range", "from", "RFC 3339"),
        ("from=now&to=now-1h", "invalid_range", "from", "is not before to"),
        ("from=now-401d", "invalid_range", "from", "older than 400 days"),
    ];
    for path in [STATS, SUMMARY, TIMESERIES] {
        assert_refused(path, &cases).await;
    }
}

#[tokio::test]
async fn a_wrong_series_is_refused_with_what_there_is() {
    let cases = [
        ("of=event", "invalid_request", "of", "one of events, requests"),
        ("step=60s", "invalid_request", "step", "one of 1m, 2m"),
        (
            "step=1m&from=now-2d",
            "invalid_request",
            "step",
            "use step=2m or longer",
        ),
        (
            "step=30m&from=now-16d",
            "invalid_range",
            "step",
            "minutes are kept for 15 days",
        ),
        (
            "by=route",
            "invalid_request",
            "by",
            "by kind, severity, service, environment",
        ),
        ("by=kind,kind", "invalid_request", "by", "kind more than once"),
        (
            "of=users&service=a",
            "invalid_filter",
            "service",
            "but by user_id",
        ),
        ("limit=51", "invalid_request", "limit", "1 to 50"),
        ("limit=-1", "invalid_request", "limit", "1 to 50"),
    ];
    assert_refused(TIMESERIES, &cases).await;
}

#[tokio::test]
async fn a_wrong_ranking_is_refused_with_what_there_is() {
    let cases = [
        ("limit=1", "invalid_request", "of", "one of routes, services"),
        ("of=pages", "invalid_request", "of", "one of routes, services"),
        ("of=users&limit=0", "invalid_request", "limit", "1 to 100"),
        (
            "of=actions&status_class=5xx",
            "invalid_filter",
            "status_class",
            "service, environment, action",
        ),
    ];
    assert_refused(TOP, &cases).await;
}

#[tokio::test]
async fn statistics_need_the_scope_read() {
    let harness = Harness::new();
    for uri in [STATS, TIMESERIES, SUMMARY, &format!("{TOP}?of=users")] {
        for (scope, status) in [
            (Scope::Read, StatusCode::OK),
            (Scope::Ingest, StatusCode::FORBIDDEN),
            (Scope::Manage, StatusCode::FORBIDDEN),
            (Scope::Platform, StatusCode::FORBIDDEN),
        ] {
            assert_eq!(
                harness.call_with("GET", uri, &key_for(scope)).await.status,
                status,
                "{uri} with {scope:?}"
            );
        }
    }
}

/// More services than a row has room for, in one minute, of one source.
fn crowd() -> Vec<Enriched> {
    let one = |number: i64| {
        of_service(
            event("alpha", NOW.minus_ms(number), 0),
            Some(&format!("s{number}")),
        )
    };
    (0..6_000).map(one).collect()
}

#[tokio::test]
async fn what_had_no_room_is_counted_and_said() {
    let harness = Harness::new();
    count(&harness.store, &crowd()).await;
    let stats = told(&harness, STATS).await;
    assert_eq!(
        (&stats["total"], &stats["by_kind"]),
        (&json!(6_000), &json!({"generic": 6_000}))
    );
    assert_eq!(stats["lower_bound"], true);
    let services = stats["by_service"].as_object().unwrap();
    assert_eq!(
        services.len() as u64 + stats["other_services"].as_u64().unwrap(),
        6_000
    );
    assert!(stats["other_services"].as_u64().unwrap() >= 2_000);

    let filtered = told(&harness, &format!("{STATS}?service=s3")).await;
    assert_eq!(filtered["lower_bound"], true);
    assert!(filtered["total"].as_u64().unwrap() <= 1);
    let by_kind = told(&harness, &format!("{TIMESERIES}?by=kind&kind=generic")).await;
    assert_eq!(
        (&by_kind["series"][0]["total"]["count"], &by_kind["lower_bound"]),
        (&json!(6_000), &json!(false))
    );
    let by_service = told(&harness, &format!("{TIMESERIES}?by=service")).await;
    assert_eq!(by_service["lower_bound"], true);
    let total: u64 = by_service["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|series| series["total"]["count"].as_u64().unwrap())
        .sum();
    assert_eq!(total, 6_000);
}

#[tokio::test]
async fn the_greatest_of_very_many_routes_are_right() {
    let harness = Harness::new();
    let mut requests = Vec::new();
    for minute in 0..20_i64 {
        let at = NOW.minus_ms(minute * MINUTE_MS);
        // The route that all minutes have comes last.
        let routes = (0..1_000)
            .map(|number| format!("GET /{minute}/{number}"))
            .chain(["GET /often".to_owned(), "GET /often".to_owned()]);
        requests.extend(routes.map(|route| request("alpha", at, 0, &route, 200, 1.0)));
    }
    count(&harness.store, &requests).await;
    let top = told(&harness, &format!("{TOP}?of=routes&limit=1&from=now-1h")).await;
    assert_eq!(
        (&top["groups"][0]["group"]["route"], &top["groups"][0]["count"]),
        (&json!("/often"), &json!(40))
    );
    assert_eq!(
        (&top["other"]["count"], &top["lower_bound"]),
        (&json!(20_000), &json!(false))
    );
}

#[tokio::test]
async fn more_than_may_be_read_is_refused_with_the_remedy() {
    let mut config = Config::default();
    config.stats.bytes = ByteSize::bytes(1_000);
    let harness = Harness::with_config(config);
    count(&harness.store, &crowd()).await;
    for uri in [STATS, SUMMARY] {
        let answer = harness.get(uri, "alpha").await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, "invalid_range"),
            "{uri}"
        );
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(
            detail.contains("1000B") && detail.contains("narrow the range"),
            "{detail}"
        );
    }
    assert_eq!(
        told(&harness, &format!("{STATS}?from=now-2h&to=now-1h")).await["total"],
        0
    );
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_has_read_too_much_is_told_when_to_come_again() {
    let mut config = Config::default();
    (config.search.tested_per_second, config.search.tested_burst) = (2, Span::from_secs(1));
    let harness = Harness::with_config(config);
    assert_eq!(told(&harness, STATS).await["total"], 0);
    let refused = harness.get(STATS, "alpha").await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::TOO_MANY_REQUESTS, "limited")
    );
    assert_eq!(harness.get(STATS, "beta").await.status, StatusCode::OK);
}

#[tokio::test]
async fn too_many_requests_at_once_are_told_to_come_again() {
    let mut config = Config::default();
    config.stats.per_tenant = 1;
    let harness = Harness::with_config(config);
    let under_way = harness.service.counts().enter(&tenant("alpha")).unwrap();
    let answer = harness.get(STATS, "alpha").await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::TOO_MANY_REQUESTS, "limited")
    );
    drop(under_way);
    assert_eq!(harness.get(STATS, "alpha").await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn with_the_token_of_a_write_requests_wait_until_it_is_counted() {
    let harness = Arc::new(Harness::new());
    let token = harness.token("alpha", 5);
    let uri = format!("{STATS}?from=now-1h&after={token}");
    harness.advance_by(STORING_SERVICE, SOURCE, 5).await;
    let answer = harness.get(&uri, "alpha").await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::GATEWAY_TIMEOUT, "not_yet_visible")
    );
    let counting = async {
        count(&harness.store, &[event("alpha", NOW, 1)]).await;
        harness.advance_by(COUNTED_MINUTES, SOURCE, 5).await;
    };
    let (answer, ()) = tokio::join!(harness.get(&uri, "alpha"), counting);
    assert_eq!(answer.body["total"], 1);

    // Rows of hours are written less often, and a late event may be in one.
    let uri = format!("{STATS}?from=now-1d&after={token}");
    let answer = harness.get(&uri, "alpha").await;
    assert_eq!(answer.code(), "not_yet_visible");
    harness.advance_by(COUNTING_SERVICE, SOURCE, 5).await;
    assert_eq!(harness.get(&uri, "alpha").await.body["total"], 1);
}
