//! Engines that encrypt and ask for passwords: the whole way of an event over TLS.

use e2e::Client;
use e2e::clock::now;
use e2e::distributed::{Distributed, Endpoints};
use e2e::sample::{event, id};
use e2e::system::addresses_of;
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
        redis_check.map(|check| &check["ready"]),
        Some(&serde_json::json!(true)),
        "{health:?}"
    );
    assert!(system.stop_all().await);
    for process in system.processes() {
        assert!(
            !process.log().contains(PASSWORD),
            "{} has logged a password",
            process.name()
        );
    }
}
