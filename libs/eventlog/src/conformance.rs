//! The contract of the port and the runner, as tests that every adapter runs: see [`log_conformance!`](crate::log_conformance).
//!
//! Each case gets a [`Fixture`] of its own: a log with empty topics. Cases wait for conditions with a deadline
//! that is generous enough for a log on other machines; that nothing happens they watch for a short while.

mod fenced;
mod groups;
mod log;
mod runner;
mod sequence;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

pub use self::fenced::*;
pub use self::groups::*;
pub use self::log::*;
pub use self::runner::*;
pub use self::sequence::*;
use crate::port::{Appended, Consumer, Log, Notice};
use crate::record::{NewRecord, Record, TopicPartition};

/// How long a case waits for what must happen.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long a case watches that something does not happen.
const QUIET: Duration = Duration::from_millis(300);
/// Partitions of [`Fixture::topic`].
pub const PARTITIONS: u32 = 4;

/// Closes a log, of which this is the last handle, and opens it again.
pub type Reopen =
    Box<dyn Fn(Arc<dyn Log>) -> Pin<Box<dyn Future<Output = Arc<dyn Log>> + Send>> + Send + Sync>;

/// Another process's handle on a log; the same handle where a log has one process.
pub type Another = Box<dyn Fn(&Arc<dyn Log>) -> Arc<dyn Log> + Send + Sync>;

/// A log for one case.
pub struct Fixture {
    /// The log. No other handle of it is around, unless the case made one.
    pub log: Arc<dyn Log>,
    /// An empty topic with [`PARTITIONS`] partitions, not compacted.
    pub topic: String,
    /// An empty topic with one partition, compacted.
    pub compacted: String,
    /// A group that nobody else uses.
    pub group: String,
    /// A record with a value of this size or more is too large.
    pub max_record_bytes: usize,
    /// Calls with this many bytes or more do not fit the bound on bytes in flight. Several times
    /// `max_record_bytes`.
    pub max_in_flight_bytes: usize,
    /// Closes and opens the log.
    pub reopen: Reopen,
    /// Makes the log of another process.
    pub another: Another,
}

impl Fixture {
    fn partition(&self, number: u32) -> TopicPartition {
        TopicPartition::new(self.topic.as_str(), number)
    }

    async fn consumer(&self) -> Box<dyn Consumer> {
        self.log
            .consumer(&self.group, &[&self.topic])
            .await
            .expect("a consumer can join")
    }
}

/// Runs every case of the contract against the log that the given future of a [`Fixture`](crate::conformance::Fixture) makes.
///
/// Each case is a `#[tokio::test]`, so the caller depends on `tokio`.
#[macro_export]
macro_rules! log_conformance {
    ($fixture:expr) => {
        $crate::log_conformance!(@each $fixture;
            records_are_read_as_they_were_appended,
            offsets_ascend_within_a_call,
            concurrent_appenders_lose_nothing,
            an_empty_call_has_no_results,
            read_waits_for_the_next_record,
            read_gives_up_when_nothing_comes,
            read_outside_of_the_bounds_is_out_of_range,
            read_keeps_to_its_bytes_but_gives_one,
            bounds_follow_the_appends,
            unknown_partition_is_refused,
            too_large_record_is_poison_and_the_others_go_on,
            full_buffer_is_refused_at_once,
            acknowledged_records_survive_reopening,
            sequence_keeps_the_order_of_its_calls,
            sequence_spans_partitions,
            sequence_goes_on_after_a_refusal,
            broken_sequence_appends_nothing_more,
            dropped_call_breaks_the_sequence,
            dropped_call_in_the_queue_breaks_the_sequence,
            call_of_a_writer_keeps_its_order_over_topics,
            older_holder_of_a_name_appends_nothing,
            names_have_writers_of_their_own,
            refused_call_of_a_writer_appends_nothing,
            readers_see_a_call_of_a_writer_whole,
            reading_on_gets_to_the_end_behind_a_writer,
            removal_of_a_key_is_read_as_an_empty_value,
            plain_appends_go_on_beside_a_writer,
            name_is_taken_from_a_writer_at_work,
            commits_survive_reopening,
            each_record_goes_to_exactly_one_member,
            commit_is_remembered_by_the_next_member,
            groups_do_not_share_commits,
            nothing_is_delivered_before_the_first_seek,
            seek_goes_back_and_forth,
            paused_partition_delivers_nothing_and_loses_nothing,
            dropped_call_of_next_loses_nothing,
            revoked_partition_moves_only_after_its_release,
            foreign_partition_cannot_be_used,
            runner_processes_in_order_and_commits,
            runner_starts_where_the_processor_says,
            runner_repeats_a_transient_failure_with_the_same_records,
            runner_stops_on_a_failure_for_good,
            runner_stops_when_a_worker_panics,
            slow_partition_is_paused_while_others_go_on,
            shutdown_finishes_what_is_in_hand_and_commits,
            stuck_worker_is_abandoned_without_commit,
            second_runner_takes_over_a_share,
        );
    };
    (@each $fixture:expr; $($case:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::conformance::$case($fixture.await).await;
        }
    )+};
}

fn record(to: &TopicPartition, value: impl Into<Bytes>) -> NewRecord {
    NewRecord {
        to: to.clone(),
        key: Bytes::from_static(b"key"),
        value: value.into(),
        headers: vec![("kind".into(), Bytes::from_static(b"test"))],
    }
}

/// `count` records whose values are their number, as text, followed by zeros up to `bytes`.
fn numbered(to: &TopicPartition, count: usize, bytes: usize) -> Vec<NewRecord> {
    (0..count)
        .map(|number| {
            let mut value = number.to_string().into_bytes();
            value.resize(value.len().max(bytes), 0);
            record(to, value)
        })
        .collect()
}

async fn append(log: &dyn Log, records: Vec<NewRecord>) -> Vec<Appended> {
    let results = within(log.append(records)).await;
    results
        .into_iter()
        .map(|result| result.expect("the log takes the record"))
        .collect()
}

async fn read_all(log: &dyn Log, partition: &TopicPartition, from: u64) -> Vec<Record> {
    let end = log.bounds(partition).await.expect("the partition has bounds").end;
    let mut records: Vec<Record> = Vec::new();
    let mut next = from;
    while next < end {
        let read = within(log.read(partition, next, 64 << 10, DEADLINE))
            .await
            .expect("the log can be read");
        assert!(read.next > next, "there is more to read");
        next = read.next;
        records.extend(read.records);
    }
    records
}

fn offsets(records: &[Record]) -> Vec<u64> {
    records.iter().map(|record| record.offset).collect()
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future)
        .await
        .expect("it happens within the deadline")
}

async fn next(consumer: &mut dyn Consumer) -> Notice {
    within(consumer.next()).await.expect("the consumer goes on")
}

/// The next notice, unless nothing happens for a while.
async fn next_or_quiet(consumer: &mut dyn Consumer) -> Option<Notice> {
    timeout(QUIET, consumer.next())
        .await
        .ok()
        .map(|notice| notice.expect("the consumer goes on"))
}

/// Takes what is assigned until `count` partitions are, and starts each at its commit or the beginning.
async fn take_share(consumer: &mut dyn Consumer, count: usize) -> Vec<(TopicPartition, Option<u64>)> {
    let mut share = Vec::new();
    while share.len() < count {
        match next(consumer).await {
            Notice::Assigned(partitions) => {
                for (partition, committed) in &partitions {
                    consumer
                        .seek(partition, committed.unwrap_or(0))
                        .expect("an assigned partition can be sought");
                }
                share.extend(partitions);
            }
            other => panic!("expected an assignment, got {other:?}"),
        }
    }
    share
}
