//! The service over HTTP.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use chassis::config::{ByteSize, Span};
use domain::cursor::Order;
use domain::id::{EventId, IdRange};
use domain::key::Scope;
use domain::record::Enriched;
use domain::retention::Class;
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use serde_json::json;
use store::{Events, Scan};

use super::harness::{Answered, Harness, NOW, SOURCE, event, key_for, tenant};
use crate::Config;

const EVENTS: &str = "/api/v1/ingestion/events";

fn one(id: EventId) -> String {
    format!("{EVENTS}/{id}")
}

/// `count` events of alpha, one a second before now, the newest first.
async fn filled(harness: &Harness, count: u8) -> Vec<Enriched> {
    let events: Vec<_> = (0..count)
        .map(|number| event("alpha", NOW.minus_ms(1_000 * i64::from(number)), number))
        .collect();
    harness.put(&events).await;
    events
}

fn ids(events: &[Enriched]) -> Vec<String> {
    events.iter().map(|event| event.event.id.to_string()).collect()
}

/// Follows the cursors of a search to its end.
async fn follow(harness: &Harness, query: &str) -> Vec<Answered> {
    let mut pages = vec![harness.get(&format!("{EVENTS}?{query}"), "alpha").await];
    while let Some(cursor) = pages.last().unwrap().body["next_cursor"].as_str() {
        let uri = format!("{EVENTS}?{query}&cursor={cursor}");
        pages.push(harness.get(&uri, "alpha").await);
        assert!(pages.len() < 100, "a search ends");
    }
    pages
}

#[tokio::test]
async fn an_event_comes_back_as_it_was_sent_with_what_was_found_out() {
    let harness = Harness::new();
    let mut stored = event("alpha", NOW, 1);
    stored.context.route = Some("/a/{id}".into());
    harness.put(std::slice::from_ref(&stored)).await;
    let answer = harness.get(&one(stored.event.id), "alpha").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.body,
        json!({
            "id": stored.event.id.to_string(),
            "timestamp": "2023-11-14T22:13:20.000Z",
            "received_at": "2023-11-14T22:13:20.000Z",
            "kind": "generic",
            "severity": "info",
            "priority": "standard",
            "service": "service-1",
            "name": "name-1",
            "attributes": {"cart": {"total": 99}},
            "context": {"route": "/a/{id}"},
        })
    );
    let schema = serde_json::to_value(crate::openapi()).unwrap();
    for name in schema["components"]["schemas"]["StoredEvent"]["required"]
        .as_array()
        .unwrap()
    {
        assert!(!answer.body[name.as_str().unwrap()].is_null(), "{name}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end_of_the_range() {
    let harness = Harness::new();
    let events = filled(&harness, 10).await;
    let newest = follow(&harness, "limit=4&from=now-1h").await;
    assert_eq!(
        newest.iter().flat_map(Answered::ids).collect::<Vec<_>>(),
        ids(&events)
    );
    assert_eq!(newest.len(), 3);
    for page in &newest {
        assert_eq!(page.body["complete"], true);
        assert_eq!(page.body["from"], "2023-11-14T21:13:20.000Z");
        assert_eq!(page.body["to"], "2023-11-14T22:13:20.001Z");
    }
    let oldest = follow(&harness, "limit=4&order=oldest").await;
    let mut expected = ids(&events);
    expected.reverse();
    assert_eq!(
        oldest.iter().flat_map(Answered::ids).collect::<Vec<_>>(),
        expected
    );
}

#[tokio::test]
async fn fields_and_q_narrow_a_search() {
    let harness = Harness::new();
    let events = filled(&harness, 9).await;
    let answer = harness
        .get(&format!("{EVENTS}?service=service-1&q=name:name-4"), "alpha")
        .await;
    assert_eq!(answer.ids(), [events[4].event.id.to_string()]);
    assert!(answer.body["next_cursor"].is_null());
}

#[tokio::test]
async fn a_search_that_would_read_too_much_says_so_and_goes_on() {
    let mut config = Config::default();
    config.search.tested = 3;
    let harness = Harness::with_config(config);
    let events = filled(&harness, 10).await;
    // The index can't say what an event has not.
    let others = (0..10)
        .filter(|number| *number != 8)
        .map(|number| format!("name-{number}"));
    let others: Vec<_> = others.collect();
    let pages = follow(&harness, &format!("q=-name:({})", others.join("+OR+"))).await;
    assert_eq!(pages.len(), 4);
    assert_eq!(pages[0].body["complete"], false);
    assert_eq!(pages[3].body["complete"], true);
    assert_eq!(
        pages.iter().flat_map(Answered::ids).collect::<Vec<_>>(),
        ids(&events[8..9])
    );
}

#[tokio::test]
async fn a_page_is_bounded_in_bytes() {
    let mut config = Config::default();
    config.search.page = ByteSize::bytes(700);
    let harness = Harness::with_config(config);
    let events = filled(&harness, 10).await;
    let pages = follow(&harness, "limit=10").await;
    assert!(pages.len() > 3, "{} pages", pages.len());
    for page in &pages {
        assert_eq!(page.body["complete"], true);
        assert!(page.body["events"].to_string().len() < 800);
    }
    assert_eq!(
        pages.iter().flat_map(Answered::ids).collect::<Vec<_>>(),
        ids(&events)
    );
}

#[tokio::test]
async fn nobody_learns_that_another_tenant_has_an_event() {
    let harness = Harness::new();
    let events = filled(&harness, 3).await;
    let theirs = harness.get(&one(events[0].event.id), "beta").await;
    let nobodys = harness.get(&one(event("beta", NOW, 99).event.id), "beta").await;
    assert_eq!(theirs.status, StatusCode::NOT_FOUND);
    assert_eq!(theirs.body, nobodys.body);
    assert_eq!(harness.get(EVENTS, "beta").await.ids(), Vec::<String>::new());

    assert_eq!(
        harness
            .call("DELETE", &one(events[0].event.id), "beta")
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        harness.get(&one(events[0].event.id), "alpha").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_cursor_is_good_for_its_tenant_and_its_query_only() {
    let harness = Harness::new();
    filled(&harness, 5).await;
    let first = harness.get(&format!("{EVENTS}?limit=2"), "alpha").await;
    let cursor = first.body["next_cursor"].as_str().unwrap().to_owned();
    let mut altered = cursor.clone().into_bytes();
    altered[20] = if altered[20] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let token = harness.token("alpha", 1);
    for (of, query, why) in [
        ("beta", format!("cursor={cursor}"), "of this tenant"),
        ("alpha", format!("cursor={altered}"), "of this tenant"),
        ("alpha", format!("cursor={token}"), "of this tenant"),
        ("alpha", "cursor=".to_owned(), "of this tenant"),
        ("alpha", format!("cursor={cursor}&kind=error"), "another query"),
        ("alpha", format!("cursor={cursor}&order=oldest"), "another query"),
        ("alpha", format!("cursor={cursor}&from=now-1h"), "another query"),
    ] {
        let answer = harness.get(&format!("{EVENTS}?{query}"), of).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, "invalid_cursor"),
            "{query}"
        );
        assert!(
            answer.body["detail"].as_str().unwrap().contains(why),
            "{:?}",
            answer.body
        );
    }
    let more = harness
        .get(&format!("{EVENTS}?limit=1000&cursor={cursor}"), "alpha")
        .await;
    assert_eq!(more.ids().len(), 3, "the size of pages may change");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_named() {
    let harness = Harness::new();
    for (uri, code, field) in [
        (format!("{EVENTS}?servise=x"), "invalid_request", "servise"),
        (
            format!("{EVENTS}?kind=error&kind=error"),
            "invalid_request",
            "kind",
        ),
        (format!("{EVENTS}?limit=1001"), "invalid_request", "limit"),
        (format!("{EVENTS}?from=soon"), "invalid_range", "from"),
        (format!("{EVENTS}?from=now&to=now"), "invalid_range", "from"),
        (format!("{EVENTS}?from=now&to=now-1h"), "invalid_range", "from"),
        (
            format!("{EVENTS}?from=2021-01-01T00:00:00Z&to=2021-02-01T00:00:00Z"),
            "invalid_range",
            "to",
        ),
        (format!("{EVENTS}?explain=yes"), "invalid_request", "explain"),
        (format!("{EVENTS}?q=a%20("), "invalid_filter", "q"),
        (format!("{EVENTS}?q={}", "a+".repeat(65)), "invalid_filter", "q"),
        (
            format!("{EVENTS}?q={}", "a+".repeat(10_000)),
            "invalid_filter",
            "q",
        ),
        (format!("{EVENTS}?kind=bad"), "invalid_filter", "kind"),
        (format!("{EVENTS}?after=x"), "invalid_token", "after"),
        (format!("{EVENTS}/not-an-id"), "invalid_request", "id"),
        (
            format!("{}?limit=1", one(EventId::made(NOW, [0; 10]))),
            "invalid_request",
            "limit",
        ),
    ] {
        let answer = harness.get(&uri, "alpha").await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, code),
            "{uri}"
        );
        assert_eq!(answer.body["errors"][0]["field"], field, "{uri}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    let answer = harness.call("DELETE", &format!("{EVENTS}/0190"), "alpha").await;
    assert_eq!(
        (answer.status, &answer.body["errors"][0]["code"]),
        (StatusCode::BAD_REQUEST, &json!("invalid_id"))
    );
    let answer = harness.call("PUT", &format!("{EVENTS}/0190"), "alpha").await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
    );
    assert_eq!(harness.get("/api/v1/nothing", "alpha").await.code(), "not_found");
}

#[tokio::test]
async fn a_filter_that_is_none_says_where_and_what_may_be_meant() {
    let harness = Harness::new();
    let q = "kind:error%20%20servise:%C3%A4";
    let answer = harness.get(&format!("{EVENTS}?q={q}"), "alpha").await;
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(
        detail.contains("service is one") && detail.ends_with("(column 13 of q)"),
        "{detail}"
    );
    assert_eq!(answer.body["column"], 13);
    let answer = harness.get(&format!("{EVENTS}?kind=bad"), "alpha").await;
    assert_eq!(answer.body.get("column"), None);
}

#[tokio::test]
async fn what_was_read_is_told_to_who_asks() {
    let harness = Harness::new();
    let events = filled(&harness, 9).await;
    harness.indexed.put_sealed(&events[3..6], SOURCE).await;
    let asked = format!("{EVENTS}?q=service:service-1");
    let answer = harness.get(&format!("{asked}&explain=true"), "alpha").await;
    let explain = &answer.body["explain"];
    assert_eq!(explain["filter"], "service:service-1");
    assert_eq!(
        (&explain["found"], &explain["fresh_events"]),
        (&json!(3), &json!(9))
    );
    assert_eq!(
        (&explain["unit_events"], &explain["opened_units"]),
        (&json!(3), &json!(1))
    );
    let schema = serde_json::to_value(crate::openapi()).unwrap();
    for (name, part) in [("Explanation", explain), ("OpenedUnit", &explain["opened"][0])] {
        let described = schema["components"]["schemas"][name]["properties"]
            .as_object()
            .unwrap();
        let told = part.as_object().unwrap();
        assert!(described.keys().eq(told.keys()), "{name}: {part}");
    }
    for without in [asked.clone(), format!("{asked}&explain=false")] {
        assert_eq!(harness.get(&without, "alpha").await.body.get("explain"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_has_read_too_much_is_told_when_to_come_again() {
    let mut config = Config::default();
    (config.search.tested_per_second, config.search.tested_burst) = (2, Span::from_secs(1));
    let harness = Harness::with_config(config);
    filled(&harness, 8).await;
    assert_eq!(harness.get(EVENTS, "alpha").await.ids().len(), 8);
    let refused = harness.get(EVENTS, "alpha").await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::TOO_MANY_REQUESTS, "limited")
    );
    assert_eq!(
        (&refused.headers["retry-after"], &refused.body["retry_after_ms"]),
        (&"3".parse().unwrap(), &json!(3000))
    );
    assert!(
        refused.body["detail"]
            .as_str()
            .unwrap()
            .contains("2 events a second")
    );
    assert_eq!(harness.get(EVENTS, "beta").await.status, StatusCode::OK);
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_eq!(harness.get(EVENTS, "alpha").await.status, StatusCode::OK);
}

#[tokio::test]
async fn reading_and_deleting_need_their_scopes() {
    let harness = Harness::new();
    let path = one(EventId::made(NOW, [0; 10]));
    for (method, uri, scope, status) in [
        ("GET", EVENTS, Scope::Read, StatusCode::OK),
        ("GET", EVENTS, Scope::Ingest, StatusCode::FORBIDDEN),
        ("GET", EVENTS, Scope::Manage, StatusCode::FORBIDDEN),
        ("GET", EVENTS, Scope::Platform, StatusCode::FORBIDDEN),
        ("GET", &path, Scope::Ingest, StatusCode::FORBIDDEN),
        ("DELETE", &path, Scope::Read, StatusCode::FORBIDDEN),
        ("DELETE", &path, Scope::Platform, StatusCode::FORBIDDEN),
        ("DELETE", &path, Scope::Manage, StatusCode::NO_CONTENT),
    ] {
        let answer = harness.call_with(method, uri, &key_for(scope)).await;
        assert_eq!(answer.status, status, "{method} {uri} with {scope:?}");
    }
    let request = Request::builder().uri(EVENTS).body(Body::empty()).unwrap();
    assert_eq!(harness.send(request).await.code(), "unauthenticated");
}

#[tokio::test]
async fn a_deleted_event_is_never_returned_again() {
    let harness = Harness::new();
    let events = filled(&harness, 3).await;
    let in_flight = event("alpha", NOW.minus_ms(10), 77);
    for deleted in [&events[1], &in_flight, &events[1]] {
        let answer = harness.call("DELETE", &one(deleted.event.id), "alpha").await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }
    // What was in flight arrives, and all is stored again.
    harness.put(std::slice::from_ref(&in_flight)).await;
    harness.put(&events).await;
    for deleted in [&events[1], &in_flight] {
        let answer = harness.get(&one(deleted.event.id), "alpha").await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::NOT_FOUND, "not_found")
        );
    }
    let left = vec![events[0].event.id.to_string(), events[2].event.id.to_string()];
    assert_eq!(harness.get(EVENTS, "alpha").await.ids(), left);
}

#[tokio::test]
async fn a_deletion_is_remembered_for_as_long_as_its_event_could_live() {
    let harness = Harness::new();
    let mut last = event("alpha", NOW, 1);
    harness.call("DELETE", &one(last.event.id), "alpha").await;
    let received_at = NOW.plus_ms(7 * 24 * 60 * 60 * 1000);
    last.class = Class::Days400;
    last.received_at = received_at;
    last.expires_at = Class::Days400.expires_at(NOW, received_at);
    let before_its_end = last.expires_at.minus_ms(1);
    while !harness.store.sweep(before_its_end).await.unwrap().finished {}
    harness.put(std::slice::from_ref(&last)).await;
    let found = harness
        .store
        .fetch(&tenant("alpha"), &[last.event.id], before_its_end)
        .await
        .unwrap();
    assert_eq!(found, Vec::new());
}

#[tokio::test]
async fn with_the_token_of_a_write_that_is_visible_nobody_waits() {
    let harness = Harness::new();
    let events = filled(&harness, 1).await;
    harness.advance(5).await;
    let token = harness.token("alpha", 5);
    let answer = harness.get(&format!("{EVENTS}?after={token}"), "alpha").await;
    assert_eq!(answer.ids(), ids(&events));
    let foreign = harness.get(&format!("{EVENTS}?after={token}"), "beta").await;
    assert_eq!(
        (foreign.status, foreign.code()),
        (StatusCode::BAD_REQUEST, "invalid_token")
    );
}

#[tokio::test]
async fn the_token_of_a_write_to_older_topics_is_refused_unless_it_was_stored() {
    let harness = Harness::new();
    let older = Source {
        generation: SOURCE.generation - 1,
        ..SOURCE
    };
    harness.advance_in(older, 5).await;
    let stored = harness.token_in(older, "alpha", 5);
    let answer = harness.get(&format!("{EVENTS}?after={stored}"), "alpha").await;
    assert_eq!(answer.status, StatusCode::OK);

    let lost = harness.token_in(older, "alpha", 6);
    let answer = harness.get(&format!("{EVENTS}?after={lost}"), "alpha").await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::BAD_REQUEST, "invalid_token")
    );
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("made anew"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn with_the_token_of_a_write_on_its_way_requests_wait_for_it() {
    let harness = Harness::new();
    harness.advance(4).await;
    let token = harness.token("alpha", 5);
    let stored = event("alpha", NOW, 1);
    let (search, get) = (
        format!("{EVENTS}?after={token}"),
        format!("{}?after={token}", one(stored.event.id)),
    );
    let arrival = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        harness.put(std::slice::from_ref(&stored)).await;
        harness.advance(5).await;
    };
    let (searched, got, ()) =
        tokio::join!(harness.get(&search, "alpha"), harness.get(&get, "alpha"), arrival);
    assert_eq!(searched.ids(), ids(std::slice::from_ref(&stored)));
    assert_eq!(got.body["id"], stored.event.id.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_write_that_does_not_come_in_time_is_on_its_way() {
    let harness = Harness::with_config(Config {
        wait: Span::from_secs(1),
        ..Config::default()
    });
    let token = harness.token("alpha", 5);
    let id = EventId::made(NOW, [1; 10]);
    for uri in [
        format!("{EVENTS}?after={token}"),
        format!("{}?after={token}", one(id)),
    ] {
        let answer = harness.get(&uri, "alpha").await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::GATEWAY_TIMEOUT, "not_yet_visible")
        );
        assert_eq!(answer.headers["retry-after"], "1");
    }
    harness.advance(5).await;
    let answer = harness.get(&format!("{}?after={token}", one(id)), "alpha").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn too_many_searches_at_once_are_told_to_come_again() {
    let mut config = Config::default();
    config.search.per_tenant = 1;
    let harness = Harness::with_config(config);
    let under_way = harness.service.searches().enter(&tenant("alpha")).unwrap();
    let answer = harness.get(EVENTS, "alpha").await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::TOO_MANY_REQUESTS, "limited")
    );
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(harness.get(EVENTS, "beta").await.status, StatusCode::OK);
    drop(under_way);
    assert_eq!(harness.get(EVENTS, "alpha").await.status, StatusCode::OK);
}

/// A store that can't answer.
struct Down;

fn down<T>() -> Result<T, store::Error> {
    Err(store::Error::Unavailable {
        reason: "host secret-host is down".into(),
    })
}

#[async_trait]
impl Events for Down {
    async fn put(&self, _rows: &[Enriched], _now: Millis) -> Result<(), store::Error> {
        down()
    }

    async fn fetch_in(
        &self,
        _tenant: &TenantId,
        _ids: &[EventId],
        _classes: &[Class],
        _now: Millis,
    ) -> Result<Vec<Enriched>, store::Error> {
        down()
    }

    async fn ids(&self, _: &TenantId, _: IdRange, _: Order, _: usize) -> Result<Scan, store::Error> {
        down()
    }

    async fn delete(&self, _: &TenantId, _: EventId, _: Millis) -> Result<(), store::Error> {
        down()
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_not_an_empty_answer() {
    let harness = Harness::with(Config::default(), |_| Arc::new(Down));
    filled(&harness, 1).await;
    let path = one(EventId::made(NOW, [1; 10]));
    for (method, uri) in [("GET", EVENTS), ("GET", &path), ("DELETE", &path)] {
        let answer = harness.call(method, uri, "alpha").await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
        );
        assert!(answer.headers.contains_key("retry-after"));
        assert!(!answer.body.to_string().contains("secret-host"));
    }
}
