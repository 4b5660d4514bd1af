//! Whatever comes in gets a verdict or an error that names the field and the limit, and memory stays bounded.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use e2e::client::{answer, batch};
use e2e::sample::{event, id, protobuf};
use e2e::{Client, Stack, System};
use flate2::Compression;
use flate2::write::GzEncoder;
use proto::v1;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use e2e::clock::now;

const EVENTS: &str = "/api/v1/ingestion/events";
const BATCH: &str = "/api/v1/ingestion/events/batch";
const MIB: usize = 1024 * 1024;

/// What one process may take under attack, beside the code itself.
const MEMORY_BOUND: u64 = 768 * 1024 * 1024;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn post_encoded(client: &Client, encoding: &str, body: Vec<u8>) -> e2e::client::Answer {
    let request = client
        .request("POST", BATCH)
        .header("content-type", "application/json");
    answer(request.header("content-encoding", encoding).body(body)).await
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn bombs_are_refused_within_the_memory_bound(#[case] stack: Stack) {
    let system = System::start(stack).await;
    let client = system.client().await;
    let zeros = vec![b' '; 256 * MIB];
    let (gzipped, zstandard) = (gzip(&zeros), zstd::bulk::compress(&zeros, 1).unwrap());
    drop(zeros);
    let deep = format!("[{}]", "[".repeat(2 * MIB));
    let wide = format!(
        "[{{\"kind\":\"generic\",\"name\":\"n\",\"attributes\":{{{}}}}}]",
        (0..20_000)
            .map(|i| format!("\"k{i}\":1"))
            .collect::<Vec<_>>()
            .join(",")
    );
    for _ in 0..8 {
        let refused = post_encoded(&client, "gzip", gzipped.clone()).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (413, &json!("body_too_large")),
            "{refused:?}"
        );
        let refused = post_encoded(&client, "zstd", zstandard.clone()).await;
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (413, &json!("body_too_large"))
        );
        assert_eq!(
            client.post(BATCH, "application/json", deep.clone()).await.status,
            400
        );
        assert_eq!(
            client.post(BATCH, "application/json", wide.clone()).await.status,
            400
        );
    }
    let oversized = client.post(BATCH, "application/json", vec![b' '; 9 * MIB]).await;
    assert_eq!(oversized.status, 413);
    let resident = system.resident_bytes();
    assert!(resident < MEMORY_BOUND, "{resident} bytes are resident");
    assert_still_works(&system).await;
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn a_fault_names_field_and_limit_and_leaves_its_neighbours_alone(#[case] stack: Stack) {
    let system = System::start(stack).await;
    let client = system.client().await;
    let good = event(3, now());
    let with = |field: &str, value: Value| {
        let mut event = event(7, now());
        event.as_object_mut().unwrap().insert(field.into(), value);
        event
    };
    let bad = [
        (with("name", json!("x".repeat(129))), "too_long", "name"),
        (with("servise", json!("x")), "unknown_field", "servise"),
        (with("id", json!("17")), "invalid_id", "id"),
        (
            with("timestamp", json!("2020-01-01T00:00:00Z")),
            "id_time_mismatch",
            "timestamp",
        ),
        (with("path", json!("/")), "unknown_field", "path"),
        (with("severity", json!("bad")), "invalid_value", "severity"),
        (with("attributes", json!([1])), "invalid_json", "attributes"),
        (
            with(
                "attributes",
                json!({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}),
            ),
            "too_deep",
            "attributes.a.b.c.d.e.f.g.h",
        ),
        (with("service", json!("a\u{0}b")), "nul_character", "service"),
        (with("kind", Value::Null), "missing", "kind"),
    ];
    let mut events: Vec<Value> = bad.iter().map(|(event, _, _)| event.clone()).collect();
    events.insert(0, good.clone());
    let answer = client.post_json(BATCH, &json!(events)).await;
    assert_eq!(
        (answer.status, &answer.body["accepted"], &answer.body["rejected"]),
        (202, &json!(1), &json!(bad.len()))
    );
    for (index, (_, code, field)) in bad.iter().enumerate() {
        let fault = &answer.body["results"][index + 1]["errors"][0];
        assert_eq!(
            (&fault["code"], &fault["field"]),
            (&json!(code), &json!(field)),
            "{answer:?}"
        );
    }

    // Broken bytes in one event of an array, and of a protobuf batch.
    let mut body = format!("[{},{{\"kind\":\"", event(11, now())).into_bytes();
    body.extend(b"\xff\"}]");
    let answer = client.post(BATCH, "application/json", body).await;
    assert_eq!(
        (
            &answer.body["accepted"],
            &answer.body["results"][1]["errors"][0]["code"]
        ),
        (&json!(1), &json!("invalid_json"))
    );
    let broken = batch([
        protobuf(&event(15, now())),
        Bytes::from_static(b"\x1a\x02\xff\xfe"),
    ]);
    let answer = client
        .ingestion()
        .ingest_batch(broken)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (answer.accepted, answer.results[1].errors[0].code.as_str()),
        (1, "invalid_protobuf")
    );
    assert_eq!(client.search_until("", 3).await.len(), 3);
    assert!(
        client
            .search_all("")
            .await
            .iter()
            .any(|found| id(found) == id(&good))
    );
    system.assert_quiet(&[]);
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn a_request_that_is_none_says_what_is_wanted(#[case] stack: Stack) {
    let system = System::start(stack).await;
    let client = system.client().await;
    let one = event(3, now()).to_string();
    let refused = |content_type: &'static str, body: Vec<u8>| {
        let client = &client;
        async move {
            let answer = client.post(BATCH, content_type, body).await;
            assert!(
                answer.body["detail"]
                    .as_str()
                    .is_some_and(|detail| !detail.is_empty()),
                "{answer:?}"
            );
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert_eq!(
                answer.headers["x-request-id"],
                answer.body["request_id"].as_str().unwrap()
            );
            (answer.status, answer.body["code"].as_str().unwrap().to_owned())
        }
    };
    assert_eq!(
        refused("application/json", b"[]".to_vec()).await,
        (400, "empty_batch".into())
    );
    assert_eq!(
        refused("application/x-ndjson", b"\n\n".to_vec()).await,
        (400, "empty_batch".into())
    );
    assert_eq!(refused("application/json", b"[{]".to_vec()).await.0, 400);
    assert_eq!(
        refused("text/csv", one.clone().into_bytes()).await,
        (415, "unsupported_media_type".into())
    );
    let many = vec![one.as_str(); 1001].join("\n");
    assert_eq!(
        refused("application/x-ndjson", many.into_bytes()).await,
        (413, "too_many_events".into())
    );
    let truncated = gzip(format!("[{one}]").as_bytes());
    let truncated = post_encoded(&client, "gzip", truncated[..truncated.len() - 9].to_vec()).await;
    assert_eq!(truncated.status, 400, "{truncated:?}");
    assert_eq!(post_encoded(&client, "br", b"x".to_vec()).await.status, 415);
    assert_eq!(client.get("/api/v1/nothing").await.status, 404);
    assert_eq!(client.request("PUT", EVENTS).send().await.unwrap().status(), 405);
    assert_eq!(client.get(&format!("{EVENTS}/17")).await.status, 400);
    for parameters in [
        "colour=red",
        "limit=0",
        "limit=1001",
        "from=soon",
        "from=now&to=now-1h",
        "q=colour:red",
        "q=(service:a",
        "explain=maybe",
        "cursor=x",
        "after=x",
        "status_code=99",
        "kind=x",
    ] {
        let answer = client.get(&format!("{EVENTS}?{parameters}")).await;
        assert_eq!(answer.status, 400, "{parameters}");
    }
    system.assert_quiet(&[]);
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn an_oversized_grpc_message_is_refused(#[case] stack: Stack) {
    let system = System::start(stack).await;
    let client = system.client().await;
    let huge = batch([Bytes::from(vec![0; 9 * MIB])]);
    let status = client.ingestion().ingest_batch(huge).await.unwrap_err();
    assert!(
        matches!(
            status.code(),
            tonic::Code::ResourceExhausted | tonic::Code::OutOfRange
        ),
        "{status:?}"
    );
    // Two bytes on the wire, sixteen times that once it is decoded.
    let before = system.resident_bytes();
    let hollow = batch(std::iter::repeat_n(Bytes::new(), 4_000_000));
    let status = client.ingestion().ingest_batch(hollow).await.unwrap_err();
    assert!(status.message().contains("16384"), "{status:?}");
    let grown = system.resident_bytes().saturating_sub(before) / MIB as u64;
    assert!(grown < 64, "{grown} MiB more are resident");
    let many = batch(std::iter::repeat_n(protobuf(&event(1, now())), 1001));
    let status = client.ingestion().ingest_batch(many).await.unwrap_err();
    assert!(
        status.message().contains("1000") || status.message().contains("1,000"),
        "{status:?}"
    );
    assert_still_works(&system).await;
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn a_stream_whose_answers_are_never_read_does_not_fill_memory(#[case] stack: Stack) {
    let system = System::start(stack).await;
    let client = system.client().await;
    let before = system.resident_bytes();
    let (requests, received) = tokio::sync::mpsc::channel(1);
    let answers = client
        .ingestion()
        .ingest_stream(ReceiverStream::new(received))
        .await
        .unwrap();
    // Small events without ids: each answer names a thousand ids that were made for them.
    let small = protobuf(&json!({"kind": "generic", "name": "n"}));
    let mut sent = 0;
    for number in 1..=2000 {
        let events = std::iter::repeat_n(small.clone(), 1000).collect();
        let request = v1::IngestStreamRequest {
            number,
            events,
            ..v1::IngestStreamRequest::default()
        };
        match tokio::time::timeout(Duration::from_secs(2), requests.send(request)).await {
            Ok(Ok(())) => sent = number,
            _ => break,
        }
    }
    let grown = system.resident_bytes().saturating_sub(before);
    assert!(sent < 2000, "all two million events were taken");
    assert!(
        grown < MEMORY_BOUND,
        "{grown} bytes more are resident after {sent} batches"
    );
    drop(answers);
    assert_still_works(&system).await;
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn pages_that_are_never_read_do_not_fill_memory(#[case] stack: Stack) {
    let system = System::start(stack).await;
    let client = system.client().await;
    let stack_trace = "x".repeat(60_000);
    for first in [0, 100] {
        let large = (first..first + 100).map(|number| {
            let mut event = event(4 * number + 1, now());
            event["stack_trace"] = json!(stack_trace);
            event
        });
        assert_eq!(
            client
                .post_json(BATCH, &json!(large.collect::<Vec<_>>()))
                .await
                .status,
            202
        );
    }
    client.search_until("limit=1000", 200).await;
    let before = system.resident_bytes();
    let key = system.demo_key();
    let mut unread = Vec::new();
    for _ in 0..60 {
        let mut connection = TcpStream::connect(system.addresses().http).await.unwrap();
        let head =
            format!("GET {EVENTS}?limit=1000 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n");
        connection.write_all(head.as_bytes()).await.unwrap();
        // The first bytes of the answer: it is ready, and the rest stays unread.
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await.unwrap();
        unread.push(connection);
    }
    let grown = system.resident_bytes().saturating_sub(before) / MIB as u64;
    assert!(grown < 256, "{grown} MiB more are resident");
    drop(unread);
    assert_still_works(&system).await;
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn requests_that_stall_are_ended_and_others_go_on(#[case] stack: Stack) {
    let system = System::start_with(stack, [("SLUICE__GATEWAY__REQUEST__STALL", "300ms")]).await;
    let key = system.demo_key();
    let mut stalled = Vec::new();
    for _ in 0..50 {
        let mut connection = TcpStream::connect(system.addresses().http).await.unwrap();
        let head = format!(
            "POST {EVENTS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{{"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        stalled.push(connection);
    }
    assert_still_works(&system).await;
    for mut connection in stalled {
        let mut answer = Vec::new();
        let read = tokio::time::timeout(e2e::system::DEADLINE, connection.read_to_end(&mut answer)).await;
        read.expect("the server ends it").unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 408"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
}

async fn assert_still_works(system: &System) {
    let client = system.client().await;
    let event = event(u64::from(u32::MAX), now());
    let sent = client.post_json(EVENTS, &event).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    let token = sent.body["token"].as_str().unwrap();
    let read = client
        .get(&format!("{EVENTS}/{}?after={token}", id(&event)))
        .await;
    assert_eq!(read.status, 200, "{read:?}");
}

#[rstest]
#[case::standalone(Stack::Standalone)]
#[case::distributed(Stack::Distributed)]
#[tokio::test]
async fn health_readiness_and_metrics_tell_the_state(#[case] stack: Stack) {
    let system = System::start(stack).await;
    let client = system.client().await;
    assert_still_works(&system).await;
    let anonymous = reqwest::Client::new();
    let health = anonymous
        .get(format!("{}/api/v1/ingestion/health", client.base()))
        .send()
        .await
        .unwrap();
    assert_eq!(health.status(), 200);
    let ops = format!("http://{}", system.addresses().ops);
    for path in ["live", "ready"] {
        assert_eq!(
            anonymous
                .get(format!("{ops}/{path}"))
                .send()
                .await
                .unwrap()
                .status(),
            200
        );
    }
    let metrics = anonymous
        .get(format!("{ops}/metrics"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for name in ["sluice_", "process_resident_memory_bytes"] {
        assert!(metrics.contains(name), "{name} is missing in\n{metrics}");
    }
    let mut answers = client
        .ingestion()
        .ingest_stream(tokio_stream::iter([]))
        .await
        .unwrap()
        .into_inner();
    assert!(answers.next().await.is_none());
}
