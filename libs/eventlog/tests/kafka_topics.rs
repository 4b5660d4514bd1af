//! Making topics and checking them, and connections that need a password and a certificate.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use engines::certificates::Certificates;
use engines::{KafkaOptions, Listener, Mechanism, User};
use eventlog::kafka::{
    Config, Created, Demands, Kafka, Retention, Sasl, SaslMechanism, Tls, TopicError, TopicSpec,
};
use eventlog::{Error, Log, NewRecord, TopicPartition};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use tokio::task::block_in_place;

const HOUR: Duration = Duration::from_hours(1);

fn config() -> Config {
    Config {
        prefix: format!("{}.", engines::unique("topics")),
        ..Config::new(engines::kafka())
    }
}

fn spec(name: &str, partitions: u32, retention: Retention) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions,
        retention,
    }
}

fn specs() -> Vec<TopicSpec> {
    vec![
        spec("accepted", 4, Retention::Age(HOUR)),
        spec("control", 1, Retention::Compact),
    ]
}

fn created(name: &str, made: bool) -> Created {
    Created {
        name: name.to_owned(),
        made,
    }
}

async fn texts(log: &Kafka, specs: &[TopicSpec], demands: Option<Demands>) -> Vec<String> {
    let problems = log.check_topics(specs, demands).await.unwrap();
    problems.into_iter().map(|problem| problem.text).collect()
}

#[tokio::test]
async fn missing_topics_are_made_as_they_must_be_and_others_left_alone() {
    let config = config();
    let log = Kafka::connect(config.clone()).unwrap();
    let missing = texts(&log, &specs(), None).await;
    assert_eq!(missing.len(), 2);
    assert!(
        missing[0].contains(&config.prefix) && missing[0].contains("does not exist"),
        "{missing:?}"
    );

    let first = log.create_topics(&specs()[..1], 1, 1).await.unwrap();
    assert_eq!(first, [created("accepted", true)]);
    let all = log.create_topics(&specs(), 1, 1).await.unwrap();
    assert_eq!(all, [created("accepted", false), created("control", true)]);
    assert_eq!(texts(&log, &specs(), None).await, [""; 0]);
    assert_eq!(log.partitions("accepted").await.unwrap(), 4);

    let demands = Demands {
        replication: 3,
        min_insync: 2,
    };
    let demanded = texts(&log, &specs()[..1], Some(demands)).await.join("\n");
    assert!(
        demanded.contains("1 replicas of a partition") && demanded.contains("min.insync.replicas 1"),
        "{demanded}"
    );
}

#[tokio::test]
async fn topic_that_somebody_else_made_is_told_with_all_that_is_wrong() {
    let config = config();
    let log = Kafka::connect(config.clone()).unwrap();
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &config.brokers);
    let admin: AdminClient<DefaultClientContext> = client.create().unwrap();
    let wire = format!("{}accepted", config.prefix);
    let topic = NewTopic::new(&wire, 2, TopicReplication::Fixed(1)).set("retention.ms", "60000");
    let results = admin.create_topics([&topic], &AdminOptions::new()).await.unwrap();
    assert!(results[0].is_ok(), "{results:?}");

    let kept = log.create_topics(&specs()[..1], 1, 1).await.unwrap();
    assert_eq!(kept, [created("accepted", false)]);
    let said = texts(&log, &specs()[..1], None).await;
    for (text, words) in said.iter().zip([
        "has 2 partitions, it must have 4",
        "message.timestamp.type CreateTime",
        "max.message.bytes 1048588",
        "retention.ms 60000",
    ]) {
        assert!(text.contains(words) && text.contains(&wire), "{text}");
    }
    assert_eq!(said.len(), 4, "{said:?}");
}

#[tokio::test]
async fn cluster_that_is_too_small_for_the_replication_says_so() {
    let log = Kafka::connect(config()).unwrap();
    let error = log.create_topics(&specs(), 3, 2).await.unwrap_err();
    assert!(matches!(error, TopicError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("fewer than 3 brokers"), "{error}");
}

/// Largest records and batches are what the topics are made for.
#[tokio::test]
async fn topics_take_the_largest_record_that_the_log_takes() {
    let config = Config {
        max_record_bytes: 3 << 20,
        ..config()
    };
    let log = Kafka::connect(config.clone()).unwrap();
    log.create_topics(&specs()[..1], 1, 1).await.unwrap();
    // Bytes that do not shrink: each is a step of a generator.
    let mut state = 1_u32;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    let mut record = |bytes: usize| NewRecord {
        to: TopicPartition::new("accepted", 0),
        key: Bytes::from_static(b"key"),
        value: (0..bytes).map(|_| noise()).collect(),
        headers: vec![("name".into(), Bytes::from_static(b"value"))],
    };
    let largest = config.max_record_bytes - 64 - 16 - "keynamevalue".len();
    let mut records = vec![record(largest), record(1)];
    records.extend((0..40).map(|_| record(50_000)));
    records.push(record(largest + 1));
    let results = log.append(records).await;
    let (refused, taken) = results.split_last().unwrap();
    assert!(
        matches!(refused, Err(Error::RecordTooLarge { .. })),
        "{refused:?}"
    );
    assert!(taken.iter().all(Result::is_ok), "{taken:?}");
    let read = log
        .read(&TopicPartition::new("accepted", 0), 0, 1, HOUR)
        .await
        .unwrap();
    assert_eq!(read.records[0].value.len(), largest);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_connect_with_a_password_over_tls_and_others_are_told_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let certificates = Certificates::make();
    let files = certificates.write(dir.path()).unwrap();
    let broker = block_in_place(|| {
        engines::Kafka::start_with(&KafkaOptions {
            listener: Listener::Sasl {
                certificates: Some(certificates),
                mechanism: Mechanism::ScramSha512,
                users: vec![User {
                    name: "sluice".to_owned(),
                    password: "right".to_owned(),
                }],
            },
            ..KafkaOptions::default()
        })
    });
    let connect = |password: &str, ca_file: Option<PathBuf>| {
        let mut config = Config {
            request_timeout: Duration::from_secs(3),
            delivery_timeout: Duration::from_secs(3),
            ..Config::new(broker.address())
        };
        config.security.tls = Some(Tls {
            ca_file,
            identity: None,
        });
        config.security.sasl = Some(Sasl {
            mechanism: SaslMechanism::ScramSha512,
            username: "sluice".to_owned(),
            password: password.to_owned(),
        });
        Kafka::connect(config)
    };
    let record = || NewRecord {
        to: TopicPartition::new("accepted", 0),
        key: Bytes::new(),
        value: Bytes::from_static(b"value"),
        headers: Vec::new(),
    };

    let log = connect("right", Some(files.authority.clone())).unwrap();
    log.create_topics(&specs(), 1, 1).await.unwrap();
    assert!(log.append(vec![record()]).await[0].is_ok());
    assert_eq!(
        log.read(&record().to, 0, 1, HOUR).await.unwrap().records[0].value,
        "value"
    );

    let log = connect("wrong", Some(files.authority.clone())).unwrap();
    for error in [
        log.append(vec![record()]).await.remove(0).unwrap_err(),
        log.partitions("accepted").await.unwrap_err(),
        log.read(&record().to, 0, 1, HOUR).await.unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(
            text.contains("uthentication") && !text.contains("wrong"),
            "{text}"
        );
    }

    // Nobody in the system's list has signed for this broker.
    let log = connect("right", None).unwrap();
    let error = log.partitions("accepted").await.unwrap_err().to_string();
    assert!(error.contains("SSL") || error.contains("certificate"), "{error}");

    let missing = connect("right", Some(dir.path().join("nothing.pem")))
        .err()
        .unwrap();
    assert!(missing.to_string().contains("nothing.pem"), "{missing}");
}
