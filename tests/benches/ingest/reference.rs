//! The reference: the embedded log alone, in this process, writing the same bytes as durably.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use eventlog::embedded::{Config, Embedded, Retention, TopicConfig};
use eventlog::{Log, NewRecord, TopicPartition};
use tokio::task::JoinSet;

const BATCH: usize = 500;
const IN_FLIGHT: usize = 16;
const PARTITIONS: u32 = 4;

/// Events per second of the bare log.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(crate) async fn bare_log(events: &[Bytes], count: usize) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let topic = TopicConfig {
        name: "bare".into(),
        partitions: PARTITIONS,
        retention: Retention::Age(Duration::from_hours(1)),
    };
    let config = Config::new(vec![topic], Arc::new(|| 0));
    let log: Arc<dyn Log> = Arc::new(Embedded::open(dir.path(), config).unwrap());
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for batch in 0..count / BATCH {
        if tasks.len() == IN_FLIGHT {
            tasks.join_next().await.unwrap().unwrap();
        }
        let records: Vec<NewRecord> = (0..BATCH)
            .map(|number| record(&events[(batch + number) % events.len()], number))
            .collect();
        let log = Arc::clone(&log);
        tasks.spawn(async move {
            assert!(log.append(records).await.iter().all(Result::is_ok));
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    count as f64 / begin.elapsed().as_secs_f64()
}

fn record(event: &Bytes, number: usize) -> NewRecord {
    let partition = u32::try_from(number).unwrap() % PARTITIONS;
    NewRecord {
        to: TopicPartition::new("bare", partition),
        key: Bytes::from_static(b"key"),
        value: event.clone(),
        headers: vec![],
    }
}
