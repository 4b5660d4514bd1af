//! Roles as processes, without any engine: what they refuse, and how they wait.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(30);

/// Nobody listens on port 1, so all engines are away.
const AWAY: &str = r#"
dev = true

[auth]
pepper = "first 0123456789abcdef0123456789abcdef"

[kafka]
brokers = "127.0.0.1:1"
replication = 1
min_insync = 1
request_timeout = "1s"

[cql]
nodes = "127.0.0.1:1"
replication_factor = 1

[redis]
address = "127.0.0.1:1"

[listen.gateway]
http = "127.0.0.1:0"
grpc = "127.0.0.1:0"
ops = "127.0.0.1:0"

[listen.retention]
ops = "127.0.0.1:0"
"#;

fn file(dir: &TempDir, text: &str) -> PathBuf {
    let path = dir.path().join("sluice.toml");
    fs::write(&path, text).unwrap();
    path
}

fn sluice(words: &[&str], config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(words).arg("--config").arg(config);
    command
}

/// Runs it to its end, which is a failure: what it says.
fn refused(words: &[&str], config: &Path) -> String {
    let output = sluice(words, config).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A process that is killed when the test ends.
struct Running(Child);

impl Running {
    fn start(role: &str, config: &Path, addresses: &Path) -> Self {
        let mut command = sluice(&[role], config);
        command
            .arg("--addresses-file")
            .arg(addresses)
            .stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn terminate(&self) {
        let pid = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    async fn ended(&mut self) -> ExitStatus {
        until("its end", || self.0.try_wait().unwrap()).await
    }

    fn said(&mut self) -> String {
        let mut text = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begin.elapsed() < DEADLINE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn addresses(path: &Path) -> Value {
    let read = || serde_json::from_str(&fs::read_to_string(path).ok()?).ok();
    until("addresses", read).await
}

async fn get(address: &Value, path: &str) -> reqwest::Response {
    let address = address.as_str().unwrap();
    reqwest::get(format!("http://{address}{path}")).await.unwrap()
}

/// Waits until a check has been told that its engine is away.
async fn told(ops: &Value, name: &str) -> Value {
    let begin = Instant::now();
    loop {
        let answer = get(ops, "/ready").await;
        assert_eq!(answer.status(), 503);
        let report: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        if check["detail"] != "starting" {
            return check.clone();
        }
        assert!(begin.elapsed() < DEADLINE, "{name} is still starting");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_gateway_without_engines_lives_and_says_what_is_missing() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("addresses.json");
    let mut gateway = Running::start("gateway", &file(&dir, AWAY), &path);
    let listening = addresses(&path).await;
    let ops = &listening["ops"];
    assert_eq!(get(ops, "/live").await.status(), 200);
    let kafka = told(ops, "kafka").await;
    assert!(
        kafka["detail"].as_str().unwrap().contains("unavailable"),
        "{kafka}"
    );
    assert_eq!(told(ops, "redis").await["informational"], true);

    let answer = get(&listening["http"], "/api/v1/ingestion/events").await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");

    gateway.terminate();
    assert!(gateway.ended().await.success());
    let said = gateway.said();
    assert!(said.contains("engine is away"), "{said}");
}

#[tokio::test]
async fn a_role_that_serves_nobody_listens_for_probes_only() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("addresses.json");
    let mut retention = Running::start("retention", &file(&dir, AWAY), &path);
    let listening = addresses(&path).await;
    assert_eq!(listening.as_object().unwrap().len(), 1);
    assert_eq!(told(&listening["ops"], "kafka").await["ready"], false);
    retention.terminate();
    assert!(retention.ended().await.success());
}

#[test]
fn a_wrong_configuration_ends_a_role_with_the_key() {
    let dir = TempDir::new().unwrap();
    let said = refused(&["gateway"], &file(&dir, "dev = true\n"));
    assert!(said.contains("auth.pepper"), "{said}");
    let said = refused(&["enrichment"], &file(&dir, "[kafka]\nreplicaton = 1\n"));
    assert!(
        said.contains("kafka.replicaton") && said.contains("kafka.replication"),
        "{said}"
    );
    let said = refused(
        &["query"],
        &file(&dir, "[kafka]\nreplication = 1\nmin_insync = 1\n"),
    );
    assert!(
        said.contains("kafka.replication") && said.contains("dev"),
        "{said}"
    );
}

#[test]
fn a_command_gives_up_when_its_patience_ends() {
    let dir = TempDir::new().unwrap();
    let config = file(&dir, AWAY);
    for words in [
        &["migrate", "--patience", "1s"][..],
        &["keys", "bootstrap", "--patience", "1s"],
    ] {
        let said = refused(words, &config);
        assert!(said.contains("kafka at 127.0.0.1:1"), "{said}");
    }
}
