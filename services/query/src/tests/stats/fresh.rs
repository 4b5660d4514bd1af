//! How far statistics are known to be whole.

use std::time::Duration;

use bytes::Bytes;
use chassis::clock::Clock;
use domain::source::{Lane, Source};
use domain::topic;
use eventlog::{Log, NewRecord, TopicPartition};
use serde_json::{Value, json};
use store::{COUNTED_MINUTES, COUNTING_SERVICE};

use super::super::harness::{Harness, NOW, SOURCE};
use super::{STATS, told};

/// Accepts a record in a partition.
async fn accept(harness: &Harness, partition: u32) {
    let record = NewRecord {
        to: TopicPartition::new(topic::accepted(Lane::Standard), partition),
        key: Bytes::new(),
        value: Bytes::from_static(b"event"),
        headers: Vec::new(),
    };
    for appended in harness.log.append(vec![record]).await {
        appended.unwrap();
    }
}

fn source(partition: u32) -> Source {
    Source { partition, ..SOURCE }
}

/// What an answer about the last minutes says, or with `hours` one about a day. Time goes on by a second, for so long
/// what the log says is good enough.
async fn fresh_until(harness: &Harness, hours: bool) -> Value {
    harness.clock.advance(1_000);
    tokio::time::advance(Duration::from_secs(1)).await;
    let from = if hours { "now-1d" } else { "now-5m" };
    told(harness, &format!("{STATS}?from={from}")).await["fresh_until"].clone()
}

fn seconds(number: i64) -> Value {
    json!(NOW.plus_ms(number * 1_000).to_string())
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_to_the_end_is_whole_until_now() {
    let harness = Harness::new();
    assert_eq!(
        fresh_until(&harness, false).await,
        seconds(1),
        "nothing was accepted"
    );
    accept(&harness, 0).await;
    harness.advance_by(COUNTED_MINUTES, source(0), 0).await;
    assert_eq!(fresh_until(&harness, false).await, seconds(2));
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_is_whole_until_the_first_event_that_is_not_counted_was_accepted() {
    let harness = Harness::new();
    for partition in [0, 0, 1, 0] {
        accept(&harness, partition).await;
        harness.clock.advance(10_000);
    }
    // Partition 0 has offsets of 0 s, 10 s and 30 s, partition 1 one of 20 s.
    harness.advance_by(COUNTED_MINUTES, source(0), 1).await;
    harness.advance_by(COUNTED_MINUTES, source(1), 0).await;
    assert_eq!(fresh_until(&harness, false).await, seconds(30));
    harness.advance_by(COUNTED_MINUTES, source(0), 2).await;
    assert_eq!(fresh_until(&harness, false).await, seconds(42));
    accept(&harness, 1).await;
    accept(&harness, 0).await;
    assert_eq!(
        fresh_until(&harness, false).await,
        seconds(42),
        "the time at which both were accepted"
    );
}

#[tokio::test(start_paused = true)]
async fn where_nothing_was_counted_of_what_there_is_nothing_is_known() {
    let harness = Harness::new();
    accept(&harness, 2).await;
    assert_eq!(fresh_until(&harness, false).await, json!(null));
}

#[tokio::test(start_paused = true)]
async fn hours_count_only_where_they_are_read() {
    let harness = Harness::new();
    for _ in 0..2 {
        accept(&harness, 3).await;
        harness.clock.advance(10_000);
    }
    harness.advance_by(COUNTED_MINUTES, source(3), 1).await;
    harness.advance_by(COUNTING_SERVICE, source(3), 0).await;
    assert_eq!(fresh_until(&harness, false).await, seconds(21));
    assert_eq!(fresh_until(&harness, true).await, seconds(10));
    harness.advance_by(COUNTING_SERVICE, source(3), 1).await;
    assert_eq!(fresh_until(&harness, true).await, seconds(23));
}

#[tokio::test(start_paused = true)]
async fn the_log_is_looked_at_once_a_second() {
    let harness = Harness::new();
    assert_eq!(fresh_until(&harness, false).await, seconds(1));
    accept(&harness, 0).await;
    harness.clock.advance(500);
    let uri = format!("{STATS}?from=now-5m");
    assert_eq!(
        told(&harness, &uri).await["fresh_until"],
        seconds(1),
        "as it was known"
    );
    assert_eq!(fresh_until(&harness, false).await, json!(null));
    assert_eq!(harness.clock.now_ms(), NOW.as_ms() + 2_500);
}
