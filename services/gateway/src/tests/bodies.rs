//! Bodies that can't be read, and callers that are refused before their body is.

use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body::Frame;

use super::harness::{House, request};

const ONE: &str = "/api/v1/ingestion/events";
const BATCH: &str = "/api/v1/ingestion/events/batch";
const EVENT: &str = r#"{"kind":"generic","name":"a"}"#;
const MAX_BODY_BYTES: usize = 8 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A body that must not be read.
struct Untouchable;

impl http_body::Body for Untouchable {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read");
    }
}

#[tokio::test]
async fn a_caller_without_key_scope_or_media_type_is_refused_unread() {
    let house = House::new().await;
    let send = async |key: &str, content_type: &str| {
        let request = request(Method::POST, BATCH, key).header("content-type", content_type);
        house.send(request.body(Body::new(Untouchable)).unwrap()).await
    };
    let answer = send("", "application/json").await;
    assert_eq!(answer.problem(), (401, "unauthenticated".to_owned()));
    let mut unknown = house.keys.ingest.clone();
    unknown.replace_range(4..5, if unknown.as_bytes()[4] == b'a' { "b" } else { "a" });
    assert_eq!(
        send(&unknown, "application/json").await.problem(),
        (401, "unauthenticated".to_owned())
    );
    for key in [&house.keys.read, &house.keys.manage, &house.keys.platform] {
        assert_eq!(
            send(key, "application/json").await.problem(),
            (403, "missing_scope".to_owned())
        );
    }
    let answer = send(&house.keys.ingest, "text/plain").await;
    assert_eq!(answer.problem(), (415, "unsupported_media_type".to_owned()));
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("application/json, application/x-ndjson, application/x-protobuf"),
        "{detail}"
    );
    house.stop().await;
}

#[tokio::test]
async fn one_event_is_no_lines() {
    let house = House::new().await;
    let answer = house.post_as(ONE, "application/x-ndjson", &[], EVENT).await;
    assert_eq!(answer.problem(), (415, "unsupported_media_type".to_owned()));
    house.stop().await;
}

#[tokio::test]
async fn a_body_has_8_mib_and_no_more() {
    let house = House::new().await;
    let padded = |bytes: usize| format!("[{EVENT}{}]", " ".repeat(bytes - EVENT.len() - 2));
    assert_eq!(
        house.post(BATCH, padded(MAX_BODY_BYTES)).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(
        house.post(BATCH, padded(MAX_BODY_BYTES + 1)).await.problem(),
        (413, "body_too_large".to_owned())
    );
    house.stop().await;
}

#[tokio::test]
async fn compressed_bodies_are_read() {
    let house = House::new().await;
    let batch = format!("[{EVENT}]");
    let zstd = zstd::bulk::compress(batch.as_bytes(), 3).unwrap();
    for (encoding, body) in [("gzip", gzip(batch.as_bytes())), ("zstd", zstd)] {
        let answer = house
            .post_as(BATCH, "application/json", &[("content-encoding", encoding)], body)
            .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{encoding}");
    }
    let answer = house
        .post_as(BATCH, "application/json", &[("content-encoding", "br")], batch)
        .await;
    assert_eq!(answer.problem(), (415, "unsupported_encoding".to_owned()));
    house.stop().await;
}

#[tokio::test]
async fn a_bomb_is_refused_and_a_cut_body_is_no_body() {
    let house = House::new().await;
    let gzipped = [("content-encoding", "gzip")];
    let bomb = gzip(&vec![b' '; MAX_BODY_BYTES * 4]);
    assert!(bomb.len() < 64 * 1024);
    let answer = house.post_as(BATCH, "application/json", &gzipped, bomb).await;
    assert_eq!(answer.problem(), (413, "body_too_large".to_owned()));
    let whole = gzip(format!("[{EVENT}]").as_bytes());
    for bytes in [whole.len() - 1, whole.len() / 2, 3] {
        let answer = house
            .post_as(BATCH, "application/json", &gzipped, whole[..bytes].to_vec())
            .await;
        assert_eq!(answer.problem(), (400, "invalid_body".to_owned()), "{bytes}");
    }
    let answer = house.post_as(BATCH, "application/json", &gzipped, EVENT).await;
    assert_eq!(answer.problem(), (400, "invalid_body".to_owned()));
    house.stop().await;
}

#[tokio::test]
async fn what_is_no_batch_is_refused_as_a_whole() {
    let house = House::new().await;
    for body in [
        "",
        "{",
        "[",
        "[{}",
        "[{}]x",
        "7",
        "\"x\"",
        r#"{"event":[]}"#,
        r#"{"sent_at":"2023-11-14T22:13:20Z"}"#,
    ] {
        assert_eq!(
            house.post(BATCH, body).await.problem(),
            (400, "invalid_body".to_owned()),
            "{body}"
        );
    }
    let answer = house
        .post(BATCH, format!(r#"{{"sent_at":"now","events":[{EVENT}]}}"#))
        .await;
    assert_eq!(answer.problem(), (400, "invalid_request".to_owned()));
    assert_eq!(
        answer.faults(),
        [("invalid_value".to_owned(), "sent_at".to_owned())]
    );
    let answer = house.post_as(BATCH, "application/x-protobuf", &[], "\u{7}").await;
    assert_eq!(answer.problem(), (400, "invalid_body".to_owned()));
    let answer = house.post(ONE, "").await;
    assert_eq!(answer.faults(), [("invalid_json".to_owned(), String::new())]);
    house.stop().await;
}

#[tokio::test]
async fn headers_of_the_wrong_form_are_refused_with_their_name() {
    let house = House::new().await;
    for (name, value) in [("idempotency-key", "a b"), ("sluice-sent-at", "yesterday")] {
        let answer = house
            .post_as(ONE, "application/json", &[(name, value)], EVENT)
            .await;
        assert_eq!(answer.problem(), (400, "invalid_request".to_owned()));
        assert_eq!(answer.faults(), [("invalid_value".to_owned(), name.to_owned())]);
    }
    house.stop().await;
}
