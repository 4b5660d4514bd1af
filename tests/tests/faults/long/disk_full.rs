//! The disk of the embedded engines is full: refused with a clear error, and nothing acknowledged is lost.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use e2e::Client;
use e2e::clock::now;
use e2e::process::{Launch, Process};
use e2e::sample::{event, id};
use e2e::system::{DEADLINE, addresses_of};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Too little for what is sent, and enough for the files that an empty system has.
const DISK: &str = "260m";
const BATCH: &str = "/api/v1/ingestion/events/batch";

/// A process whose data directory is a small disk of its own, which is gone with it.
fn on_small_disk(dir: &TempDir) -> Process {
    let data = dir.path().join("disk");
    std::fs::create_dir_all(&data).unwrap();
    let shown = data.display();
    // In namespaces of its own, so that no privilege is needed and nothing is left to unmount.
    let script = format!("mount -t tmpfs -o size={DISK} tmpfs {shown} && exec \"$@\"");
    let launch = Launch {
        name: "standalone".to_owned(),
        args: vec!["standalone".into(), "--data-dir".into(), format!("{shown}/data")],
        settings: vec![],
        addresses: data.join("data/addresses.json"),
        listeners: ["http", "grpc", "ops"]
            .map(|name| (name, format!("SLUICE__LISTEN__{}", name.to_uppercase())))
            .into(),
        wrapper: [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            &script,
            "sh",
        ]
        .map(str::to_owned)
        .into(),
        own_mounts: true,
    };
    Process::new(launch, dir.path())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_is_told_and_loses_nothing_acknowledged() {
    let dir = TempDir::new().unwrap();
    let mut process = on_small_disk(&dir);
    process.start().await;
    let data = process.seen(&dir.path().join("disk/data"));
    let key = std::fs::read_to_string(data.join("demo.key")).unwrap();
    let client = Client::new(addresses_of(&process), key.trim()).await;

    let mut acknowledged = BTreeSet::new();
    let refusal = fill(&client, &mut acknowledged).await;
    assert_eq!(refusal.status, 503, "{refusal:?}");
    assert!(!acknowledged.is_empty());
    let begin = Instant::now();
    while process.is_ready().await {
        assert!(begin.elapsed() < DEADLINE, "it says that it is ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(process.log().contains("No space left"), "{}", process.log());
    // What is stored can be read on; what is only in the log comes when there is room again.
    let found = client.search_all("limit=1000&service=shop").await;
    assert!(!found.is_empty());

    // Room is made, and it is started again on what is there.
    let copy = dir.path().join("copy");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(&data)
        .arg(&copy)
        .status();
    assert!(copied.unwrap().success());
    process.kill();
    let mut process = e2e::system::standalone(dir.path(), &copy, Vec::new());
    process.start().await;
    let client = Client::new(addresses_of(&process), key.trim()).await;
    let begin = Instant::now();
    loop {
        let found: BTreeSet<String> = client
            .search_all("limit=1000&service=shop")
            .await
            .iter()
            .map(id)
            .collect();
        if acknowledged.is_subset(&found) {
            break;
        }
        let lost = acknowledged.difference(&found).count();
        assert!(
            begin.elapsed() < DEADLINE,
            "{lost} of {} acknowledged events are lost",
            acknowledged.len()
        );
    }
}

/// Sends until a call is refused.
async fn fill(client: &Client, acknowledged: &mut BTreeSet<String>) -> e2e::client::Answer {
    let stuffing: String = (0..15_000_u32)
        .map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 28) as u8))
        .collect();
    for first in (0..1_000_000).step_by(100) {
        let events: Vec<Value> = (first..first + 100)
            .map(|number| {
                let mut event = event(number, now());
                event["attributes"]["stuffing"] = json!(format!("{number}{stuffing}"));
                event
            })
            .collect();
        let answer = client.post_json(BATCH, &json!(events)).await;
        let results = answer.body["results"].as_array().cloned().unwrap_or_default();
        let accepted = results.iter().filter(|result| result["status"] == "accepted");
        acknowledged.extend(accepted.map(|result| result["id"].as_str().unwrap().to_owned()));
        if answer.status != 202 {
            return answer;
        }
    }
    panic!("the disk takes everything");
}
