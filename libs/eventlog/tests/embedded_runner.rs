//! The runner over groups of the embedded log, where a revocation budget can be short.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use eventlog::embedded::{Config, Embedded, Retention, TopicConfig};
use eventlog::runner::{self, Assignment, Failure, Options, Processor, Worker};
use eventlog::{Log, NewRecord, Record, TopicPartition};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(30);

/// Tells what happens to partition 0, and is stuck in its first record or flushes nothing.
struct Service {
    stuck: bool,
    told: mpsc::Sender<&'static str>,
}

struct Reporter {
    stuck: bool,
    told: mpsc::Sender<&'static str>,
}

#[async_trait]
impl Processor for Service {
    async fn assigned(&self, partition: &TopicPartition, _: Option<u64>) -> Result<Assignment, Failure> {
        let told = if partition.partition == 0 {
            self.told.clone()
        } else {
            mpsc::channel(1).0
        };
        let worker = Reporter {
            stuck: self.stuck && partition.partition == 0,
            told,
        };
        Ok(Assignment {
            worker: Box::new(worker),
            start: 0,
        })
    }
}

#[async_trait]
impl Worker for Reporter {
    async fn process(&mut self, _: &[Record]) -> Result<(), Failure> {
        let _ = self.told.try_send("process");
        if self.stuck { pending().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let _ = self.told.try_send("dropped");
    }
}

struct Running {
    told: mpsc::Receiver<&'static str>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), runner::Error>>,
}

impl Running {
    fn start(log: &Embedded, stuck: bool, drain_within: Duration) -> Self {
        let (tell, told) = mpsc::channel(100);
        let shutdown = CancellationToken::new();
        let (log, token) = (Arc::new(log.clone()), shutdown.clone());
        let options = Options {
            drain_within,
            ..Options::default()
        };
        let task = tokio::spawn(async move {
            runner::run(
                log,
                "group",
                &["events"],
                Arc::new(Service { stuck, told: tell }),
                options,
                token,
            )
            .await
        });
        Self { told, shutdown, task }
    }

    async fn hears(&mut self, what: &str) {
        assert_eq!(timeout(DEADLINE, self.told.recv()).await.unwrap(), Some(what));
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(DEADLINE, self.task).await.unwrap().unwrap().unwrap();
    }
}

async fn log_with_a_record(dir: &TempDir, revocation_budget: Duration) -> Embedded {
    let age = Retention::Age(Duration::from_hours(1));
    let topic = TopicConfig {
        name: "events".to_owned(),
        partitions: 2,
        retention: age,
    };
    let config = Config {
        revocation_budget,
        ..Config::new(vec![topic], Arc::new(|| 0))
    };
    let log = Embedded::open(dir.path(), config).unwrap();
    let to = TopicPartition::new("events", 0);
    let record = NewRecord {
        to,
        key: Bytes::new(),
        value: Bytes::new(),
        headers: Vec::new(),
    };
    assert!(log.append(vec![record]).await[0].is_ok());
    log
}

#[tokio::test]
async fn lost_partition_is_dropped_at_once_and_goes_to_another() {
    let dir = TempDir::new().unwrap();
    let log = log_with_a_record(&dir, Duration::from_millis(50)).await;
    let mut first = Running::start(&log, true, Duration::from_mins(10));
    first.hears("process").await;
    let mut second = Running::start(&log, false, Duration::from_mins(10));
    first.hears("dropped").await;
    second.hears("process").await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn revoked_partition_that_does_not_drain_is_released_and_goes_to_another() {
    let dir = TempDir::new().unwrap();
    let log = log_with_a_record(&dir, Duration::from_mins(10)).await;
    let mut first = Running::start(&log, true, Duration::from_millis(50));
    first.hears("process").await;
    let mut second = Running::start(&log, false, Duration::from_mins(10));
    first.hears("dropped").await;
    second.hears("process").await;
    first.stop().await;
    second.stop().await;
}
