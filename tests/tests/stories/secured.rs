//! Engines that encrypt and ask for passwords, and listeners with TLS: the whole way of an event.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use e2e::Client;
use e2e::clock::now;
use e2e::distributed::{Distributed, Endpoints, Role};
use e2e::sample::{event, id};
use e2e::system::{DEADLINE, addresses_of, binary};
use engines::certificates::{Certificates, Files};
use engines::{
    Cassandra, CassandraOptions, Kafka, KafkaOptions, Listener, Mechanism, Redis, RedisOptions, User,
};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

const PASSWORD: &str = "correct-horse-battery";

/// Engines that let nobody in without TLS and a password.
struct Secured {
    kafka: Kafka,
    cassandra: Cassandra,
    redis: Redis,
}

impl Secured {
    async fn start(certificates: &Certificates) -> Self {
        let kafka = KafkaOptions {
            listener: Listener::Sasl {
                certificates: Some(certificates.clone()),
                mechanism: Mechanism::ScramSha512,
                users: vec![User {
                    name: "sluice".into(),
                    password: PASSWORD.into(),
                }],
            },
            ..KafkaOptions::default()
        };
        let cassandra = CassandraOptions {
            passwords: true,
            certificates: Some(certificates.clone()),
            mutual: true,
            ..CassandraOptions::default()
        };
        let redis = RedisOptions {
            password: Some(PASSWORD.into()),
            certificates: Some(certificates.clone()),
            ..RedisOptions::default()
        };
        let kafka = spawn_blocking(move || Kafka::start_with(&kafka));
        let cassandra = spawn_blocking(move || Cassandra::start_with(&cassandra));
        let redis = spawn_blocking(move || Redis::start_with(&redis));
        Self {
            kafka: kafka.await.unwrap(),
            cassandra: cassandra.await.unwrap(),
            redis: redis.await.unwrap(),
        }
    }

    fn endpoints(&self) -> Endpoints {
        Endpoints {
            kafka: self.kafka.address(),
            cql: self.cassandra.address(),
            redis: self.redis.address(),
        }
    }
}

fn settings(files: &Files, password: &Path) -> Vec<(String, String)> {
    let text = |value: &str| PathBuf::from(value);
    let settings = [
        ("KAFKA__TLS__ENABLED", text("true")),
        ("KAFKA__TLS__CA", files.authority.clone()),
        ("KAFKA__SASL__MECHANISM", text("scram-sha-512")),
        ("KAFKA__SASL__USERNAME", text("sluice")),
        ("KAFKA__SASL__PASSWORD__FILE", password.to_owned()),
        ("CQL__USERNAME", text("cassandra")),
        ("CQL__PASSWORD", text("cassandra")),
        ("CQL__TLS__ENABLED", text("true")),
        ("CQL__TLS__CA", files.authority.clone()),
        ("CQL__TLS__CERT", files.client_certificate.clone()),
        ("CQL__TLS__KEY", files.client_key.clone()),
        ("REDIS__PASSWORD__FILE", password.to_owned()),
        ("REDIS__TLS__ENABLED", text("true")),
        ("REDIS__TLS__CA", files.authority.clone()),
    ];
    settings.into_iter().map(setting).collect()
}

fn setting((name, value): (&str, PathBuf)) -> (String, String) {
    (format!("SLUICE__{name}"), value.display().to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_engine_and_listener_is_used_over_tls_and_with_a_password() {
    let certificates = Certificates::make();
    let engines = Secured::start(&certificates).await;
    let dir = TempDir::new().unwrap();
    let files = certificates.write(dir.path()).unwrap();
    let password = dir.path().join("password");
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    let settings = settings(&files, &password);
    let mut system = Distributed::start(dir.path(), engines.endpoints(), settings).await;

    over_secured_engines(&system).await;
    over_a_secured_listener(&mut system, &files, dir.path()).await;
    assert!(system.stop_all().await);
    for process in system.processes() {
        assert!(
            !process.log().contains(PASSWORD),
            "{} has logged a password",
            process.name()
        );
    }
}

async fn over_secured_engines(system: &Distributed) {
    let client = Client::new(addresses_of(system.gateway()), system.demo_key()).await;
    let event = event(1, now());
    let answer = client.post_json("/api/v1/ingestion/events", &event).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let found = client.search_until("", 1).await;
    assert_eq!(id(&found[0]), id(&event));
    let health = client.get("/api/v1/ingestion/health").await;
    let checks = health.body["checks"].as_array().unwrap();
    let redis = checks.iter().find(|check| check["name"] == "redis").unwrap();
    assert_eq!(redis["status"], "ok", "{health:?}");
}

async fn over_a_secured_listener(system: &mut Distributed, files: &Files, dir: &Path) {
    let second = system.add(Role::Gateway);
    let tls = [
        ("LISTEN__GATEWAY__TLS__CERT", files.certificate.clone()),
        ("LISTEN__GATEWAY__TLS__KEY", files.key.clone()),
    ];
    system.process(second).set(&tls.map(setting));
    system.process(second).start().await;
    let addresses = addresses_of(system.process(second));
    let cli = |args: &[&str]| {
        let mut command = Command::new(binary());
        command.args(args).current_dir(dir);
        command.args(["--url", &format!("https://{}", addresses.http)]);
        command.args(["--grpc", &format!("https://{}", addresses.grpc)]);
        command.arg("--ca").arg(&files.authority);
        let output = command.env("SLUICE_KEY", system.demo_key()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let event = "{\"kind\":\"generic\",\"name\":\"over-tls\"}\n";
    std::fs::write(dir.join("events"), event).unwrap();
    let sent = cli(&["send", "events", "-o", "json"]);
    assert!(sent.contains("\"accepted\":1"), "{sent}");
    let begin = Instant::now();
    while !cli(&["search", "name:over-tls", "-o", "json"]).contains("over-tls") {
        assert!(begin.elapsed() < DEADLINE, "it is not found");
    }
    let in_the_clear = reqwest::get(format!("http://{}/api/v1/ingestion/health", addresses.http)).await;
    assert!(in_the_clear.is_err(), "{in_the_clear:?}");
}
