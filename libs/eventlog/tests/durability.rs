//! What was acknowledged is there after the process was killed at any moment, and after its disk was full.
//!
//! The child is this test binary: it runs one of the tests named `child_...`, which do nothing elsewhere.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use eventlog::embedded::{Config, Embedded, Retention, TopicConfig};
use eventlog::{Bounds, Class, Error, Log, NewRecord, Notice, Record, TopicPartition};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

const DIR: &str = "EVENTLOG_DURABILITY_DIR";
const ROUND: &str = "EVENTLOG_DURABILITY_ROUND";
const PARTITIONS: u32 = 3;
const ROUNDS: u64 = 8;

/// Offsets of acknowledged records and the seeds of their values, by partition.
type Acknowledged = BTreeMap<u32, BTreeMap<u64, u64>>;

fn open(dir: &Path) -> Embedded {
    let age = Retention::Age(Duration::from_secs(1_000_000_000));
    let topic = TopicConfig {
        name: "events".to_owned(),
        partitions: PARTITIONS,
        retention: age,
    };
    Embedded::open(
        dir,
        Config {
            memtable_bytes: 64 << 20,
            ..Config::new(vec![topic], Arc::new(|| 0))
        },
    )
    .unwrap()
}

fn partition(number: u32) -> TopicPartition {
    TopicPartition::new("events", number)
}

/// The content that belongs to a seed.
fn value(seed: u64, max_bytes: usize) -> Bytes {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut value = vec![0; rng.random_range(0..max_bytes)];
    rng.fill(&mut value[..]);
    value.into()
}

fn record(number: u32, seed: u64, max_bytes: usize) -> NewRecord {
    NewRecord {
        to: partition(number),
        key: Bytes::new(),
        value: value(seed, max_bytes),
        headers: Vec::new(),
    }
}

fn say(line: &str) {
    let mut out = stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

fn child_dir() -> Option<PathBuf> {
    std::env::var_os(DIR).map(PathBuf::from)
}

fn spawn(test: &str, dir: &Path, round: u64, shell: Option<&str>) -> Child {
    let exe = std::env::current_exe().unwrap();
    let mut command = match shell {
        Some(shell) => {
            let mut command = Command::new("bash");
            command.args(["-c", shell, "bash"]).arg(exe);
            command
        }
        None => Command::new(exe),
    };
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Appends from several tasks and commits, and says what was acknowledged, until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_appends_until_it_is_killed() {
    let Some(dir) = child_dir() else { return };
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    // The test runner has begun a line.
    say("");
    let log = open(&dir);
    let committer = tokio::spawn(commit_for_ever(log.clone()));
    let appenders: Vec<_> = (0..4)
        .map(|task| tokio::spawn(append_for_ever(log.clone(), round, task)))
        .collect();
    for appender in appenders {
        appender.await.unwrap();
    }
    committer.await.unwrap();
}

async fn append_for_ever(log: Embedded, round: u64, task: u64) {
    let mut rng = StdRng::seed_from_u64(round << 8 | task);
    let mut next = round << 40 | task << 32;
    loop {
        let targets: Vec<(u32, u64)> = (0..rng.random_range(1..40))
            .map(|_| {
                next += 1;
                (rng.random_range(0..PARTITIONS), next)
            })
            .collect();
        let records = targets
            .iter()
            .map(|(number, seed)| record(*number, *seed, 2_000))
            .collect();
        for (result, (number, seed)) in log.append(records).await.into_iter().zip(&targets) {
            say(&format!("ack {number} {} {seed}", result.unwrap().offset));
        }
    }
}

async fn commit_for_ever(log: Embedded) {
    let mut consumer = log.consumer("group", &["events"]).await.unwrap();
    loop {
        match consumer.next().await.unwrap() {
            Notice::Assigned(partitions) => {
                for (partition, committed) in partitions {
                    consumer.seek(&partition, committed.unwrap_or(0)).unwrap();
                }
            }
            Notice::Records(partition, records) => {
                let next = records.last().unwrap().offset + 1;
                consumer.commit(&partition, next).await.unwrap();
                say(&format!("commit {} {next} 0", partition.partition));
            }
            other => panic!("expected records, got {other:?}"),
        }
    }
}

/// What a child said, in whole lines.
fn hear(
    child: &mut Child,
    acknowledged: &mut Acknowledged,
    committed: &mut BTreeMap<u32, u64>,
    kill_after: usize,
) {
    let mut lines = 0;
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while out.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [what @ ("ack" | "commit"), number, offset, seed] = words[..] {
            let (number, offset) = (number.parse().unwrap(), offset.parse().unwrap());
            if what == "ack" {
                let before = acknowledged
                    .entry(number)
                    .or_default()
                    .insert(offset, seed.parse().unwrap());
                assert_eq!(before, None, "offset {offset} of {number} was given out twice");
            } else {
                committed.insert(number, offset);
            }
            lines += 1;
            if lines == kill_after {
                child.kill().unwrap();
            }
        }
        line.clear();
    }
    child.wait().unwrap();
    assert!(lines >= kill_after, "the child said only {lines} lines");
}

async fn read_all(log: &Embedded, number: u32) -> Vec<Record> {
    let Bounds { start, end } = log.bounds(&partition(number)).await.unwrap();
    let mut records: Vec<Record> = Vec::new();
    let mut next = start;
    while next < end {
        let read = log
            .read(&partition(number), next, 1 << 20, Duration::ZERO)
            .await
            .unwrap();
        next = read.next;
        records.extend(read.records);
    }
    records
}

async fn check_acknowledged(log: &Embedded, acknowledged: &Acknowledged, max_bytes: usize) {
    for (number, acknowledged) in acknowledged {
        let records = read_all(log, *number).await;
        let offsets: Vec<u64> = records.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, (0..records.len() as u64).collect::<Vec<u64>>());
        for (offset, seed) in acknowledged {
            let found = usize::try_from(*offset).ok().and_then(|index| records.get(index));
            let found = found.unwrap_or_else(|| panic!("record {offset} of {number} is lost"));
            assert_eq!(
                found.value,
                value(*seed, max_bytes),
                "record {offset} of {number}"
            );
        }
    }
}

async fn check_committed(log: &Embedded, committed: &BTreeMap<u32, u64>) {
    let mut consumer = log.consumer("group", &["events"]).await.unwrap();
    let Notice::Assigned(partitions) = consumer.next().await.unwrap() else {
        panic!("expected an assignment")
    };
    for (partition, found) in partitions {
        let said = committed.get(&partition.partition).copied();
        assert!(
            found >= said,
            "{partition} has commit {found:?}, the child said {said:?}"
        );
    }
}

#[tokio::test]
async fn kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let dir = TempDir::new().unwrap();
    let (mut acknowledged, mut committed) = (Acknowledged::new(), BTreeMap::new());
    let mut rng = StdRng::seed_from_u64(7);
    for round in 1..=ROUNDS {
        let mut child = spawn("child_appends_until_it_is_killed", dir.path(), round, None);
        hear(
            &mut child,
            &mut acknowledged,
            &mut committed,
            rng.random_range(1..4_000),
        );
        let log = open(dir.path());
        check_acknowledged(&log, &acknowledged, 2_000).await;
        check_committed(&log, &committed).await;
    }
}

/// Appends until its files may not grow any more, and says what was acknowledged.
#[tokio::test]
async fn child_appends_until_its_disk_is_full() {
    let Some(dir) = child_dir() else { return };
    say("");
    let log = open(&dir);
    let mut seed = 0;
    let error = loop {
        let records = (0..4).map(|n| record(0, seed + n, 64_000)).collect();
        for result in log.append(records).await {
            match result {
                Ok(appended) => say(&format!("ack 0 {} {seed}", appended.offset)),
                Err(error) => say(&format!("refused {error}")),
            }
            seed += 1;
        }
        if !log.is_writable() {
            break log.append(vec![record(0, 0, 10)]).await.remove(0).unwrap_err();
        }
        assert!(seed < 20_000, "the disk was never full");
    };
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert_eq!(error.class(), Class::Transient);
    // What is there can still be read, and nothing else.
    let Bounds { end, .. } = log.bounds(&partition(0)).await.unwrap();
    assert_eq!(read_all(&log, 0).await.len() as u64, end);
    say(&format!("end {end}"));
}

#[tokio::test]
async fn full_disk_refuses_and_loses_nothing_that_was_acknowledged() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = Acknowledged::new();
    // A limit on the size of files (64 MiB, which a journal takes from the start) stands in for a full disk.
    let shell = r#"trap "" XFSZ; ulimit -f 65536; exec "$@""#;
    let mut child = spawn("child_appends_until_its_disk_is_full", dir.path(), 0, Some(shell));
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut end = None;
    while let Some(Ok(line)) = out.next() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["ack", "0", offset, seed] => {
                let (offset, seed) = (offset.parse().unwrap(), seed.parse().unwrap());
                acknowledged.entry(0).or_default().insert(offset, seed);
            }
            ["end", number] => end = number.parse::<u64>().ok(),
            _ => {}
        }
    }
    assert!(child.wait().unwrap().success());
    let end = end.expect("the child says where the partition ends");
    assert_eq!(acknowledged[&0].len() as u64, end);

    let log = open(dir.path());
    check_acknowledged(&log, &acknowledged, 64_000).await;
    let appended = log.append(vec![record(0, 1, 100)]).await.remove(0).unwrap();
    assert!(appended.offset >= end);
}
