//! Engines that encrypt and ask for passwords: the whole way of an event over TLS.

use std::process::Command;

use e2e::Client;
use e2e::clock::now;
use e2e::distributed::{Distributed, Endpoints, Role};
use e2e::sample::{event, id};
use e2e::system::{DEADLINE, addresses_of, binary};
use engines::certificates::Certificates;
use engines::{
    Cassandra, CassandraOptions, Kafka, KafkaOptions, Listener, Mechanism, Redis, RedisOptions, User,
};
use tempfile::TempDir;

const PASSWORD: &str = "correct-horse-battery";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_engine_is_used_over_tls_and_with_a_password() {
    let certificates = Certificates::make();
    let (for_kafka, for_cassandra, for_redis) =
        (certificates.clone(), certificates.clone(), certificates.clone());
    let kafka = tokio::task::spawn_blocking(|| {
        Kafka::start_with(&KafkaOptions {
            listener: Listener::Sasl {
                certificates: Some(for_kafka),
                mechanism: Mechanism::ScramSha512,
                users: vec![User {
                    name: "sluice".into(),
                    password: PASSWORD.into(),
                }],
            },
            ..KafkaOptions::default()
        })
    });
    let cassandra = tokio::task::spawn_blocking(|| {
        Cassandra::start_with(&CassandraOptions {
            passwords: true,
            certificates: Some(for_cassandra),
            mutual: true,
            ..CassandraOptions::default()
        })
    });
    let redis = tokio::task::spawn_blocking(|| {
        Redis::start_with(&RedisOptions {
            password: Some(PASSWORD.into()),
            certificates: Some(for_redis),
            ..RedisOptions::default()
        })
    });
    let (kafka, cassandra, redis) = (
        kafka.await.unwrap(),
        cassandra.await.unwrap(),
        redis.await.unwrap(),
    );
    let dir = TempDir::new().unwrap();
    let files = certificates.write(dir.path()).unwrap();
    let password = dir.path().join("password");
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    let file = |path: &std::path::Path| path.display().to_string();
    let settings = [
        ("KAFKA__TLS__ENABLED", "true".to_owned()),
        ("KAFKA__TLS__CA", file(&files.authority)),
        ("KAFKA__SASL__MECHANISM", "scram-sha-512".to_owned()),
        ("KAFKA__SASL__USERNAME", "sluice".to_owned()),
        ("KAFKA__SASL__PASSWORD__FILE", file(&password)),
        ("CQL__USERNAME", "cassandra".to_owned()),
        ("CQL__PASSWORD", "cassandra".to_owned()),
        ("CQL__TLS__ENABLED", "true".to_owned()),
        ("CQL__TLS__CA", file(&files.authority)),
        ("CQL__TLS__CERT", file(&files.client_certificate)),
        ("CQL__TLS__KEY", file(&files.client_key)),
        ("REDIS__PASSWORD__FILE", file(&password)),
        ("REDIS__TLS__ENABLED", "true".to_owned()),
        ("REDIS__TLS__CA", file(&files.authority)),
    ];
    let settings = settings.map(|(name, value)| (format!("SLUICE__{name}"), value));
    let endpoints = Endpoints {
        kafka: kafka.address(),
        cql: cassandra.address(),
        redis: redis.address(),
    };
    let mut system = Distributed::start(dir.path(), endpoints, settings.into()).await;

    let client = Client::new(addresses_of(system.gateway()), system.demo_key()).await;
    let event = event(1, now());
    let answer = client.post_json("/api/v1/ingestion/events", &event).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let found = client.search_until("", 1).await;
    assert_eq!(id(&found[0]), id(&event));
    let health = client.get("/api/v1/ingestion/health").await;
    let checks = health.body["checks"].as_array().unwrap();
    let redis_check = checks.iter().find(|check| check["name"] == "redis");
    assert_eq!(
        redis_check.map(|check| &check["status"]),
        Some(&serde_json::json!("ok")),
        "{health:?}"
    );
    let second = system.add(Role::Gateway);
    let tls = [("CERT", &files.certificate), ("KEY", &files.key)];
    let tls = tls.map(|(name, path)| (format!("SLUICE__LISTEN__GATEWAY__TLS__{name}"), file(path)));
    system.process(second).set(&tls);
    system.process(second).start().await;
    let addresses = addresses_of(system.process(second));
    let cli = |args: &[&str]| {
        let mut command = Command::new(binary());
        command
            .args(args)
            .env("SLUICE_KEY", system.demo_key())
            .current_dir(dir.path());
        command.args(["--url", &format!("https://{}", addresses.http)]);
        command.args(["--grpc", &format!("https://{}", addresses.grpc)]);
        command.arg("--ca").arg(&files.authority);
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    std::fs::write(
        dir.path().join("events"),
        "{\"kind\":\"generic\",\"name\":\"over-tls\"}\n",
    )
    .unwrap();
    let sent = cli(&["send", "events", "-o", "json"]);
    assert!(sent.contains("\"accepted\":1"), "{sent}");
    let begin = std::time::Instant::now();
    while !cli(&["search", "name:over-tls", "-o", "json"]).contains("over-tls") {
        assert!(begin.elapsed() < DEADLINE, "it is not found");
    }
    let in_the_clear = reqwest::get(format!("http://{}/api/v1/ingestion/health", addresses.http)).await;
    assert!(in_the_clear.is_err(), "{in_the_clear:?}");

    assert!(system.stop_all().await);
    for process in system.processes() {
        assert!(
            !process.log().contains(PASSWORD),
            "{} has logged a password",
            process.name()
        );
    }
}
