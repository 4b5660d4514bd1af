//! What is written is seen, by everyone, also after a restart.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chassis::clock::Manual;
use chassis::random::Seeded;
use control::{Class, Error, Follower, SEEN_WITHIN, View, Writer};
use domain::control::{Denied, State};
use domain::key::KeyId;
use domain::source::FIRST_GENERATION;
use domain::topic;
use eventlog::{Appended, Bounds, Consumer, Fenced, Log, NewRecord, Read, Sequence, TopicPartition};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::process::{NOW, PATIENCE, Process, by, eventually, new_key, open, peppers, tenant};

/// Everything in a state that can be compared.
fn summary(state: &State) -> Vec<String> {
    let tenants = state.tenants().map(|tenant| format!("{tenant:?}"));
    let keys = state
        .keys()
        .map(|key| format!("{key:?} revoked: {}", state.is_revoked(&key.id)));
    let mut lines: Vec<_> = tenants.chain(keys).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn a_writer_reads_its_own_writes() {
    let dir = TempDir::new().unwrap();
    let process = Process::start(open(dir.path(), 1), 1).await;

    let made = process
        .writer
        .create_tenant(&by(), tenant("demo"), "Demo".into())
        .await
        .unwrap();
    assert_eq!(process.view.state().tenant(&tenant("demo")), Some(&made));

    let (key, record) = process.writer.create_key(&by(), new_key()).await.unwrap();
    assert_eq!(key.id(), &record.id);
    assert_eq!(process.authenticate(&key), Ok(()));

    process.writer.revoke_key(&by(), key.id()).await.unwrap();
    assert_eq!(process.authenticate(&key), Err(Denied::Revoked));
    process.writer.revoke_key(&by(), key.id()).await.unwrap();
    process.stop().await;
}

#[tokio::test]
async fn a_revocation_is_seen_by_other_processes() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path(), 1);
    let one = Process::start(Arc::clone(&log), 1).await;
    let other = Process::start(log, 2).await;
    one.writer
        .create_tenant(&by(), tenant("demo"), "Demo".into())
        .await
        .unwrap();
    let (key, _) = one.writer.create_key(&by(), new_key()).await.unwrap();
    eventually(|| other.authenticate(&key) == Ok(())).await;

    one.writer.revoke_key(&by(), key.id()).await.unwrap();

    eventually(|| other.authenticate(&key) == Err(Denied::Revoked)).await;
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_tenant_is_made_once_however_many_try() {
    let dir = TempDir::new().unwrap();
    let process = Process::start(open(dir.path(), 1), 1).await;
    let tries = (0..8).map(|number| {
        let writer = process.writer.clone();
        tokio::spawn(async move {
            writer
                .create_tenant(&by(), tenant("demo"), format!("try {number}"))
                .await
        })
    });
    let mut made = 0;
    for attempt in tries.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_) => made += 1,
            Err(error @ Error::Conflict { .. }) => {
                assert_eq!(error.to_string(), "tenant demo exists already");
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(made, 1);
    process.stop().await;
}

#[tokio::test]
async fn a_write_of_another_process_conflicts_as_well() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path(), 1);
    let one = Process::start(Arc::clone(&log), 1).await;
    let other = Process::start(log, 2).await;
    one.writer
        .create_tenant(&by(), tenant("demo"), "Demo".into())
        .await
        .unwrap();
    let again = other
        .writer
        .create_tenant(&by(), tenant("demo"), "Demo".into())
        .await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_restart_folds_the_same_state() {
    let dir = TempDir::new().unwrap();
    let before = {
        let process = Process::start(open(dir.path(), 1), 1).await;
        process
            .writer
            .create_tenant(&by(), tenant("demo"), "Demo".into())
            .await
            .unwrap();
        let (key, _) = process.writer.create_key(&by(), new_key()).await.unwrap();
        process.writer.create_key(&by(), new_key()).await.unwrap();
        process.writer.revoke_key(&by(), key.id()).await.unwrap();
        let before = summary(&process.view.state());
        process.stop().await;
        before
    };
    assert_eq!(before.len(), 3);

    // The directory is free when the last read of the old handle has ended.
    let follower = Follower::start(open(dir.path(), 1)).await.unwrap();

    assert_eq!(summary(&follower.view().state()), before);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let dir = TempDir::new().unwrap();
    let process = Process::start(open(dir.path(), 1), 1).await;
    let orphan = process.writer.create_key(&by(), new_key()).await;
    assert_eq!(orphan.unwrap_err().to_string(), "there is no tenant demo");
    let unknown = KeyId::parse("abcdefghijkl").unwrap();
    let missing = process.writer.revoke_key(&by(), &unknown).await;
    assert_eq!(missing.unwrap_err().to_string(), "there is no key abcdefghijkl");
    process.stop().await;
}

#[tokio::test]
async fn two_keys_never_share_an_id() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path(), 1);
    let one = Process::start(Arc::clone(&log), 7).await;
    let same_seed = Process::start(log, 7).await;
    one.writer
        .create_tenant(&by(), tenant("demo"), "Demo".into())
        .await
        .unwrap();
    let (key, _) = one.writer.create_key(&by(), new_key()).await.unwrap();
    let clash = same_seed.writer.create_key(&by(), new_key()).await;
    assert!(
        matches!(clash, Err(Error::Conflict { entity: "key", .. })),
        "{clash:?}"
    );
    assert_eq!(one.authenticate(&key), Ok(()));
    one.stop().await;
    same_seed.stop().await;
}

#[tokio::test]
async fn a_generation_that_is_raised_is_seen_and_stays() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path(), 1);
    let process = Process::start(Arc::clone(&log), 1).await;
    assert_eq!(process.view.state().generation(), FIRST_GENERATION);
    for generation in [2, 3] {
        assert_eq!(process.writer.raise_generation(&by()).await.unwrap(), generation);
        assert_eq!(process.view.state().generation(), generation);
    }
    let topics = process.view.state().topics().cloned();
    assert_eq!(topics.map(|topics| topics.version), Some(2));
    process.stop().await;
    let restarted = Follower::start(log).await.unwrap();
    assert_eq!(restarted.view().state().generation(), 3);
}

#[tokio::test]
async fn a_topic_of_several_partitions_is_refused() {
    let dir = TempDir::new().unwrap();
    let started = Follower::start(open(dir.path(), 2)).await;
    assert!(matches!(started, Err(Error::Partitions { partitions: 2 })));
}

#[tokio::test]
async fn a_record_that_does_not_decode_ends_the_follower_and_unknown_entities_do_not() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path(), 1);
    let record = |key: &'static str| NewRecord {
        to: TopicPartition::new(topic::CONTROL, 0),
        key: Bytes::from_static(key.as_bytes()),
        value: Bytes::from_static(b"{"),
        headers: vec![],
    };
    let follower = Follower::start(Arc::clone(&log)).await.unwrap();
    let following = tokio::spawn(follower.run(CancellationToken::new()));
    log.append(vec![record("colour/demo"), record("key/x")]).await;

    let ended = timeout(PATIENCE, following).await.unwrap().unwrap();

    assert!(
        matches!(ended, Err(Error::BadRecord { offset: 1, .. })),
        "{ended:?}"
    );
    assert_eq!(ended.unwrap_err().class(), Class::Fatal);
    assert!(Follower::start(log).await.is_err());
}

#[tokio::test]
async fn a_writer_without_a_follower_says_so() {
    let dir = TempDir::new().unwrap();
    let view = View::fixed(State::default());
    let clock = Arc::new(Manual::at(NOW.as_ms()));
    let writer = Writer::new(
        open(dir.path(), 1),
        view,
        peppers(),
        clock,
        Arc::new(Seeded::new(1)),
    );
    let answer = writer.create_tenant(&by(), tenant("demo"), "Demo".into()).await;
    assert!(matches!(answer, Err(Error::NotFollowed)), "{answer:?}");
}

/// A log whose reads hang, as those of a broker that is gone.
struct Silent;

#[async_trait]
impl Log for Silent {
    async fn append(&self, records: Vec<NewRecord>) -> Vec<Result<Appended, eventlog::Error>> {
        let (offset, appended_at_ms) = (0, NOW.as_ms());
        records
            .iter()
            .map(|_| {
                Ok(Appended {
                    offset,
                    appended_at_ms,
                })
            })
            .collect()
    }

    async fn sequence(&self) -> Result<Arc<dyn Sequence>, eventlog::Error> {
        Err(eventlog::Error::Closed)
    }

    async fn fence(&self, _: &str) -> Result<Box<dyn Fenced>, eventlog::Error> {
        Ok(Box::new(Self))
    }

    async fn partitions(&self, _: &str) -> Result<u32, eventlog::Error> {
        Ok(1)
    }

    async fn bounds(&self, _: &TopicPartition) -> Result<Bounds, eventlog::Error> {
        Ok(Bounds { start: 0, end: 0 })
    }

    async fn read(&self, _: &TopicPartition, _: u64, _: usize, _: Duration) -> Result<Read, eventlog::Error> {
        std::future::pending().await
    }

    async fn consumer(&self, _: &str, _: &[&str]) -> Result<Box<dyn Consumer>, eventlog::Error> {
        Err(eventlog::Error::Closed)
    }
}

#[async_trait]
impl Fenced for Silent {
    async fn append(&mut self, records: Vec<NewRecord>) -> Result<Vec<Appended>, eventlog::Error> {
        Log::append(self, records).await.into_iter().collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_not_read_back_in_time_is_transient() {
    let process = Process::start(Arc::new(Silent), 1).await;
    let asked = Instant::now();
    let answer = process
        .writer
        .create_tenant(&by(), tenant("demo"), "Demo".into())
        .await;
    assert_eq!(answer.unwrap_err().class(), Class::Transient);
    assert_eq!(asked.elapsed(), SEEN_WITHIN);
    process.stop().await;
}

#[tokio::test]
async fn nothing_printed_holds_a_secret() {
    let dir = TempDir::new().unwrap();
    let process = Process::start(open(dir.path(), 1), 1).await;
    process
        .writer
        .create_tenant(&by(), tenant("demo"), "Demo".into())
        .await
        .unwrap();
    let made = process.writer.create_key(&by(), new_key()).await.unwrap();
    let secret = &made.0.reveal()[17..];
    let printed = format!("{made:?} {:?} {:?}", process.writer, process.view);
    assert!(!printed.contains(secret), "{printed}");
    process.stop().await;
}
