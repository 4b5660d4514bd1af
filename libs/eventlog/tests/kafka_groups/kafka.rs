//! A topic on a broker, and members that check what they are told.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use eventlog::kafka::{Config, Kafka, Retention, TopicSpec};
use eventlog::{Appended, Class, Consumer, Error, Log, NewRecord, Notice, TopicPartition};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use tokio::time::{Instant, timeout};

/// How long a test waits for what must happen.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);
/// The shortest that brokers take.
pub(crate) const SHORT_SESSION: Duration = Duration::from_secs(6);
/// Longer than anything that a test does to a broker.
pub(crate) const LONG_SESSION: Duration = Duration::from_secs(45);

/// One topic, `events`, with a prefix of its own.
pub(crate) struct World {
    pub(crate) log: Kafka,
    pub(crate) config: Config,
    pub(crate) partitions: u32,
}

impl World {
    pub(crate) async fn on(address: String, partitions: u32, session_timeout: Duration) -> Self {
        let mut config = Config::new(address);
        config.prefix = format!("{}.", engines::unique("groups"));
        config.session_timeout = session_timeout;
        let log = Kafka::connect(config.clone()).unwrap();
        let world = Self {
            log,
            config,
            partitions,
        };
        world.make_topic().await;
        world
    }

    /// On the broker that all tests share.
    pub(crate) async fn shared(partitions: u32, session_timeout: Duration) -> Self {
        Self::on(engines::kafka(), partitions, session_timeout).await
    }

    pub(crate) async fn make_topic(&self) {
        let spec = TopicSpec {
            name: "events".to_owned(),
            partitions: self.partitions,
            retention: Retention::Age(Duration::from_hours(1)),
        };
        let started = Instant::now();
        // A topic of this name may be on its way out.
        while let Err(error) = self.log.create_topics(std::slice::from_ref(&spec), 1, 1).await {
            assert!(started.elapsed() < DEADLINE, "{error}");
        }
    }

    pub(crate) async fn delete_topic(&self) {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.config.brokers);
        let admin: AdminClient<DefaultClientContext> = client.create().unwrap();
        let topic = format!("{}events", self.config.prefix);
        let deleted = admin
            .delete_topics(&[&topic], &AdminOptions::new())
            .await
            .unwrap();
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    }

    /// Appends these numbers, each as often as it takes, one call after the other.
    pub(crate) async fn put(&self, partition: u32, numbers: Range<u64>) -> Vec<Appended> {
        let mut appended = Vec::new();
        let numbers: Vec<u64> = numbers.collect();
        for some in numbers.chunks(500) {
            let mut left: Vec<_> = some.iter().map(|number| record(partition, *number)).collect();
            let started = Instant::now();
            while !left.is_empty() {
                let results = self.log.append(left.clone()).await;
                let mut failed = Vec::new();
                for (record, result) in left.into_iter().zip(results) {
                    match result {
                        Ok(done) => appended.push(done),
                        Err(error) if error.class() == Class::Transient => failed.push(record),
                        Err(error) => panic!("{error}"),
                    }
                }
                assert!(started.elapsed() < DEADLINE, "brokers take no records");
                left = failed;
            }
        }
        appended
    }

    pub(crate) async fn join(&self) -> Reader {
        let consumer = self.log.consumer("group", &["events"]).await.unwrap();
        Reader {
            consumer,
            next: BTreeMap::new(),
            troubles: 0,
        }
    }

    /// A member that holds everything.
    pub(crate) async fn join_alone(&self) -> Reader {
        let mut reader = self.join().await;
        reader.hold(self.partitions).await;
        reader
    }
}

pub(crate) fn partition(number: u32) -> TopicPartition {
    TopicPartition::new("events", number)
}

fn record(to: u32, number: u64) -> NewRecord {
    NewRecord {
        to: partition(to),
        key: Bytes::new(),
        value: format!("{number:0>300}").into(),
        headers: vec![("number".into(), number.to_string().into())],
    }
}

/// A member that goes on from its commits, and insists on every offset in order.
pub(crate) struct Reader {
    pub(crate) consumer: Box<dyn Consumer>,
    /// What it holds, with the offset of the next record.
    pub(crate) next: BTreeMap<TopicPartition, u64>,
    /// How often it was told that something does not work now.
    pub(crate) troubles: usize,
}

/// What a reader tells.
#[derive(Debug)]
pub(crate) enum Told {
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
    Lost(Vec<TopicPartition>),
    /// As many records.
    Records(TopicPartition, Range<u64>),
}

impl Reader {
    /// What happens next, errors that may pass left out.
    pub(crate) async fn told(&mut self) -> Result<Told, Error> {
        loop {
            match timeout(DEADLINE, self.consumer.next())
                .await
                .expect("something happens")
            {
                Ok(notice) => return Ok(self.take(notice)),
                Err(error) if error.class() == Class::Transient => self.troubles += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&mut self, notice: Notice) -> Told {
        match notice {
            Notice::Assigned(list) => {
                let mut partitions = Vec::new();
                for (partition, committed) in list {
                    let start = committed.unwrap_or(0);
                    self.consumer.seek(&partition, start).unwrap();
                    assert_eq!(self.next.insert(partition.clone(), start), None);
                    partitions.push(partition);
                }
                Told::Assigned(partitions)
            }
            Notice::Revoked(list) => {
                for partition in &list {
                    assert!(self.next.contains_key(partition), "{partition} was not held");
                }
                Told::Revoked(list)
            }
            Notice::Lost(list) => {
                for partition in &list {
                    self.next.remove(partition);
                }
                Told::Lost(list)
            }
            Notice::Records(partition, records) => {
                let next = self.next.get_mut(&partition).expect("records of what is held");
                let first = *next;
                for record in records {
                    assert_eq!(record.offset, *next, "records of {partition} in order");
                    let number = record.header("number").expect("every record has a number");
                    assert!(record.value.ends_with(number));
                    *next += 1;
                }
                Told::Records(partition, first..*next)
            }
        }
    }

    /// Until it holds so many partitions.
    pub(crate) async fn hold(&mut self, count: u32) {
        while self.next.len() < count as usize {
            let told = self.told().await.unwrap();
            assert!(!matches!(told, Told::Revoked(_)), "{told:?}");
        }
    }

    /// What is revoked, which must be next.
    pub(crate) async fn revoked(&mut self) -> Vec<TopicPartition> {
        match self.told().await.unwrap() {
            Told::Revoked(partitions) => partitions,
            other => panic!("expected a revocation, got {other:?}"),
        }
    }

    /// What is lost, which must be next.
    pub(crate) async fn lost(&mut self) -> Vec<TopicPartition> {
        match self.told().await.unwrap() {
            Told::Lost(partitions) => partitions,
            other => panic!("expected a loss, got {other:?}"),
        }
    }

    /// Until all records of a partition below `end` were delivered. It takes nothing but records.
    pub(crate) async fn read_to(&mut self, number: u32, end: u64) {
        let partition = partition(number);
        while self.next[&partition] < end {
            match self.told().await.unwrap() {
                Told::Records(..) => {}
                other => panic!("expected records, got {other:?}"),
            }
        }
    }

    /// Until it fails for good.
    pub(crate) async fn failure(&mut self) -> Error {
        loop {
            match self.told().await {
                Ok(Told::Records(partition, range)) => panic!("got {range:?} of {partition}"),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }

    /// Commits what was delivered of a partition.
    pub(crate) async fn commit(&mut self, partition: &TopicPartition) -> Result<(), Error> {
        let next = self.next[partition];
        timeout(DEADLINE, self.consumer.commit(partition, next))
            .await
            .expect("a commit has an answer")
    }

    /// Commits what was delivered of these and gives them back.
    pub(crate) async fn give_back(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            let started = Instant::now();
            // While the group settles, commits may be refused.
            while let Err(error) = self.commit(partition).await {
                assert_eq!(error.class(), Class::Transient, "{error}");
                assert!(started.elapsed() < DEADLINE, "{error}");
            }
            self.next.remove(partition);
        }
        self.consumer.release(partitions);
    }
}
