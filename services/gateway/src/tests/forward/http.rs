//! Reads over HTTP.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, StatusCode};
use axum::routing::any;
use axum::{Json, Router};
use bytes::Bytes;
use chassis::config::{ByteSize, Span};
use edge::TlsConfig;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower::ServiceExt;

use super::super::harness::{Answer, within};
use super::query::{EVENTS, Served, config, get, key, nobody, read, reads, send};
use crate::Forward;

/// Tells what it was asked.
async fn echo(request: Request<Body>) -> (StatusCode, [(&'static str, &'static str); 2], Json<Value>) {
    let (head, body) = request.into_parts();
    let headers = head.headers.iter().map(|(name, value)| {
        let value = Value::from(value.to_str().unwrap());
        (name.as_str().to_owned(), value)
    });
    let headers: serde_json::Map<String, Value> = headers.collect();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let told = json!({
        "method": head.method.as_str(),
        "uri": head.uri.to_string(),
        "headers": headers,
        "body": body.len(),
    });
    let kept_and_not = [("x-kept", "yes"), ("keep-alive", "timeout=9")];
    (StatusCode::ACCEPTED, kept_and_not, Json(told))
}

async fn query(handler: axum::routing::MethodRouter) -> (Served, Forward) {
    let query = Served::http(Router::new().fallback_service(handler), None).await;
    let config = config(query.origin("http"), nobody().await);
    (query, config)
}

#[track_caller]
fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_read_arrives_as_it_was_and_so_does_its_answer() {
    let (query, config) = query(any(echo)).await;
    let uri = format!("{EVENTS}?q=a%20b&limit=2&after=-x%2F");
    let request = read(Method::GET, &uri)
        .header("x-request-id", "mine")
        .header("x-private", "1")
        .header("connection", "x-private, close")
        .header("te", "trailers")
        .header("host", "gateway.example")
        .body(Body::empty())
        .unwrap();
    let answer = send(&reads(&config), request).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(
        (answer.header("x-kept"), answer.header("keep-alive")),
        ("yes", "")
    );
    assert_eq!(answer.header("x-request-id"), "mine");
    let expected = json!({
        "method": "GET",
        "uri": uri,
        "headers": {
            "authorization": format!("Bearer {}", key()),
            "host": query.address.to_string(),
            "x-request-id": "mine",
        },
        "body": 0,
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn routes_of_query_that_are_not_known_here_are_passed_on_too() {
    let (_query, config) = query(any(echo)).await;
    let request = Request::delete("/api/v1/things/1").body(Body::empty()).unwrap();
    let told = send(&reads(&config), request).await.json();
    assert_eq!(
        (&told["method"], &told["uri"]),
        (&json!("DELETE"), &json!("/api/v1/things/1"))
    );
}

#[tokio::test]
async fn statistics_are_passed_on() {
    let (_query, config) = query(any(echo)).await;
    for uri in [
        "/api/v1/ingestion/stats?from=now-1h",
        "/api/v1/analytics/timeseries?by=service",
        "/api/v1/analytics/top?of=routes",
        "/api/v1/analytics/summary",
    ] {
        let told = send(
            &reads(&config),
            read(Method::GET, uri).body(Body::empty()).unwrap(),
        )
        .await;
        assert_eq!(told.json()["uri"], uri);
        let stranger = Request::get(uri).body(Body::empty()).unwrap();
        let refused = send(&reads(&config), stranger).await;
        assert_eq!(refused.problem(), (401, "unauthenticated".to_owned()), "{uri}");
    }
}

#[tokio::test]
async fn a_stranger_does_not_get_through() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let (_query, config) = query(any(move || {
        count.fetch_add(1, Ordering::Relaxed);
        async {}
    }))
    .await;
    for request in [
        Request::get(EVENTS),
        Request::get(format!("{EVENTS}/1")).header("x-api-key", "slk_abcdefABCDEF_x"),
    ] {
        let answer = send(&reads(&config), request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.problem(), (401, "unauthenticated".to_owned()));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn no_request_decides_where_it_is_sent() {
    let (query, config) = query(any(echo)).await;
    for uri in [
        "http://192.0.2.1:1/api/v1/ingestion/events",
        "//192.0.2.1/api/v1/ingestion/events",
    ] {
        let request = read(Method::GET, uri)
            .header("host", "192.0.2.1")
            .header("x-forwarded-host", "192.0.2.1")
            .body(Body::empty());
        let Ok(request) = request else { continue };
        let told = send(&reads(&config), request).await.json();
        assert_eq!(told["headers"]["host"], query.address.to_string(), "{uri}");
    }
    for method in [Method::CONNECT, Method::TRACE] {
        let request = read(method, EVENTS).body(Body::empty()).unwrap();
        let answer = send(&reads(&config), request).await;
        assert_eq!(answer.problem(), (405, "method_not_allowed".to_owned()));
    }
}

#[tokio::test]
async fn while_query_is_away_reads_are_unavailable() {
    let config = config(nobody().await, nobody().await);
    assert_unavailable(&get(&reads(&config), EVENTS).await);
}

#[tokio::test]
async fn a_query_that_is_too_slow_is_not_waited_for() {
    let (_query, mut config) = query(any(std::future::pending::<()>)).await;
    config.answer = Span::from_ms(50);
    assert_unavailable(&get(&reads(&config), EVENTS).await);
}

#[tokio::test]
async fn what_stands_between_and_does_not_reach_query_is_unavailable() {
    for (status, content_type) in [
        (StatusCode::BAD_GATEWAY, "application/problem+json"),
        (StatusCode::SERVICE_UNAVAILABLE, "text/html"),
        (StatusCode::GATEWAY_TIMEOUT, "text/plain"),
    ] {
        let other = any(move || async move { (status, [("content-type", content_type)], "proxy") });
        let (_query, config) = query(other).await;
        assert_unavailable(&get(&reads(&config), EVENTS).await);
    }
    let own = any(|| async { edge::ApiError::new(edge::ErrorCode::InFlight, "wait") });
    let (_query, config) = query(own).await;
    assert_eq!(
        get(&reads(&config), EVENTS).await.problem(),
        (504, "not_yet_visible".to_owned())
    );
}

#[tokio::test]
async fn a_read_too_many_is_refused_at_once_and_a_place_is_free_after_the_answer() {
    let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&asked), Arc::clone(&go_on));
    let slow = any(move || {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            let rest = async move {
                wait.notified().await;
                Ok::<_, io::Error>(Bytes::from_static(b"rest"))
            };
            Body::from_stream(futures::stream::once(rest))
        }
    });
    let (_query, mut config) = query(slow).await;
    config.in_flight = 1;
    let reads = reads(&config);
    let first = tokio::spawn({
        let reads = reads.clone();
        async move { get(&reads, EVENTS).await }
    });
    within(asked.notified()).await;

    assert_unavailable(&get(&reads, EVENTS).await);
    go_on.notify_one();
    assert_eq!(within(first).await.unwrap().body, "rest");
    go_on.notify_one();
    assert_eq!(get(&reads, EVENTS).await.body, "rest");
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_is_cut_off() {
    let stuck = any(|| async {
        let begin = futures::stream::once(async { Ok::<_, io::Error>(Bytes::from_static(b"begin")) });
        Body::from_stream(futures::StreamExt::chain(begin, futures::stream::pending()))
    });
    let (_query, mut config) = query(stuck).await;
    config.stall = Span::from_ms(50);
    let request = read(Method::GET, EVENTS).body(Body::empty()).unwrap();
    let answer = within(reads(&config).oneshot(request)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    within(answer.into_body().collect()).await.unwrap_err();
}

#[tokio::test]
async fn a_large_answer_comes_whole_and_says_its_length() {
    let whole: Vec<u8> = (0..=250_u8).cycle().take(9 << 20).collect();
    let page = Bytes::from(whole.clone());
    let (_query, config) = query(any(move || {
        let page = page.clone();
        async move { page }
    }))
    .await;
    let answer = get(&reads(&config), EVENTS).await;
    assert_eq!(answer.header("content-length"), (9 << 20).to_string());
    assert!(answer.body == whole, "not a byte is lost");
}

#[tokio::test]
async fn a_body_is_passed_on_up_to_its_cap() {
    let (_query, mut config) = query(any(echo)).await;
    config.body = ByteSize::kib(4);
    let reads = reads(&config);
    let post = |bytes: usize, announced: bool| {
        let body = Bytes::from(vec![b'x'; bytes]);
        let body = if announced {
            Body::from(body)
        } else {
            Body::from_stream(futures::stream::once(async { Ok::<_, io::Error>(body) }))
        };
        let request = read(Method::POST, "/api/v1/things");
        let request = if announced {
            request.header("content-length", bytes)
        } else {
            request
        };
        request.body(body).unwrap()
    };
    for announced in [true, false] {
        let told = send(&reads, post(4096, announced)).await.json();
        assert_eq!(told["body"], 4096);
        let refused = send(&reads, post(4097, announced)).await;
        assert_eq!(refused.problem(), (413, "body_too_large".to_owned()));
    }
}

/// Reads a request's head.
async fn head(stream: &mut tokio::net::TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
}

#[tokio::test]
async fn a_read_that_meets_the_end_of_an_old_connection_is_sent_again() {
    const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", socket.local_addr().unwrap())
        .parse()
        .unwrap();
    let served = tokio::spawn(async move {
        let (mut old, _) = socket.accept().await.unwrap();
        head(&mut old).await;
        old.write_all(OK).await.unwrap();
        head(&mut old).await;
        drop(old);
        let (mut new, _) = socket.accept().await.unwrap();
        head(&mut new).await;
        new.write_all(OK).await.unwrap();
    });
    let reads = reads(&config(origin, nobody().await));
    for _ in 0..2 {
        assert_eq!(get(&reads, EVENTS).await.body, "ok");
    }
    within(served).await.unwrap();
}

#[tokio::test]
async fn query_is_reached_over_https_where_its_authority_is_known() {
    let dir = tempfile::TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = TlsConfig {
        cert: Some(cert.clone()),
        key: Some(key),
        client_ca: None,
    };
    let query = Served::http(Router::new().fallback(echo), tls.open().unwrap()).await;
    let mut config = config(query.origin("https"), nobody().await);
    config.ca = Some(cert.clone());
    assert_eq!(get(&reads(&config), EVENTS).await.status, StatusCode::ACCEPTED);

    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&cert, other.cert.pem()).unwrap();
    assert_unavailable(&get(&reads(&config), EVENTS).await);
    config.ca = Some(dir.path().join("none.pem"));
    let refused = crate::forward::http(&config, &super::query::access()).unwrap_err();
    let source = std::error::Error::source(&refused).unwrap().to_string();
    assert!(source.contains("none.pem can't be read"), "{source}");
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let page = any(|| async {
        Response::builder()
            .header("content-length", "5")
            .body(Body::from("hello"))
            .unwrap()
    });
    let (_query, config) = query(page).await;
    let request = read(Method::HEAD, EVENTS).body(Body::empty()).unwrap();
    let answer = send(&reads(&config), request).await;
    assert_eq!((answer.header("content-length"), &*answer.body), ("5", &b""[..]));
}
