//! The metrics of this crate: name, unit, meaning, labels.
//!
//! Labels are bounded by configuration: `group` and `topic` name what this process was told to read,
//! `call` and `outcome` are the few values listed with the metric.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Counter of records whose effects are durable. Labels: `group`, `topic`.
pub const FLUSHED_RECORDS: &str = "sluice_log_flushed_records_total";
/// Histogram of the seconds of one successful flush. Labels: `group`, `topic`.
pub const FLUSH_SECONDS: &str = "sluice_log_flush_seconds";
/// Counter of transient failures that were tried again. Labels: `group`, `topic`, `call` (`assigned`, `process`, `flush`, `commit`, `next`).
pub const RETRIES: &str = "sluice_log_retries_total";
/// Counter of pauses because a partition's task was behind. Labels: `group`, `topic`.
pub const PAUSES: &str = "sluice_log_pauses_total";
/// Gauge of bytes delivered and not flushed, over all partitions of this process. Labels: `group`.
pub const OUTSTANDING_BYTES: &str = "sluice_log_outstanding_bytes";
/// Gauge of partitions assigned to this process. Labels: `group`.
pub const ASSIGNED_PARTITIONS: &str = "sluice_log_assigned_partitions";
/// Counter of drained partitions. Labels: `group`, `outcome` (`completed`, `aborted`).
pub const DRAINS: &str = "sluice_log_drains_total";

/// Counter of records acknowledged by the log. Labels: `topic`.
pub const APPENDED_RECORDS: &str = "sluice_log_appended_records_total";
/// Counter of calls refused because the buffer was full.
pub const REFUSED_CALLS: &str = "sluice_log_refused_calls_total";
/// Gauge of bytes that wait for their acknowledgement.
pub const IN_FLIGHT_BYTES: &str = "sluice_log_in_flight_bytes";
/// Histogram of the seconds of one group commit of the embedded log, with its fsync.
pub const GROUP_COMMIT_SECONDS: &str = "sluice_log_group_commit_seconds";
/// Counter of records removed by retention and compaction. Labels: `topic`.
pub const REMOVED_RECORDS: &str = "sluice_log_removed_records_total";

/// Counter of records that the log on Kafka gave up. Labels: `topic`.
pub const DELIVERY_FAILURES: &str = "sluice_log_delivery_failures_total";
/// Counter of sequences of appends that the log on Kafka broke.
pub const BROKEN_SEQUENCES: &str = "sluice_log_broken_sequences_total";

/// Tells the recorder of this process what the metrics mean.
pub fn describe() {
    describe_counter!(FLUSHED_RECORDS, Unit::Count, "records whose effects are durable");
    describe_histogram!(
        FLUSH_SECONDS,
        Unit::Seconds,
        "time of one successful flush of a partition"
    );
    describe_counter!(RETRIES, Unit::Count, "transient failures that were tried again");
    describe_counter!(
        PAUSES,
        Unit::Count,
        "pauses because the task of a partition was behind"
    );
    describe_gauge!(OUTSTANDING_BYTES, Unit::Bytes, "bytes delivered and not flushed");
    describe_gauge!(
        ASSIGNED_PARTITIONS,
        Unit::Count,
        "partitions assigned to this process"
    );
    describe_counter!(DRAINS, Unit::Count, "partitions that were drained, by outcome");
    describe_counter!(APPENDED_RECORDS, Unit::Count, "records acknowledged by the log");
    describe_counter!(
        REFUSED_CALLS,
        Unit::Count,
        "append calls refused because the buffer was full"
    );
    describe_gauge!(
        IN_FLIGHT_BYTES,
        Unit::Bytes,
        "bytes that wait for their acknowledgement"
    );
    describe_histogram!(
        GROUP_COMMIT_SECONDS,
        Unit::Seconds,
        "time of one group commit with its fsync"
    );
    describe_counter!(
        REMOVED_RECORDS,
        Unit::Count,
        "records removed by retention and compaction"
    );
    describe_counter!(
        DELIVERY_FAILURES,
        Unit::Count,
        "records that the log on Kafka gave up"
    );
    describe_counter!(
        BROKEN_SEQUENCES,
        Unit::Count,
        "sequences of appends that were broken"
    );
}
