//! Events over HTTP: what is accepted, in which form, and what stands in the log then.

use axum::http::StatusCode;
use bytes::Bytes;
use domain::routing::{DEFAULT_SPREAD, Spread};
use domain::tenant::TenantId;
use domain::token::Token;
use prost::Message;
use proto::v1;
use serde_json::json;

use super::harness::{House, NOW_MS};

const ONE: &str = "/api/v1/ingestion/events";
const BATCH: &str = "/api/v1/ingestion/events/batch";
const VALIDATE: &str = "/api/v1/ingestion/events/validate";
const ID: &str = "018bcfe5-6800-7000-8000-000000000001";

fn started() -> v1::Event {
    let body = v1::event::Body::Generic(v1::Generic {
        name: "started".to_owned(),
    });
    v1::Event {
        user_id: "u-1".to_owned(),
        body: Some(body),
        ..v1::Event::default()
    }
}

fn protobuf(events: &[v1::Event]) -> Vec<u8> {
    let events = events
        .iter()
        .map(|event| Bytes::from(event.encode_to_vec()))
        .collect();
    v1::IngestBatchRequest {
        events,
        ..v1::IngestBatchRequest::default()
    }
    .encode_to_vec()
}

#[tokio::test]
async fn an_accepted_event_is_in_the_log_when_it_is_answered() {
    let house = House::new().await;
    let body = json!({"kind": "generic", "name": "started", "user_id": "u-1", "attributes": {"a": [1, "x"]}});

    let answer = house.post(ONE, body.to_string()).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED);
    insta::assert_json_snapshot!(answer.json(), {".token" => "[token]"});
    let events = house.events().await;
    let [(partition, record, accepted)] = events.as_slice() else {
        panic!("{events:?}")
    };
    let tenant = TenantId::parse("demo").unwrap();
    assert!(
        Spread::new(&tenant, super::harness::PARTITIONS, DEFAULT_SPREAD)
            .partitions()
            .any(|own| own == *partition)
    );
    assert_eq!(record.key, "demo\0u-1");
    assert_eq!(record.header("tenant").unwrap(), "demo");
    assert_eq!(accepted.tenant, tenant);
    assert_eq!(accepted.received_at.as_ms(), NOW_MS);
    assert_eq!(
        accepted.event.attributes.as_ref().unwrap().as_str(),
        r#"{"a":[1,"x"]}"#
    );

    let token = house
        .sealer
        .open(&tenant, Token::PURPOSE, answer.json()["token"].as_str().unwrap())
        .unwrap();
    let token = Token::decode(&token).unwrap();
    let [(source, offset)] = token.positions() else {
        panic!("{token:?}")
    };
    assert_eq!((source.partition, *offset), (*partition, record.offset));
    house.stop().await;
}

#[tokio::test]
async fn each_event_of_a_batch_has_its_own_verdict() {
    let house = House::new().await;
    let late = "2020-01-01T00:00:00Z";
    let body = json!([
        {"kind": "generic", "name": "a", "id": ID},
        {"kind": "error", "message": "x".repeat(9000)},
        {"kind": "generic", "name": "again", "id": ID},
        {"kind": "generic", "name": "ahead", "timestamp": "2030-01-01T00:00:00Z"},
        {"kind": "generic", "name": "old", "timestamp": late, "servise": "x"},
        7,
    ]);

    let answer = house.post(BATCH, body.to_string()).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED);
    insta::assert_json_snapshot!(answer.json(), {".token" => "[token]"});
    assert_eq!(house.events().await.len(), 2);
    house.stop().await;
}

#[tokio::test]
async fn a_batch_may_be_an_array_an_object_lines_or_a_message() {
    let house = House::new().await;
    let event = r#"{"kind":"generic","name":"a"}"#;
    let json = "application/json; charset=utf-8";
    for (content_type, body) in [
        (json, format!("[{event},{event}]").into_bytes()),
        (
            json,
            format!(r#"{{"sent_at":"2023-11-14T22:13:20Z","events":[{event},{event}]}}"#).into_bytes(),
        ),
        (
            "application/x-ndjson",
            format!("{event}\n\r\n{event}").into_bytes(),
        ),
        ("application/x-protobuf", protobuf(&[started(), started()])),
    ] {
        let answer = house.post_as(BATCH, content_type, &[], body).await;
        assert_eq!(
            answer.status,
            StatusCode::ACCEPTED,
            "{content_type}: {:?}",
            answer.body
        );
        assert_eq!(answer.json()["accepted"], 2);
    }
    assert_eq!(house.events().await.len(), 8);
    house.stop().await;
}

#[tokio::test]
async fn who_accepts_protobuf_is_answered_in_it() {
    let house = House::new().await;
    let accept = [("accept", "application/x-protobuf")];
    let one = v1::IngestRequest {
        event: started().encode_to_vec().into(),
        ..v1::IngestRequest::default()
    };

    let answer = house
        .post_as(ONE, "application/x-protobuf", &accept, one.encode_to_vec())
        .await;
    assert_eq!(answer.header("content-type"), "application/x-protobuf");
    let message = v1::IngestResponse::decode(answer.body).unwrap();
    assert!(!message.id.is_empty() && !message.token.is_empty());

    let answer = house
        .post_as(BATCH, "application/x-protobuf", &accept, protobuf(&[started()]))
        .await;
    let message = v1::IngestBatchResponse::decode(answer.body).unwrap();
    assert_eq!((message.accepted, message.results.len()), (1, 1));

    let answer = house
        .post_as(
            BATCH,
            "application/x-protobuf",
            &accept,
            protobuf(&[v1::Event::default()]),
        )
        .await;
    assert_eq!(answer.problem(), (400, "invalid_events".to_owned()));
    house.stop().await;
}

#[tokio::test]
async fn an_event_that_is_not_valid_is_refused_with_every_fault() {
    let house = House::new().await;
    let body = json!({"kind": "api_request", "status_code": 99, "duration_ms": -1, "client_ip": "here", "servise": 1});
    let answer = house
        .post_as(
            ONE,
            "application/json",
            &[("x-request-id", "r-1")],
            body.to_string(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    insta::assert_json_snapshot!(answer.json());
    assert!(house.events().await.is_empty());
    house.stop().await;
}

#[tokio::test]
async fn a_batch_without_a_valid_event_is_refused_with_the_same_verdicts() {
    let house = House::new().await;
    let answer = house
        .post_as(
            BATCH,
            "application/json",
            &[("x-request-id", "r-1")],
            r#"[{"kind":"x"},{"kind":"error"}]"#,
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    insta::assert_json_snapshot!(answer.json());
    house.stop().await;
}

#[tokio::test]
async fn a_repeated_request_with_a_key_makes_the_same_ids() {
    let house = House::new().await;
    let event = |second: u8| json!({"kind": "generic", "name": "a", "timestamp": format!("2023-11-14T22:13:0{second}Z")});
    let body = json!([event(1), event(1), event(2)]).to_string();
    let ids = async |headers: &[(&str, &str)]| {
        let answer = house
            .post_as(BATCH, "application/json", headers, body.clone())
            .await;
        let results = answer.json()["results"].as_array().unwrap().clone();
        results
            .iter()
            .map(|result| result["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let first = ids(&[("idempotency-key", "k-1")]).await;
    house.clock.advance(1_000);
    // The clock of the producer, as it says it, does not enter the ids.
    assert_eq!(
        ids(&[
            ("idempotency-key", "k-1"),
            ("sluice-sent-at", "2023-11-14T20:00:00Z")
        ])
        .await,
        first
    );
    assert_ne!(ids(&[("idempotency-key", "k-2")]).await, first);
    assert_ne!(ids(&[]).await, first);
    assert_ne!(first[0], first[1]);
    house.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_off_is_corrected_by_the_header_or_the_body() {
    let house = House::new().await;
    let sent_at = "2023-11-14T21:13:20Z";
    let event = json!({"kind": "generic", "name": "a", "timestamp": "2023-11-14T21:13:00Z"});
    house
        .post_as(
            ONE,
            "application/json",
            &[("sluice-sent-at", sent_at)],
            event.to_string(),
        )
        .await;
    let wrong = [("sluice-sent-at", "2000-01-01T00:00:00Z")];
    house
        .post_as(
            BATCH,
            "application/json",
            &wrong,
            json!({"sent_at": sent_at, "events": [event]}).to_string(),
        )
        .await;
    for (_, _, accepted) in house.events().await {
        assert_eq!(accepted.event.time().as_ms(), NOW_MS - 20_000);
    }
    house.stop().await;
}

#[tokio::test]
async fn validation_says_every_fault_and_publishes_nothing() {
    let house = House::new().await;
    let event = r#"{"kind":"generic","name":"a"}"#;
    let with_id = format!(r#"{{"kind":"generic","name":"a","id":"{ID}"}}"#);
    for (content_type, body, valid, invalid) in [
        ("application/json", event.to_owned(), 1, 0),
        ("application/json", "{}".to_owned(), 0, 1),
        ("application/json", format!("[{event},{{}}]"), 1, 1),
        ("application/json", format!(r#"{{"events":[{event}]}}"#), 1, 0),
        ("application/x-ndjson", format!("{event}\n{{}}\n{with_id}"), 2, 1),
    ] {
        let answer = house.post_as(VALIDATE, content_type, &[], body.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{body}");
        assert_eq!(
            (answer.json()["valid"].as_u64(), answer.json()["invalid"].as_u64()),
            (Some(valid), Some(invalid))
        );
    }
    let answer = house
        .post(VALIDATE, format!("[{event},{with_id},{{\"kind\":\"generic\"}}]"))
        .await;
    insta::assert_json_snapshot!(answer.json());
    assert_eq!(
        house.post(VALIDATE, "[]").await.problem(),
        (400, "empty_batch".to_owned())
    );
    let answer = house
        .post_as(VALIDATE, "application/x-protobuf", &[], protobuf(&[started()]))
        .await;
    assert_eq!(answer.json()["valid"], 1);
    assert!(house.events().await.is_empty());
    house.stop().await;
}

#[tokio::test]
async fn a_broken_event_fails_alone() {
    let house = House::new().await;
    let good = r#"{"kind":"generic","name":"a"}"#.as_bytes();
    let deep = format!(
        "{{\"kind\":\"generic\",\"name\":\"a\",\"attributes\":{}1{}}}",
        "{\"a\":".repeat(500),
        "}".repeat(500)
    );
    for bad in [
        &b"{\"kind\":\"generic\",\"name\":\"\xff\"}"[..],
        br#"{"kind":"generic","name":"\ud800"}"#,
        br#"{"kind":"generic","name":"a\u0000"}"#,
        br#"{"kind":"generic","name":"a","nme":"b"}"#,
        br#"{"kind":"generic","name":"a","name":"b"}"#,
        deep.as_bytes(),
        b"[[[[[[]]]]]]",
        b"null",
    ] {
        let shown = String::from_utf8_lossy(bad);
        let body = [b"[", good, b",", bad, b",", good, b"]"].concat();
        let answer = house.post(BATCH, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{shown}");
        let statuses: Vec<_> = answer.json()["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["status"].clone())
            .collect();
        assert_eq!(statuses, ["accepted", "invalid", "accepted"], "{shown}");
        let line = [good, b"\n", bad, b"\n"].concat();
        let answer = house.post_as(BATCH, "application/x-ndjson", &[], line).await;
        assert_eq!(answer.json()["rejected"], 1, "{shown}");
    }
    let broken = v1::IngestBatchRequest {
        events: vec![started().encode_to_vec().into(), Bytes::from_static(b"\xff\xff")],
        ..v1::IngestBatchRequest::default()
    };
    let answer = house
        .post_as(BATCH, "application/x-protobuf", &[], broken.encode_to_vec())
        .await;
    assert_eq!(
        answer.json()["results"][1]["errors"][0]["code"],
        "invalid_protobuf"
    );
    house.stop().await;
}
