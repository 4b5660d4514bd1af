//! The enriched topic and the tables, read with stock libraries of another language, as data teams read them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::clock::now;
use e2e::distributed::Endpoints;
use e2e::sample::{event, id};
use e2e::{Stack, System};
use serde_json::{Value, json};

const BATCH: &str = "/api/v1/ingestion/events/batch";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What a program prints: a JSON object a line.
fn lines(command: &mut Command) -> Vec<Value> {
    let output = command.output().expect("python3 is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{said} (its libraries come by `make tools`)"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// Code for the published schema, as anyone would make it.
fn generated(scratch: &Path) -> PathBuf {
    let code = scratch.join("generated");
    std::fs::create_dir_all(&code).unwrap();
    let mut protoc = Command::new("python3");
    protoc
        .args(["-m", "grpc_tools.protoc", "-I"])
        .arg(root().join("proto"));
    protoc
        .arg("--python_out")
        .arg(&code)
        .args(["sluice/v1/event.proto", "sluice/v1/record.proto"]);
    lines(&mut protoc);
    code
}

async fn send_some(system: &System) -> BTreeMap<String, Value> {
    let client = system.client().await;
    let events: Vec<Value> = (0..40).map(|number| event(number, now())).collect();
    let answer = client.post_json(BATCH, &json!(events)).await;
    assert_eq!(answer.body["accepted"], json!(40), "{answer:?}");
    let token = answer.body["token"].as_str().unwrap();
    assert_eq!(client.search_all(&format!("after={token}")).await.len(), 40);
    events.into_iter().map(|event| (id(&event), event)).collect()
}

#[tokio::test]
async fn a_stock_kafka_client_reads_the_enriched_topic() {
    let system = System::start(Stack::Distributed).await;
    let sent = send_some(&system).await;
    let topic = format!("{}sluice.enriched.standard", system.distributed().topic_prefix());
    let mut reader = Command::new("python3");
    reader.arg(root().join("tests/clients/enriched.py"));
    reader
        .arg(Endpoints::shared().kafka)
        .arg(topic)
        .arg(generated(system.scratch()));
    let read = lines(&mut reader);

    let ids: BTreeMap<&str, &Value> = read
        .iter()
        .map(|line| (line["id"].as_str().unwrap(), line))
        .collect();
    assert_eq!((read.len(), ids.len()), (sent.len(), sent.len()), "each once");
    for (id, event) in &sent {
        let line = ids[id.as_str()];
        let key = [b"demo\0", event["user_id"].as_str().unwrap().as_bytes()].concat();
        assert_eq!(bytes_of(line["key"].as_str().unwrap()), key, "{line}");
        let severity = if event["kind"] == "error" { "error" } else { "info" };
        let headers = json!({"origin": line["origin"].to_string(), "tenant": "demo", "kind": event["kind"], "severity": severity});
        assert_eq!(line["headers"], headers, "{line}");
        assert_eq!((&line["tenant"], &line["kind"]), (&json!("demo"), &event["kind"]));
        assert_eq!(line["user_id"], event["user_id"]);
        let browser = if event["kind"] == "api_request" {
            "Firefox"
        } else {
            ""
        };
        assert_eq!(line["browser"], browser, "{line}");
        assert!(line["expires_at"].as_str().unwrap() > "2026", "{line}");
    }
    // What is of one key is in one partition, in order.
    let mut partitions: BTreeMap<&str, &Value> = BTreeMap::new();
    for line in &read {
        let partition = partitions
            .entry(line["key"].as_str().unwrap())
            .or_insert(&line["partition"]);
        assert_eq!(*partition, &line["partition"], "{line}");
    }
}

#[tokio::test]
async fn a_stock_cassandra_client_reads_the_rows() {
    let system = System::start(Stack::Distributed).await;
    let sent = send_some(&system).await;
    let cql = Endpoints::shared().cql;
    let (host, port) = cql.split_once(':').unwrap();
    let mut reader = Command::new("python3");
    reader.arg(root().join("tests/clients/rows.py"));
    reader.args([host, port, system.distributed().keyspace(), "events_30d"]);
    let rows = lines(&mut reader);
    assert_eq!(rows.len(), sent.len());
    for row in rows {
        let id: String = row["id"].as_str().unwrap().to_owned();
        let event = sent
            .iter()
            .find(|(sent, _)| sent.replace('-', "") == id)
            .expect("an id that was sent")
            .1;
        assert_eq!(
            (&row["tenant"], &row["service"]),
            (&json!("demo"), &json!("shop")),
            "{row}"
        );
        assert_eq!(
            (&row["kind"], &row["user_id"]),
            (&event["kind"], &event["user_id"]),
            "{row}"
        );
    }
}
