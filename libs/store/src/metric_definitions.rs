//! The metrics of this crate: name, unit, meaning, labels. Every label has the few values listed with it.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use crate::port::{Class, Error};

/// Counter of rows that were put. Label: `outcome` (`written`, `stale` where one at least as new was there,
/// `expired`). A cluster does not say what was stale.
pub const PUT_ROWS: &str = "sluice_store_put_rows_total";
/// Histogram of the seconds of one call. Label: `call` (`put`, `fetch`, `ids`, `delete`, `position`, `advance`; of the
/// search index `mark_fresh`, `fresh_places`, `put_fresh`, `fresh`, `put_pages`, `page`, `pages`, `remove_unit`,
/// `list`, `unlist`, `manifest`, `mark`, `advance_mark`; of statistics `put_rollups`, `rollups_of`, `rollups_in`).
pub const CALL_SECONDS: &str = "sluice_store_call_seconds";
/// Counter of calls that failed. Labels: `call` as above, `class` (`transient`, `poison`, `fatal`).
pub const FAILED_CALLS: &str = "sluice_store_failed_calls_total";
/// Histogram of the seconds of one request to a cluster, from when there was room for it. Label: `statement`
/// (`insert_events` for batches, `insert_event`, `fetch_events`, `delete_event`, `read_ids`, `insert_marker`,
/// `fetch_markers`, `advance`, `position`; of the search index `mark_fresh`, `fresh_places`, `insert_fresh_segments`
/// for batches, `insert_fresh`, `read_fresh`, `insert_pages` for batches, `insert_page`, `read_page`, `read_pages`,
/// `remove_unit`, `list`, `unlist`, `manifest`, `advance_mark`, `mark`; of statistics `insert_rollups` for batches,
/// `insert_rollup`, `read_rollups_of`, `read_rollups_in`).
pub const REQUEST_SECONDS: &str = "sluice_store_request_seconds";
/// Counter of requests to a cluster that failed. Label: `statement` as above.
pub const FAILED_REQUESTS: &str = "sluice_store_failed_requests_total";
/// Counter of rows that were read from a cluster. Label: `kind` (`event`, `id`, `fresh`, `page`, `entry`,
/// `rollup`).
pub const READ_ROWS: &str = "sluice_store_read_rows_total";
/// Histogram of the seconds of one fsync of the embedded store.
pub const SYNC_SECONDS: &str = "sluice_store_sync_seconds";
/// Counter of expired entries that were removed. Label: `kind` (`row`, also of the search index and of
/// statistics, `marker`).
pub const SWEPT: &str = "sluice_store_swept_total";
/// Gauge that is 1 where the embedded store takes writes, 0 after a failed write.
pub const WRITABLE: &str = "sluice_store_writable";

/// Tells the recorder of this process what the metrics mean.
pub fn describe() {
    describe_counter!(PUT_ROWS, Unit::Count, "rows that were put, by outcome");
    describe_histogram!(CALL_SECONDS, Unit::Seconds, "time of one call of the store");
    describe_counter!(FAILED_CALLS, Unit::Count, "calls of the store that failed");
    describe_histogram!(
        REQUEST_SECONDS,
        Unit::Seconds,
        "time of one request to the cluster"
    );
    describe_counter!(
        FAILED_REQUESTS,
        Unit::Count,
        "requests to the cluster that failed"
    );
    describe_counter!(READ_ROWS, Unit::Count, "rows that were read from the cluster");
    describe_histogram!(
        SYNC_SECONDS,
        Unit::Seconds,
        "time of one fsync of the embedded store"
    );
    describe_counter!(SWEPT, Unit::Count, "expired entries that were removed");
    describe_gauge!(
        WRITABLE,
        "1 where the embedded store takes writes, 0 after a failed write"
    );
}

/// Counts a call of the port that failed.
pub(crate) fn count_failure(call: &'static str, error: &Error) {
    let class = match error.class() {
        Class::Transient => "transient",
        Class::Poison => "poison",
        Class::Fatal => "fatal",
    };
    metrics::counter!(FAILED_CALLS, "call" => call, "class" => class).increment(1);
}
