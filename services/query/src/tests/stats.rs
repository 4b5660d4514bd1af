//! Statistics over HTTP.

mod described;
mod exact;
mod fresh;
mod refused;
mod stuck;

use axum::http::StatusCode;
use domain::record::Enriched;
use domain::rollup::Grain;
use serde_json::{Value, json};

use super::counted::{Counter, action, count, error, request};
use super::harness::{Harness, NOW, event};

const STATS: &str = "/api/v1/ingestion/stats";
const TIMESERIES: &str = "/api/v1/analytics/timeseries";
const TOP: &str = "/api/v1/analytics/top";
const SUMMARY: &str = "/api/v1/analytics/summary";

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// An answer to alpha.
async fn told(harness: &Harness, uri: &str) -> Value {
    let answer = harness.get(uri, "alpha").await;
    assert_eq!(answer.status, StatusCode::OK, "{uri}: {}", answer.body);
    answer.body
}

fn of_service(mut event: Enriched, service: Option<&str>) -> Enriched {
    event.event.service = service.map(str::to_owned);
    event
}

#[tokio::test]
async fn events_are_counted_by_what_each_of_them_has() {
    let harness = Harness::new();
    let mut events = vec![
        of_service(event("alpha", NOW, 1), Some("cart")),
        of_service(event("alpha", NOW.minus_ms(5 * HOUR_MS), 2), Some("cart")),
        of_service(error("alpha", NOW.minus_ms(HOUR_MS), 3, "Timeout", "u"), None),
        event("alpha", NOW.minus_ms(30 * HOUR_MS), 4),
    ];
    events[0].event.environment = Some("production".into());
    count(&harness.store, &events).await;
    assert_eq!(
        told(&harness, STATS).await,
        json!({
            "from": "2023-11-13T22:13:00.000Z",
            "to": "2023-11-14T22:14:00.000Z",
            "fresh_until": "2023-11-14T22:13:20.000Z",
            "events_per_second": 0.0,
            "total": 3,
            "by_kind": {"generic": 2, "error": 1},
            "by_severity": {"info": 2, "error": 1},
            "by_service": {"": 1, "cart": 2},
            "by_environment": {"": 2, "production": 1},
            "other_services": 0,
            "other_environments": 0,
            "lower_bound": false,
        })
    );
    for (query, total) in [
        ("service=cart", 2),
        ("service=cart&environment=", 1),
        ("service=&kind=error", 1),
        ("severity=fatal", 0),
        ("from=now-2d", 4),
    ] {
        assert_eq!(
            told(&harness, &format!("{STATS}?{query}")).await["total"],
            total,
            "{query}"
        );
    }
    assert_eq!(
        told(&harness, &format!("{STATS}?from=now-10s")).await["events_per_second"],
        0.05
    );
}

#[tokio::test]
async fn nobody_sees_what_is_counted_of_another_tenant() {
    let harness = Harness::new();
    count(
        &harness.store,
        &[
            request("beta", NOW, 1, "GET /a", 200, 1.0),
            error("beta", NOW, 2, "E", "u"),
        ],
    )
    .await;
    count(&harness.store, &[event("alpha", NOW, 3)]).await;
    assert_eq!(told(&harness, STATS).await["total"], 1);
    assert_eq!(
        told(&harness, &format!("{TOP}?of=routes")).await["groups"],
        json!([])
    );
    let summary = told(&harness, SUMMARY).await;
    assert_eq!(
        (&summary["requests"]["count"], &summary["errors"]["count"]),
        (&json!(0), &json!(0))
    );
    let theirs = harness.get(STATS, "beta").await.body;
    assert_eq!(
        (&theirs["total"], &theirs["by_service"]),
        (&json!(2), &json!({"service-1": 1, "service-2": 1}))
    );
}

#[tokio::test]
async fn requests_are_told_with_how_long_they_took_and_how_many_failed() {
    let harness = Harness::new();
    let requests: Vec<_> = (1..=100_u8)
        .map(|number| {
            let status = if number > 95 { 503 } else { 200 };
            request("alpha", NOW, number, "GET /carts", status, f64::from(number))
        })
        .collect();
    count(&harness.store, &requests).await;
    let answer = told(&harness, &format!("{TIMESERIES}?of=requests&from=now-3m&step=1m")).await;
    assert_eq!(
        answer["times"],
        json!([
            "2023-11-14T22:10:00.000Z",
            "2023-11-14T22:11:00.000Z",
            "2023-11-14T22:12:00.000Z",
            "2023-11-14T22:13:00.000Z",
        ])
    );
    let series = &answer["series"][0];
    assert_eq!(series["group"], json!({}));
    assert_eq!(
        series["values"][0],
        json!({"count": 0, "errors": 0, "duration_ms": null, "request_bytes": 0, "response_bytes": 0})
    );
    assert_eq!(series["values"][3], series["total"]);
    let total = &series["total"];
    assert_eq!((&total["count"], &total["errors"]), (&json!(100), &json!(5)));
    assert_eq!(
        (&total["request_bytes"], &total["response_bytes"]),
        (&json!(1_000), &json!(10_000))
    );
    let took = |name: &str| total["duration_ms"][name].as_f64().unwrap();
    assert_eq!((took("mean"), took("min"), took("max")), (50.5, 1.0, 100.0));
    for (name, exact) in [("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0)] {
        assert!(
            (took(name) - exact).abs() <= exact * 0.01 + 1.0,
            "{name}: {}",
            took(name)
        );
    }
}

#[tokio::test]
async fn series_are_the_greatest_and_all_others() {
    let harness = Harness::new();
    let events: Vec<_> = (0..60_u8)
        .map(|number| {
            let service = ["a", "b", "b", "c", "c", "c"][usize::from(number % 6)];
            of_service(
                event("alpha", NOW.minus_ms(i64::from(number) * MINUTE_MS), number),
                Some(service),
            )
        })
        .collect();
    count(&harness.store, &events).await;
    let answer = told(
        &harness,
        &format!("{TIMESERIES}?by=service&from=now-1h&step=30m&limit=2"),
    )
    .await;
    let series: Vec<_> = answer["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|series| (&series["group"], &series["total"]))
        .collect();
    assert_eq!(
        series,
        [
            (&json!({"service": "c"}), &json!({"count": 30})),
            (&json!({"service": "b"}), &json!({"count": 20})),
            (&json!(null), &json!({"count": 10})),
        ]
    );
    assert_eq!(
        (&answer["of"], &answer["by"], &answer["step"]),
        (&json!("events"), &json!(["service"]), &json!("30m"))
    );
    assert_eq!(answer["lower_bound"], false);
    for series in answer["series"].as_array().unwrap() {
        let values = series["values"].as_array().unwrap();
        assert_eq!(values.len(), answer["times"].as_array().unwrap().len());
        let sum: u64 = values.iter().map(|value| value["count"].as_u64().unwrap()).sum();
        assert_eq!(series["total"]["count"], sum);
    }
}

#[tokio::test]
async fn the_greatest_of_each_kind_are_found() {
    let harness = Harness::new();
    let ago = |minutes: i64| NOW.minus_ms(minutes * MINUTE_MS);
    let mut events: Vec<Enriched> = (0..9)
        .map(|number| of_service(request("alpha", ago(1), number, "GET /a", 500, 4.0), Some("cart")))
        .collect();
    events.extend((10..15).map(|number| {
        of_service(
            request("alpha", ago(200), number, "PUT /a", 200, 2.0),
            Some("cart"),
        )
    }));
    events.extend(
        (20..23).map(|number| of_service(request("alpha", ago(2), number, "GET /b", 200, 2.0), None)),
    );
    events.extend(
        (30..34).map(|number| error("alpha", ago(3), number, "Timeout", &format!("u{}", number % 2))),
    );
    events.extend((40..47).map(|number| action("alpha", ago(4), number, "pay", "u9")));
    count(&harness.store, &events).await;

    let top = async |query: &str| told(&harness, &format!("{TOP}?{query}")).await;
    let routes = top("of=routes&limit=2").await;
    assert_eq!(
        routes["groups"][0]["group"],
        json!({"service": "cart", "method": "GET", "route": "/a"})
    );
    assert_eq!(
        (&routes["groups"][0]["count"], &routes["groups"][0]["errors"]),
        (&json!(9), &json!(9))
    );
    assert_eq!(
        (
            &routes["groups"][1]["group"]["method"],
            &routes["groups"][1]["count"]
        ),
        (&json!("PUT"), &json!(5))
    );
    assert_eq!(
        (&routes["other"]["count"], &routes["lower_bound"]),
        (&json!(3), &json!(false))
    );

    let services = top("of=services&status_class=2xx").await;
    let groups: Vec<_> = services["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (&group["group"]["service"], &group["count"]))
        .collect();
    assert_eq!(groups, [(&json!("cart"), &json!(5)), (&json!(null), &json!(3))]);
    assert_eq!(services["other"], json!(null));

    let errors = top("of=errors").await;
    assert_eq!(
        errors["groups"][0]["group"],
        json!({"service": "service-0", "error_type": "Timeout", "fingerprint": null})
    );
    let seen = ago(3).to_string();
    assert_eq!(
        (&errors["groups"][0]["users"], &errors["groups"][0]["last_seen"]),
        (&json!(2), &json!(seen))
    );

    let actions = top("of=actions").await;
    assert_eq!(
        actions["groups"],
        json!([{"group": {"action": "pay"}, "count": 7, "users": 1, "sessions": 2}])
    );
    let users = top("of=users&limit=1").await;
    assert_eq!(
        users["groups"],
        json!([{"group": {"user_id": "u9"}, "count": 7, "last_seen": ago(4).to_string()}])
    );
    assert_eq!(users["other"]["count"], 4);
}

#[tokio::test]
async fn a_summary_has_what_a_first_look_wants() {
    let harness = Harness::new();
    let mut events = vec![event("alpha", NOW, 1)];
    events.extend((10..18).map(|number| {
        request(
            "alpha",
            NOW,
            number,
            "GET /a",
            if number < 12 { 500 } else { 200 },
            5.0,
        )
    }));
    events.extend((20..24).map(|number| {
        error(
            "alpha",
            NOW,
            number,
            &format!("E{}", number % 2),
            &format!("u{number}"),
        )
    }));
    events.extend((30..33).map(|number| action("alpha", NOW, number, "pay", "u9")));
    count(&harness.store, &events).await;
    let summary = told(&harness, SUMMARY).await;
    assert_eq!(summary["events"]["total"], 16);
    assert_eq!(
        summary["events"]["by_kind"],
        json!({"api_request": 8, "error": 4, "generic": 1, "user_action": 3})
    );
    let requests = &summary["requests"];
    assert_eq!(
        (&requests["count"], &requests["errors"], &requests["error_rate"]),
        (&json!(8), &json!(2), &json!(0.25))
    );
    let errors = &summary["errors"];
    assert_eq!((&errors["count"], &errors["users"]), (&json!(4), &json!(4)));
    assert_eq!(errors["groups"], 4, "each of another service or type");
    assert_eq!(summary["actions"], json!({"count": 3, "users": 1, "sessions": 2}));
    assert_eq!(summary["lower_bound"], false);
    let filtered = told(&harness, &format!("{SUMMARY}?service=service-1&environment=")).await;
    assert_eq!(filtered["events"]["total"], 6);
}

#[tokio::test]
async fn a_range_without_events_is_counted_as_none() {
    let harness = Harness::new();
    let stats = told(&harness, STATS).await;
    assert_eq!(
        (&stats["total"], &stats["by_kind"], &stats["events_per_second"]),
        (&json!(0), &json!({}), &json!(0.0))
    );
    let series = told(&harness, &format!("{TIMESERIES}?from=now-2m&step=1m")).await;
    assert_eq!(
        series["series"],
        json!([{"group": {}, "total": {"count": 0}, "values": [{"count": 0}, {"count": 0}, {"count": 0}]}])
    );
    assert_eq!(
        told(&harness, &format!("{TIMESERIES}?by=kind")).await["series"],
        json!([])
    );
    let top = told(&harness, &format!("{TOP}?of=users")).await;
    assert_eq!((&top["groups"], &top["other"]), (&json!([]), &json!(null)));
    let summary = told(&harness, SUMMARY).await;
    assert_eq!(
        (&summary["requests"]["error_rate"], &summary["errors"]["groups"]),
        (&json!(null), &json!(0))
    );
    let ahead = told(
        &harness,
        &format!("{STATS}?from=8000-01-01T00:00:00Z&to=8000-01-02T00:00:00Z"),
    )
    .await;
    assert_eq!(
        (&ahead["total"], &ahead["events_per_second"]),
        (&json!(0), &json!(0.0))
    );
}

#[tokio::test]
async fn a_year_is_read_from_hours_and_the_last_hours_from_minutes() {
    let harness = Harness::new();
    let mut counter = Counter::default();
    // What only the other rows have must not be read.
    counter.count_in(
        &event("alpha", NOW.minus_ms(300 * 24 * HOUR_MS), 1),
        &[Grain::Hour],
    );
    counter.count_in(&event("alpha", NOW.minus_ms(24 * HOUR_MS), 2), &[Grain::Hour]);
    counter.count_in(&event("alpha", NOW.minus_ms(24 * HOUR_MS), 3), &[Grain::Minute]);
    counter.count_in(&event("alpha", NOW.minus_ms(HOUR_MS), 4), &[Grain::Minute]);
    counter.count_in(&event("alpha", NOW.minus_ms(HOUR_MS), 5), &[Grain::Hour]);
    counter.count_in(&event("alpha", NOW.plus_ms(MINUTE_MS), 6), &[Grain::Minute]);
    counter.write(&harness.store).await;
    assert_eq!(
        told(&harness, &format!("{STATS}?from=now-400d")).await["total"],
        3
    );
    assert_eq!(
        told(&harness, &format!("{STATS}?from=now-400d&to=now%2B10m")).await["total"],
        4
    );
    let series = told(&harness, &format!("{TIMESERIES}?from=now-365d&step=7d")).await;
    assert_eq!(
        series["series"][0]["total"]["count"], 4,
        "the last week ends after now"
    );
    let minutes = told(&harness, &format!("{TIMESERIES}?from=now-25h&to=now-23h&step=1m")).await;
    assert_eq!(minutes["series"][0]["total"]["count"], 1);
}
