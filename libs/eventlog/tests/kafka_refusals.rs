//! What brokers refuse: a cluster inside this process answers a request of our choice with an error of our choice.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use eventlog::kafka::{Config, Kafka};
use eventlog::{Appended, Class, Error, Log, NewRecord, Sequence, TopicPartition};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);
const ROUND_TRIP: Duration = Duration::from_millis(50);
const TOPIC: &str = "events";

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 1, 1).unwrap();
    // So that requests overtake answers.
    cluster.broker_round_trip_time(1, ROUND_TRIP).unwrap();
    cluster
}

/// The next requests to append are answered with these errors, the others as they should be.
fn refuse(cluster: &Cluster, errors: &[RDKafkaRespErr]) {
    cluster.request_errors(RDKafkaApiKey::Produce, errors);
}

fn connect(cluster: &Cluster) -> Kafka {
    Kafka::connect(Config::new(cluster.bootstrap_servers())).unwrap()
}

fn partition() -> TopicPartition {
    TopicPartition::new(TOPIC, 0)
}

/// Records with these numbers, so large that each is a batch of its own.
fn records(numbers: Range<u32>) -> Vec<NewRecord> {
    let record = |number: u32| {
        let mut value = format!("{number:06}").into_bytes();
        value.resize(600_000, b'.');
        NewRecord {
            to: partition(),
            key: Bytes::from_static(b"key"),
            value: value.into(),
            headers: Vec::new(),
        }
    };
    numbers.map(record).collect()
}

async fn numbers(log: &dyn Log) -> Vec<u32> {
    let end = log.bounds(&partition()).await.unwrap().end;
    let (mut next, mut numbers) = (0, Vec::new());
    while next < end {
        let read = log.read(&partition(), next, 1 << 20, DEADLINE).await.unwrap();
        next = read.next;
        let number = |value: &Bytes| std::str::from_utf8(&value[..6]).unwrap().parse::<u32>().unwrap();
        numbers.extend(read.records.iter().map(|record| number(&record.value)));
    }
    numbers
}

async fn append(sequence: &dyn Sequence, numbers: Range<u32>) -> Vec<Result<Appended, Error>> {
    timeout(DEADLINE, sequence.append(records(numbers)))
        .await
        .unwrap()
}

fn all_are_there(results: &[Result<Appended, Error>]) {
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

#[tokio::test]
async fn refused_batch_breaks_the_sequence_and_nothing_comes_behind_it() {
    let cluster = cluster();
    let log = connect(&cluster);
    let sequence = log.sequence().await.unwrap();
    all_are_there(&append(&*sequence, 0..3).await);

    refuse(
        &cluster,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED],
    );
    let (one, other) = tokio::join!(append(&*sequence, 3..10), append(&*sequence, 10..15));
    for result in one.iter().chain(&other) {
        assert_eq!(result.as_ref().unwrap_err().class(), Class::Transient);
    }
    let text = one[0].as_ref().unwrap_err().to_string();
    let said = ["do not let this user", "Topic authorization failed"];
    assert!(said.iter().any(|words| text.contains(words)), "{text}");
    assert!(sequence.is_broken());
    assert!(append(&*sequence, 15..16).await[0].is_err());

    assert_eq!(numbers(&log).await, [0, 1, 2]);
    let next = log.sequence().await.unwrap();
    all_are_there(&append(&*next, 3..15).await);
    assert_eq!(numbers(&log).await, (0..15).collect::<Vec<_>>());
}

/// A broker that knows nothing of a producer takes its second batch although it has refused the first one, and the
/// client then believes that the first one is there.
#[tokio::test]
async fn batch_that_is_refused_for_now_lets_no_other_pass() {
    let cluster = cluster();
    let log = connect(&cluster);
    let sequence = log.sequence().await.unwrap();
    refuse(&cluster, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS]);
    all_are_there(&append(&*sequence, 0..10).await);
    assert_eq!(numbers(&log).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn no_record_is_acknowledged_that_is_not_there() {
    let cluster = cluster();
    let log = connect(&cluster);
    refuse(&cluster, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS]);
    let results = timeout(DEADLINE, log.append(records(0..10))).await.unwrap();
    let there = numbers(&log).await;
    for (number, result) in (0..).zip(&results) {
        match result {
            Ok(appended) => assert_eq!(there[usize::try_from(appended.offset).unwrap()], number),
            Err(error) => assert_eq!(error.class(), Class::Transient),
        }
    }
}

#[tokio::test]
async fn client_that_gave_up_is_replaced() {
    let cluster = cluster();
    let log = connect(&cluster);
    all_are_there(&log.append(records(0..1)).await);
    refuse(
        &cluster,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER],
    );
    let refused = timeout(DEADLINE, log.append(records(1..2))).await.unwrap();
    assert_eq!(refused[0].as_ref().unwrap_err().class(), Class::Transient);
    let appended = timeout(DEADLINE, async {
        while log.append(records(2..3)).await[0].is_err() {
            tokio::task::yield_now().await;
        }
    });
    appended.await.unwrap();
    assert_eq!(numbers(&log).await, [0, 2]);
}

#[tokio::test]
async fn record_of_a_sequence_that_the_brokers_had_already_gets_the_last_offset() {
    let cluster = cluster();
    let log = connect(&cluster);
    let sequence = log.sequence().await.unwrap();
    all_are_there(&append(&*sequence, 0..5).await);
    refuse(
        &cluster,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER],
    );
    let results = append(&*sequence, 5..6).await;
    assert_eq!(results[0].as_ref().unwrap().offset, 4);
}

#[tokio::test]
async fn refused_record_says_what_an_operator_must_mend() {
    for (code, words) in [
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            "do not let this user",
        ),
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            "max.message.bytes",
        ),
    ] {
        let cluster = cluster();
        let log = connect(&cluster);
        refuse(&cluster, &[code]);
        let error = log.append(records(0..1)).await[0].clone().unwrap_err();
        assert_eq!(error.class(), Class::Transient);
        assert!(
            error.to_string().contains(words) && error.to_string().contains("events/0"),
            "{error}"
        );
    }
}
