//! What the embedded log does beyond the contract of the port: what it refuses to open, what it removes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use eventlog::embedded::{Config, Embedded, OpenError, Retention, TopicConfig};
use eventlog::{Appended, Bounds, Error, Log, NewRecord, Record, TopicPartition};
use tempfile::TempDir;

const AGE_MS: i64 = 1_000;

/// A clock that stands still until it is moved.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicI64>);

impl Clock {
    fn advance(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, Ordering::Relaxed);
    }
}

fn topics(partitions: u32) -> Vec<TopicConfig> {
    let age = Retention::Age(Duration::from_secs(1));
    vec![
        TopicConfig {
            name: "events".to_owned(),
            partitions,
            retention: age,
        },
        TopicConfig {
            name: "control".to_owned(),
            partitions: 1,
            retention: Retention::Compact,
        },
    ]
}

fn open_with(dir: &Path, partitions: u32, clock: &Clock) -> Result<Embedded, OpenError> {
    let clock = clock.0.clone();
    Embedded::open(
        dir,
        Config::new(
            topics(partitions),
            Arc::new(move || clock.load(Ordering::Relaxed)),
        ),
    )
}

fn open(dir: &TempDir, clock: &Clock) -> Embedded {
    open_with(dir.path(), 2, clock).unwrap()
}

fn events() -> TopicPartition {
    TopicPartition::new("events", 1)
}

fn control() -> TopicPartition {
    TopicPartition::new("control", 0)
}

async fn append(log: &Embedded, to: &TopicPartition, records: &[(&str, String)]) -> Vec<Appended> {
    let new = |(key, value): &(&str, String)| NewRecord {
        to: to.clone(),
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: value.clone().into(),
        headers: Vec::new(),
    };
    log.append(records.iter().map(new).collect())
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

async fn append_some(log: &Embedded, count: usize) {
    append(log, &events(), &vec![("", "x".repeat(1_000)); count]).await;
}

async fn read_all(log: &Embedded, from: &TopicPartition) -> Vec<Record> {
    let Bounds { start, .. } = log.bounds(from).await.unwrap();
    let read = log.read(from, start, usize::MAX, Duration::ZERO).await;
    read.unwrap().records
}

#[tokio::test]
async fn records_older_than_their_age_are_removed() {
    let (dir, clock) = (TempDir::new().unwrap(), Clock::default());
    let log = open(&dir, &clock);
    append_some(&log, 3_000).await;
    clock.advance(AGE_MS / 2);
    append_some(&log, 100).await;
    log.enforce_retention().unwrap();
    assert_eq!(
        log.bounds(&events()).await.unwrap(),
        Bounds { start: 0, end: 3_100 }
    );

    clock.advance(AGE_MS / 2 + 1);
    log.enforce_retention().unwrap();
    assert_eq!(
        log.bounds(&events()).await.unwrap(),
        Bounds {
            start: 3_000,
            end: 3_100
        }
    );
    let error = log.read(&events(), 2_999, 1, Duration::ZERO).await.unwrap_err();
    assert!(
        matches!(error, Error::OffsetOutOfRange { start: 3_000, .. }),
        "{error:?}"
    );
    assert_eq!(read_all(&log, &events()).await.len(), 100);
}

#[tokio::test]
async fn offsets_go_on_after_everything_was_removed() {
    let (dir, clock) = (TempDir::new().unwrap(), Clock::default());
    let log = open(&dir, &clock);
    append_some(&log, 10).await;
    clock.advance(AGE_MS + 1);
    log.enforce_retention().unwrap();
    let empty = Bounds { start: 10, end: 10 };
    assert_eq!(log.bounds(&events()).await.unwrap(), empty);
    drop(log);
    let log = open(&dir, &clock);
    assert_eq!(log.bounds(&events()).await.unwrap(), empty);
    assert_eq!(read_all(&log, &events()).await, []);
    append_some(&log, 1).await;
    assert_eq!(read_all(&log, &events()).await[0].offset, 10);
}

#[tokio::test]
async fn removed_records_leave_the_disk() {
    let (dir, clock) = (TempDir::new().unwrap(), Clock::default());
    let log = open(&dir, &clock);
    let value = |seed: u64| {
        // Noise, which does not compress.
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let letters = std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(u8::try_from(state % 90).unwrap() + 33)
        });
        letters.take(8_000).collect::<String>()
    };
    for call in 0..60 {
        let records: Vec<_> = (0..100).map(|n| ("", value(call * 100 + n))).collect();
        append(&log, &events(), &records).await;
    }
    let tables = || bytes_in(&dir.path().join("log").join("keyspaces"));
    assert!(tables() > 16 << 20, "{} bytes were written out", tables());
    clock.advance(AGE_MS + 1);
    log.enforce_retention().unwrap();
    append_some(&log, 1).await;
    // Files that were in use go with the last handle.
    drop(log);
    let log = open(&dir, &clock);
    assert!(tables() <= 16 << 20, "{} bytes are left", tables());
    assert_eq!(read_all(&log, &events()).await.len(), 1);
}

fn bytes_in(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return 0;
    };
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

#[tokio::test]
async fn compaction_keeps_the_last_record_of_each_key() {
    let (dir, clock) = (TempDir::new().unwrap(), Clock::default());
    let log = open(&dir, &clock);
    for round in 0..1_500 {
        let records = [
            ("a", format!("a{round}")),
            ("b", format!("b{round}")),
            ("c", String::new()),
        ];
        append(
            &log,
            &control(),
            if round == 0 { &records } else { &records[..2] },
        )
        .await;
    }
    clock.advance(100 * AGE_MS);
    log.enforce_retention().unwrap();
    let expected = [(2, "c", ""), (2_999, "a", "a1499"), (3_000, "b", "b1499")];
    for log in [log.clone(), log] {
        let kept = read_all(&log, &control()).await;
        let kept: Vec<_> = kept
            .iter()
            .map(|r| {
                (
                    r.offset,
                    str::from_utf8(&r.key).unwrap(),
                    str::from_utf8(&r.value).unwrap(),
                )
            })
            .collect();
        assert_eq!(kept, expected);
    }
    let log = open(&dir, &clock);
    assert_eq!(
        log.bounds(&control()).await.unwrap(),
        Bounds { start: 0, end: 3_001 }
    );
    assert_eq!(read_all(&log, &control()).await.len(), 3);
    let appended = append(&log, &control(), &[("c", "back".to_owned())]).await;
    assert_eq!(appended[0].offset, 3_001);
    log.enforce_retention().unwrap();
    let offsets: Vec<u64> = read_all(&log, &control())
        .await
        .iter()
        .map(|record| record.offset)
        .collect();
    assert_eq!(offsets, [2_999, 3_000, 3_001]);
}

#[tokio::test]
async fn append_time_is_the_clock_of_the_log() {
    let (dir, clock) = (TempDir::new().unwrap(), Clock::default());
    let log = open(&dir, &clock);
    clock.advance(42);
    let appended = append(&log, &events(), &[("", "x".to_owned())]).await;
    assert_eq!(appended[0].appended_at_ms, 42);
    // It may step back.
    clock.advance(-20);
    append(&log, &events(), &[("", "x".to_owned())]).await;
    let times: Vec<i64> = read_all(&log, &events())
        .await
        .iter()
        .map(|r| r.appended_at_ms)
        .collect();
    assert_eq!(times, [42, 22]);
}

#[test]
fn second_handle_on_a_directory_is_refused() {
    let (dir, clock) = (TempDir::new().unwrap(), Clock::default());
    let log = open(&dir, &clock);
    let refused = open_with(dir.path(), 2, &clock);
    assert!(matches!(refused, Err(OpenError::Locked { .. })));
    drop(log);
    open(&dir, &clock);
}

#[test]
fn other_partition_count_is_refused() {
    let (dir, clock) = (TempDir::new().unwrap(), Clock::default());
    drop(open(&dir, &clock));
    let Err(error) = open_with(dir.path(), 3, &clock) else {
        panic!("the partitions differ")
    };
    assert_eq!(
        error.to_string(),
        "topic events is stored with 2 partitions (compacted: false), the settings say 3 and these \
         properties can't be changed"
    );
    drop(open(&dir, &clock));
}

#[test]
fn bad_settings_are_refused_before_anything_is_made() {
    let dir = TempDir::new().unwrap();
    let age = Retention::Age(Duration::from_secs(1));
    let topic = |name: &str, partitions| TopicConfig {
        name: name.to_owned(),
        partitions,
        retention: age,
    };
    let bad = [
        vec![],
        vec![topic("a/b", 1)],
        vec![topic("", 1)],
        vec![topic("a", 0)],
        vec![topic("a", 1), topic("a", 1)],
    ];
    for topics in bad {
        let refused = Embedded::open(dir.path().join("log"), Config::new(topics, Arc::new(|| 0)));
        assert!(matches!(refused, Err(OpenError::Config { .. })));
    }
    assert!(!dir.path().join("log").exists());
}

#[test]
fn interrupted_first_start_is_done_again() {
    let (dir, clock) = (TempDir::new().unwrap(), Clock::default());
    // What a process leaves that was killed while it made the log.
    std::fs::create_dir_all(dir.path().join("log.new").join("keyspaces")).unwrap();
    std::fs::write(dir.path().join("log.new").join("0.jnl"), b"").unwrap();
    drop(open(&dir, &clock));
}

#[tokio::test]
async fn dropping_the_last_handle_finishes_what_was_sent() {
    let (dir, clock) = (TempDir::new().unwrap(), Clock::default());
    let log = open(&dir, &clock);
    let appending = {
        let log = log.clone();
        tokio::spawn(async move { append_some(&log, 1_000).await })
    };
    appending.await.unwrap();
    drop(log);
    assert_eq!(open(&dir, &clock).bounds(&events()).await.unwrap().end, 1_000);
}
